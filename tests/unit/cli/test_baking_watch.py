"""The process that looks after baking periods: it runs while its owner does, and no longer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.projects import make_project
from tests.unit.serving.tiny import alive, until
from workbench.cli.baking_watch import BakingWatch
from workbench.errors import RegistryError
from workbench.monitoring.alerts import read
from workbench.project import Project, open_project
from workbench.registry import aliases
from workbench.serving.settings import LIVE_LOG
from workbench.store.database import open_database
from workbench.store.standing import Teller

MODEL = """[model]
name = "tiny-model"
features = "helpers:build"
"""
pytestmark = pytest.mark.server


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path / "project", {"train": []})


@pytest.mark.practice("P4")
def test_another_takes_the_place_of_one_that_was_killed_and_none_is_left(project: Project) -> None:
    with BakingWatch(project) as watch:
        assert watch.pid is None
        watch()
        first = watch.pid
        assert first is not None
        watch()
        assert watch.pid == first
        os.kill(first, signal.SIGKILL)
        until(lambda: (watch(), watch.pid not in (None, first))[1])
        second = watch.pid
        assert second is not None
    assert not alive(first)
    assert not alive(second)


_OWNER = """
import sys, time
sys.path.insert(0, {repository!r})
from workbench.cli.baking_watch import BakingWatch
from workbench.project import open_project
watch = BakingWatch(open_project({project!r}))
watch()
print(watch.pid, flush=True)
time.sleep(600)
"""


def test_it_ends_when_its_owner_is_killed(project: Project, repository_root: Path) -> None:
    program = _OWNER.format(repository=str(repository_root), project=str(project.root))
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        assert alive(pid)
        owner.kill()
    until(lambda: not alive(pid), seconds=60)


@pytest.mark.practice("P2")
def test_that_the_champion_is_refused_is_told_even_where_nothing_bakes(project: Project) -> None:
    with (project.root / "workbench.toml").open("a") as config:
        config.write("\n[baking]\nenabled = false\n")
    with suppress(RegistryError):  # MLflow has no such version; the ledger stands
        aliases.move(project, [aliases.Move("champion", None, 2)], reason="the better one")
    server = Teller(project)
    server.tell(2, 1, "version 2 does not load", datetime.now(UTC))
    with BakingWatch(open_project(project.root)) as watch:
        watch()
        until(lambda: told(project) == ["not-served"], seconds=60)


def told(project: Project) -> list[str]:
    with open_database(project).read() as connection:
        return [alert.rule for alert in read(connection, LIVE_LOG)]


def test_a_project_without_a_model_has_none(project: Project) -> None:
    config = project.root / "workbench.toml"
    config.write_text(config.read_text().replace(MODEL, ""))
    with BakingWatch(open_project(project.root)) as watch:
        watch()
        assert watch.pid is None
