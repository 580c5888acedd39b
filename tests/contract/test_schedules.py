"""Scheduled times on SQLite and on PostgreSQL: each is claimed once, by whoever looks, whatever clocks do."""

from __future__ import annotations

import shutil
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from tests.contract import racing, schedulers
from tests.processes import FORKED
from tests.projects import migrated_stores
from tests.repeats import FULL, moments, repeats
from tests.scheduled import make
from workbench.execution.schedule import records
from workbench.execution.schedule.records import ScheduledTime
from workbench.project import Project
from workbench.store import tables
from workbench.store.database import Database, open_database

SPRING, AUTUMN = datetime(2026, 3, 6, tzinfo=UTC), datetime(2026, 10, 2, tzinfo=UTC)
NOW = datetime(2026, 5, 1, 6, tzinfo=UTC)
_CRONS = ("30 2 * * *", "15 1-3 * * *", "0 * * * *", *(("*/15 * * * *",) if FULL else ()))


def _claim(database: Database, *times: datetime, by: str = "ada", **more: Any) -> list[ScheduledTime]:
    with database.write() as connection:
        return records.claim(connection, "night", "nightly", times, by=by, at=NOW, **more)


def _change(database: Database, seen: ScheduledTime, **values: Any) -> ScheduledTime | None:
    with database.write() as connection:
        return records.change(connection, seen, **values)


@pytest.fixture
def database(tmp_path: Path, database_url: str) -> Database:
    return open_database(make(tmp_path / "project", url=database_url))


def test_a_time_is_claimed_once_and_who_comes_later_gets_the_rest(database: Database) -> None:
    first, second, third = (NOW + timedelta(hours=hour) for hour in range(3))
    (mine,) = _claim(database, second)
    assert (mine.claimed_by, mine.status, mine.attempt, mine.scheduled_at) == ("ada", "claimed", 1, second)
    assert [each.scheduled_at for each in _claim(database, third, second, first, by="ben")] == [first, third]
    assert _claim(database, first, second, third, by="cem") == []
    with database.read() as connection:
        assert records.last_times(connection, "night", second) == {"nightly": second}
        assert [each.claimed_by for each in records.open_times(connection, "night")] == ["ben", "ada", "ben"]
        assert records.newest(connection, "night")["nightly"].scheduled_at == third


def test_only_who_holds_it_changes_it(database: Database) -> None:
    (claimed,) = _claim(database, NOW)
    taken = _change(database, claimed, claimed_by="ben")
    assert taken is not None
    assert _change(database, claimed, status="running") is None
    running = _change(database, taken, status="running")
    assert running is not None
    assert _change(database, taken, status="running") is None
    failed = _change(
        database, running, status="failed", next_try=NOW, ended_at=NOW, note="two\nlines\x00" + "x" * 999
    )
    assert failed is not None
    with database.read() as connection:
        (found,) = records.to_retry(connection, "night", NOW)
        assert records.to_retry(connection, "night", NOW - timedelta(seconds=1)) == []
    assert found == failed
    assert "\n" not in found.note


def test_while_a_time_runs_none_of_its_schedule_begins_and_what_runs_comes_first(database: Database) -> None:
    nine, ten = _claim(database, NOW, NOW + timedelta(hours=1))
    with database.write() as connection:
        assert not records.goes_on(connection, "night", "nightly")
        assert records.ahead(connection, "night") == {"nightly": nine.id}
        assert records.change(connection, ten, status="running") is not None
    with database.write() as connection:
        assert records.goes_on(connection, "night", "nightly")
        assert not records.goes_on(connection, "night", "hourly")
        assert records.ahead(connection, "night") == {"nightly": ten.id}


def test_no_scheduled_time_is_ever_removed(database: Database) -> None:
    _claim(database, NOW)
    with pytest.raises(DBAPIError, match="append-only"), database.write() as connection:
        connection.execute(tables.scheduled_times.delete())


def _race(project: Project, target: Any, racers: int, *more: Any) -> list[Any]:
    here, there = FORKED.Pipe()
    process = FORKED.Process(
        target=racing.all_at_once, args=(there, target, str(project.root), tuple(range(racers)), more)
    )
    process.start()
    there.close()
    assert here.poll(170), "the race does not end"
    told, exits = here.recv()
    process.join(60)
    assert exits == [0] * racers
    return [found for _, found in told]


_RACES = [(2, SPRING), (5, AUTUMN), *([(5, SPRING), (2, AUTUMN)] if FULL else [])]


@pytest.mark.parametrize(
    ("racers", "start"), _RACES, ids=lambda given: f"{given:%B}" if hasattr(given, "month") else given
)
def test_each_time_is_claimed_once_through_changes_of_clocks_steps_and_sleep(
    tmp_path: Path, database_url: str, racers: int, start: datetime
) -> None:
    project = make(tmp_path / "project", schedulers.declared(*_CRONS), database_url)
    open_database(project).close()
    claimed = [each for found in _race(project, schedulers.claim_all, racers, start) for each in found]
    every = schedulers.expected(project, start, racers)
    assert Counter(claimed) == Counter(every)


def test_killed_schedulers_lose_nothing_and_run_nothing_twice(tmp_path: Path, database_url: str) -> None:
    project = make(tmp_path / "project", schedulers.declared("0 */12 * * *"), database_url)
    shutil.copyfile(migrated_stores() / "mlflow.db", project.state / "mlflow.db")
    open_database(project).close()
    rounds, killed, wait = repeats(50, 4), 0, moments(1, 1.5)
    for round_ in range(rounds):
        racers = [
            FORKED.Process(
                target=schedulers.run_and_die,
                args=(str(project.root), 2 * round_ + number, SPRING, next(wait)),
            )
            for number in range(2)
        ]
        for racer in racers:
            racer.start()
        for racer in racers:
            racer.join(100)
        killed += sum(racer.exitcode != 0 for racer in racers)
    assert killed
    last = FORKED.Process(target=schedulers.run_and_die, args=(str(project.root), 0, SPRING, 100.0))
    last.start()
    last.join(120)
    assert last.exitcode == 0
    done = Counter((project.state / "done.txt").read_text().splitlines())
    assert set(done.values()) == {1}, "an attempt ran twice"
    with open_database(project).read() as connection:
        rows = records.history(connection, project.name, last=10_000)
    every = schedulers.expected(project, SPRING, 2 * rounds)
    ran = {(each.schedule, each.scheduled_at): each for each in rows if each.status != "skipped"}
    assert set(ran) == every
    assert {each.status for each in ran.values()} == {"finished"}
    # What ran more than once had its attempt before cut short, and says so by its number.
    assert all(done[each.mark] == 1 for each in ran.values())
