"""Which of the scheduled times that a scheduler holds it starts, and which have to wait for their turn."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from tests.scheduled import make
from workbench.execution.schedule import jobs, records
from workbench.execution.schedule.records import ScheduledTime
from workbench.execution.schedule.running import Running
from workbench.execution.schedule.scheduler import Scheduler
from workbench.project import Project
from workbench.store.clock import SimulatedClock
from workbench.store.database import Database, open_database

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
SCHEDULE = '[[schedules]]\nname = "hourly"\ncron = "0 * * * *"\nphases = ["gather"]\ncode = "following"\n'


class _Process:
    """One that goes on for ever, unless it is given how it ended."""

    ended: int | None = None

    def poll(self) -> int | None:
        return self.ended


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make(tmp_path / "project", SCHEDULE)


@pytest.fixture
def database(project: Project) -> Database:
    return open_database(project)


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """What was started, in this order; nothing really runs."""
    found: list[datetime] = []

    def begin(
        _project: object, _schedule: object, time: ScheduledTime, *_: object, before: Callable[[], None]
    ):
        before()
        found.append(time.scheduled_at)
        return _Process()

    monkeypatch.setattr(jobs, "begin", begin)
    return found


def _scheduler(database: Database) -> Running:
    return Running(database, SimulatedClock(NINE), 4, notify=lambda *_: None, say=lambda _: None)


def _claimed(database: Database, at: datetime, by: str = "ada") -> ScheduledTime:
    with database.write() as connection:
        (mine,) = records.claim(connection, "night", "hourly", [at], by=by, at=at)
    return mine


def _change(database: Database, seen: ScheduledTime, status: str) -> ScheduledTime:
    with database.write() as connection:
        changed = records.change(connection, seen, status=status)
    assert changed is not None
    return changed


def test_a_second_attempt_waits_for_a_later_time_that_runs_already(
    project: Project, database: Database, begun: list[datetime]
) -> None:
    ten = _change(database, _claimed(database, NINE + HOUR, "ben"), "running")
    here = _scheduler(database)
    here.add([_claimed(database, NINE)])
    here.start(project)
    assert (begun, here.idle) == ([], False)
    _change(database, ten, "finished")
    here.start(project)
    assert begun == [NINE]


def test_of_two_schedulers_whose_turn_it_seems_to_be_one_starts(
    project: Project, database: Database, begun: list[datetime], monkeypatch: pytest.MonkeyPatch
) -> None:
    nine, ten = _claimed(database, NINE), _claimed(database, NINE + HOUR, "ben")
    here = _scheduler(database)
    here.add([nine])
    begin = jobs.begin

    def late(*arguments: object, before: Callable[[], None]) -> object:
        """While this one gets ready, the other begins."""
        _change(database, ten, "running")
        return begin(*arguments, before=before)  # type: ignore[arg-type]

    monkeypatch.setattr(jobs, "begin", late)
    here.start(project)
    assert (begun, here.in_hand, here.going_on) == ([], {nine.id}, 0)


def test_what_has_ended_is_put_on_record_when_the_database_is_back(
    project: Project, database: Database, begun: list[datetime]
) -> None:
    here = _scheduler(database)
    here.add([_claimed(database, NINE)])
    here.start(project)
    (process,) = here.processes
    process.ended = 0  # type: ignore[attr-defined]
    database.close()
    file = project.state / "workbench.db"
    file.rename(project.state / "away.db")
    file.mkdir()
    with pytest.raises(OperationalError):
        here.collect(project)
    assert (here.processes, here.going_on) == ([], 1)  # nothing to wait for, and not forgotten
    file.rmdir()
    (project.state / "away.db").rename(file)
    here.collect(project)
    with database.read() as connection:
        assert [each.status for each in records.history(connection, "night")] == ["finished"]
    assert here.idle


def test_who_is_to_run_what_is_due_now_and_cannot_look_it_up_fails(
    project: Project, database: Database
) -> None:
    said: list[str] = []
    scheduler = Scheduler(project, SimulatedClock(NINE), at_once=1, notify=lambda *_: None, say=said.append)
    database.close()
    (project.state / "workbench.db").unlink()
    (project.state / "workbench.db").mkdir()
    with pytest.raises(OperationalError):
        scheduler.run_once()
    assert said == []  # the command says it, once
