"""Batch scoring by schedule: a command, and a notebook that does the same, at the time that was set."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from tests.baked import GOOD, INPUTS, asked, log_of, make_baked
from tests.projects import write_notebook
from workbench import monitoring
from workbench.execution.schedule import records
from workbench.execution.schedule.records import ScheduledTime
from workbench.execution.schedule.scheduler import Scheduler
from workbench.project import Project, open_project
from workbench.registry import promotion
from workbench.store.clock import SETTING, SetClock
from workbench.store.database import open_database

START = datetime(2026, 9, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ROWS = 150
SCHEDULES = """
[[schedules]]
name = "scores"
cron = "1 0 * * *"
command = ["predict", "--input", "new.csv", "--output", "scored.parquet"]
code = "following"

[[schedules]]
name = "scores-by-notebook"
cron = "1 0 * * *"
notebook = "notebooks/score.ipynb"
parameters = { source = "new.csv" }
code = "following"
"""
CELLS = (
    "import workbench\nfrom workbench import serving\nphase = workbench.phase('score')",
    "root = phase.project.root\n"
    "done = serving.score_file(phase.project, root / source, root / 'by-notebook.csv')\n"
    "phase.note('summary', f'{done.rows:,} rows')",
)


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SetClock:
    made = SetClock(tmp_path / "clock")
    made.set(START)
    monkeypatch.setenv(SETTING, str(made.path))
    return made


@pytest.fixture
def project(tmp_path: Path, clock: SetClock) -> Project:
    root = make_baked(tmp_path / "project").root
    with (root / "workbench.toml").open("a") as config:
        config.write(SCHEDULES)
    write_notebook(root / "notebooks" / "score.ipynb", list(CELLS), 'source: str = ""  # a file of raw rows')
    asked(ROWS)[INPUTS].to_csv(root / "new.csv", index=False)
    project = open_project(root)
    promotion.promote(project, GOOD, reason="good")
    return project


def test_what_a_schedule_scores_is_in_the_log_and_the_monitor_sees_it(
    project: Project, clock: SetClock
) -> None:
    said: list[str] = []
    scheduler = Scheduler(project, clock, at_once=1, notify=lambda *_: None, say=said.append)
    scheduler.look()
    clock.set(START + 2 * MINUTE)
    scheduler.run_once()
    command, notebook = _times(project)
    assert (command.status, notebook.status) == ("finished", "finished"), said
    assert (Path(notebook.report) / "report.html").is_file()
    assert len(pd.read_parquet(project.root / "scored.parquet")) == ROWS
    assert len(pd.read_csv(project.root / "by-notebook.csv")) == ROWS

    log, name = log_of(project)
    logged = log.read()
    assert len(logged) == 2 * ROWS
    assert set(logged["asked_at"]) == {pd.Timestamp(START + 2 * MINUTE)}
    clock.set(START + 3 * MINUTE)
    (first,) = monitoring.watch(project, log, name, clock=clock).findings
    assert first.champion is not None
    assert (first.champion.version, first.champion.rows) == (GOOD, 2 * ROWS)
    assert len(first.champion.drift.judged) > 0


def _times(project: Project) -> list[ScheduledTime]:
    with open_database(project).read() as connection:
        found = records.history(connection, project.name)
    return sorted((each for each in found if each.status != "skipped"), key=lambda each: each.schedule)
