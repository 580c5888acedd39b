"""``workbench prune``, as a person sees it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.projects import make_project
from tests.unit.tracking.published import NOW, folder_of, leave_run
from workbench.cli.prune import prune
from workbench.project import Project
from workbench.site.index import build_index

_AGE = (datetime.now(UTC) - NOW) / timedelta(days=1)  # the runs here began that many days before now


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
