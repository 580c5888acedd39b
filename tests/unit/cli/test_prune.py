"""``workbench prune``, as a person sees it."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.projects import make_project
from tests.unit.tracking.published import NOW, folder_of, leave_run
from workbench.cli.prune import prune
from workbench.execution.schedule import pinned
from workbench.project import Project
from workbench.site.index import build_index

_AGE = (datetime.now(UTC) - NOW) / timedelta(days=1)  # the runs here began that many days before now
_PINNED = """
[[schedules]]
name = "nightly"
cron = "0 3 * * *"
command = "check"
code = "pinned:{commit}"
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    made = make_project(tmp_path / "project", {"train": []})
    monkeypatch.chdir(made.root)
    return made


def _call(*arguments: str) -> str:
    done = CliRunner().invoke(prune, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def _keep(project: Project, days: float) -> None:
    text = (project.root / "workbench.toml").read_text()
    (project.root / "workbench.toml").write_text(text + f"\n[retention]\ndays = {days}\nkeep = 1\n")


def test_a_dry_run_says_and_keeps_what_a_prune_removes(project: Project) -> None:
    _keep(project, _AGE + 30)
    old, new = leave_run(project, days_ago=40), leave_run(project, days_ago=20)
    page = build_index(project)
    shown = _call("--dry-run")
    assert "would be removed" in shown
    assert "1 report" in shown
    told = json.loads(_call("--dry-run", "--json"))
    assert (told["removed"], told["runs"], told["bytes"] > 0) == (False, [old], True)
    assert folder_of(project, old) is not None
    shown = _call()
    assert "mlflow gc" in shown
    assert (folder_of(project, old), folder_of(project, new) is not None) == (None, True)
    assert old[:8] not in page.read_text()
    assert "nothing to remove" in _call()


def test_without_a_limit_it_says_that_only_drafts_are_looked_at(project: Project) -> None:
    run_id = leave_run(project, days_ago=1000)
    assert "only drafts are looked at" in _call()
    assert folder_of(project, run_id) is not None


def _git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    done = subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_what_schedules_left_goes_when_it_is_old_or_nobody_is_pinned_to_it(project: Project) -> None:
    (project.root / ".gitignore").write_text(".workbench/\n")
    for arguments in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "good")):
        _git(project.root, *arguments)
    commit = _git(project.root, "rev-parse", "--short=12", "HEAD")
    tree = pinned.folder_of(project, commit)
    old, new, goes_on = (_said(project, name) for name in ("old", "new", "goes-on"))
    for path in (old, goes_on):
        os.utime(path, (0, 0))
    config = project.root / "workbench.toml"
    without = config.read_text()
    config.write_text(f"{without}{_PINNED.format(commit=commit)}")
    with open(goes_on, "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert json.loads(_call("--json"))["scheduled"] == [str(old)]
    assert [path.exists() for path in (old, new, goes_on, tree)] == [False, True, True, True]
    config.write_text(without)
    assert "1 file and 1 checked-out commit" in _call("--dry-run")
    assert tree.exists()
    assert "1 file and 1 checked-out commit" in _call()
    assert [path.exists() for path in (new, goes_on, tree)] == [True, False, False]
    assert _git(project.root, "worktree", "list").count("\n") == 0
    assert (project.state / "workbench.db").exists()
    assert pinned.folder_of(project, commit).exists()


def _said(project: Project, name: str) -> Path:
    folder = project.state / "schedules"
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}-20260301T000000Z-1.log"
    path.write_text("killed\n")
    return path
