"""Versions that did not pass their gates land on the backlog."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.registry import small
from workbench.project import Project
from workbench.registry.gates.unpassed import put_on_backlog
from workbench.store import backlog
from workbench.store.backlog import Item
from workbench.store.database import open_database


def on_backlog(project: Project) -> list[Item]:
    with open_database(project).read() as connection:
        return backlog.items(connection, project.name)


@pytest.mark.practice("T2", "L5")
def test_a_version_that_is_registered_without_passing_is_something_to_look_at(tmp_path: Path) -> None:
    project = small.small_project(tmp_path / "project")
    run = small.start(project)
    trained = small.train(run)
    for verdict in ("passed", "failed", "inconclusive"):
        small.register(run, trained, verdict)
    failed, doubtful = on_backlog(project)
    assert failed.title.startswith("tiny-model v2 failed its gates: ")
    assert (failed.kind, failed.priority, failed.subject) == ("gate", "normal", "tiny-model v2")
    assert failed.links == (f"run {run.run_id}", "workbench models show 2")
    assert doubtful.title.startswith("tiny-model v3 has gates that could not tell: ")
    assert doubtful.priority == "low"
    for version, verdict in ((2, "failed"), (3, "inconclusive")):
        put_on_backlog(project, version, small.validation(verdict), run.run_id)
    assert on_backlog(project) == [failed, doubtful]
