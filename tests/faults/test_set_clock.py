"""Several processes go by one clock that is set: what is due then is done by one of them, at that time."""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.processes import FORKED
from tests.projects import make_project
from tests.unit.serving.tiny import until
from workbench.cli.commands import main
from workbench.execution.schedule import records
from workbench.execution.schedule.records import ScheduledTime
from workbench.project import Project, open_project
from workbench.store.clock import SETTING, SetClock
from workbench.store.database import open_database

START = datetime(2013, 11, 1, 12, tzinfo=UTC)
DAYS = 3
# Clocks in New York are set back in the second night.
NIGHTLY = """
[[schedules]]
name = "nightly"
cron = "30 2 * * *"
timezone = "America/New_York"
phases = ["gather"]
force = true
code = "following"
"""


def _schedule(root: str, agents: str, clock: str) -> None:
    """``workbench schedule run``, until it is told to end."""
    os.environ.update({"WORKBENCH_AGENT_DIR": agents, SETTING: clock})
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(root)
    main(["schedule", "run"])


def _times(project: Project) -> list[ScheduledTime]:
    """Oldest first, without the one that was there when the schedule was first seen."""
    with open_database(project).read() as connection:
        found = records.history(connection, project.name)
    return [each for each in found[::-1] if each.status != "skipped"]


@pytest.mark.timeout(180)
def test_two_schedulers_follow_a_clock_that_is_set(tmp_path: Path) -> None:
    made = make_project(tmp_path / "p", {"gather": []})
    with (made.root / "workbench.toml").open("a") as config:
        config.write(NIGHTLY)
    project, clock = open_project(made.root), SetClock(tmp_path / "clock")
    open_database(project).close()
    clock.set(START)
    about = (str(project.root), os.environ["WORKBENCH_AGENT_DIR"], str(clock.path))
    both = [FORKED.Process(target=_schedule, args=about) for _ in range(2)]
    for process in both:
        process.start()
    try:
        until(lambda: _seen(project), seconds=60)
        for day in range(1, DAYS + 1):
            clock.set(START + timedelta(days=day))
            until(lambda day=day: [each.status for each in _times(project)] == ["finished"] * day, seconds=60)
    finally:
        for process in both:
            process.terminate()
        for process in both:
            process.join(60)
    assert [process.exitcode for process in both] == [0, 0]
    found = _times(project)
    assert [f"{each.scheduled_at:%d %H:%M}" for each in found] == [
        "02 06:30",
        "03 07:30",
        "04 07:30",
    ]
    for day, each in enumerate(found, 1):
        assert each.claimed_at == each.ended_at == START + timedelta(days=day)
        assert (Path(each.report) / "report.html").is_file()


def _seen(project: Project) -> bool:
    with open_database(project).read() as connection:
        return bool(records.history(connection, project.name))
