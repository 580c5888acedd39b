"""``workbench schedule``, as a person sees it."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.scheduled import make
from workbench.cli.schedule import schedule
from workbench.errors import UnknownName, UsageError
from workbench.execution.schedule import records
from workbench.project import Project
from workbench.store.database import open_database

Tell = Callable[..., str]
SCHEDULES = """
[[schedules]]
name = "nightly"
cron = "30 6 * * *"
timezone = "America/New_York"
phases = ["gather"]
parameters = { label = "a b", rows = 10, strict = true }
code = "following"

[[schedules]]
name = "scores"
fresh = { dataset = "scores", within = "26h" }
command = ["predict", "--input", "new.csv"]
code = "pinned:1a2b3c4d"

[[schedules]]
name = "off"
cron = "0 0 * * *"
notebook = "notes.ipynb"
code = "following"
enabled = false
"""
TIME = datetime(2026, 5, 1, 10, 30, tzinfo=UTC)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    made = make(tmp_path / "a project", SCHEDULES)
    monkeypatch.chdir(made.root)
    monkeypatch.setenv("COLUMNS", "250")
    return made


@pytest.fixture
def tell(project: Project) -> Tell:
    def run(*arguments: str) -> str:
        done = CliRunner().invoke(schedule, list(arguments), catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    return run


def _put(project: Project, moment: datetime = TIME, **values: Any) -> None:
    with open_database(project).write() as connection:
        (claimed,) = records.claim(connection, project.name, "nightly", [moment], by="ada", at=moment)
        assert records.change(connection, claimed, **values)


def test_the_list_says_what_runs_when_and_on_which_code(tell: Tell, project: Project) -> None:
    _put(project, status="failed", note="no route to host")
    nightly, scores, off = json.loads(tell("list", "--json"))
    assert nightly["runs"] == "run gather -p 'label=a b' -p rows=10 -p strict=true"
    assert datetime.fromisoformat(nightly["next_time"]) > datetime.now(UTC)
    assert (nightly["last"]["status"], nightly["last"]["note"]) == ("failed", "no route to host")
    assert (scores["when"], scores["code"]) == ("scores older than 26 h", "pinned:1a2b3c4d")
    assert (off["enabled"], off["next_time"], off["last"]) == (False, None, None)
    shown = tell("list")
    for words in ("30 6 * * * America/New_York", "06:30", "2026-05-01 06:30 EDT", "failed", "not enabled"):
        assert words in shown


def test_the_history_says_what_became_of_each_time(tell: Tell, project: Project) -> None:
    assert json.loads(tell("history", "nightly", "--json")) == []
    report = str(project.root / ".workbench" / "reports" / "gather" / "one")
    _put(project, status="finished", run_id="4f2a91c0aa", report=report)
    _put(
        project, TIME.replace(day=2), status="failed", note="[red]gather[/] raised", next_try=TIME, attempt=2
    )
    shown = tell("history")
    assert shown.index("05-02") < shown.index("05-01")
    for words in ("4f2a91c0 ", ".workbench/reports/gather/one", "[red]gather[/] raised (again at 10:30:00"):
        assert words in shown
    newest, _ = json.loads(tell("history", "nightly", "--json"))
    assert (newest["status"], newest["attempt"]) == ("failed", 2)
    assert newest["note"] == "[red]gather[/] raised"
    _put(project, TIME.replace(day=3), status="failed", note="exit status 1: \x1b[2Jgone\x07")
    assert "exit status 1: \ufffd[2Jgone\ufffd" in tell("history")


def test_names_that_are_not_there(tell: Tell) -> None:
    with pytest.raises(UnknownName, match=r"no schedule 'nihgtly'.*did you mean 'nightly'"):
        tell("history", "nihgtly")


def test_without_schedules_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(make(tmp_path / "bare").root)
    with pytest.raises(UsageError, match=r"has no \[\[schedules\]\]: say what runs when"):
        CliRunner().invoke(schedule, ["run"], catch_exceptions=False)
    assert "none" in CliRunner().invoke(schedule, ["list"], catch_exceptions=False).output


def test_what_is_exported_starts_the_scheduler_in_the_projects_folder(tell: Tell, project: Project) -> None:
    line = tell("export")
    when, command = line.split(maxsplit=1)
    assert when == "@reboot"
    words = shlex.split(command)
    assert words[:2] == ["cd", str(project.root)]
    assert words[3:8] == [sys.executable, "-m", "workbench", "schedule", "run"]
    unit = tell("export", "--systemd").splitlines()
    assert f"WorkingDirectory={project.root}" in unit
    assert f'ExecStart="{sys.executable}" -m workbench schedule run' in unit
