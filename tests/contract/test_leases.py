"""Leases on SQLite and on PostgreSQL: one holder at a time, whatever the clocks do."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.repeats import repeats
from tests.scheduled import make
from tests.unit.serving.tiny import until
from workbench.errors import LeaseHeld
from workbench.store import leases, tables
from workbench.store.clock import SimulatedClock
from workbench.store.database import Database, open_database

_START = datetime(2026, 3, 1, tzinfo=UTC)
_ROUNDS = repeats(100)


@pytest.fixture
def database(tmp_path: Path, database_url: str) -> Database:
    return open_database(make(tmp_path / "project", url=database_url))


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(_START)


def _later(clock: SimulatedClock, seconds: float) -> None:
    clock.time += timedelta(seconds=seconds)


def test_one_holds_it_until_it_is_given_back(database: Database, clock: SimulatedClock) -> None:
    mine = leases.take(database, "baking", "ada", 60, clock)
    assert mine is not None
    assert (mine.holder, mine.until) == ("ada", _START + timedelta(seconds=60))
    assert leases.take(database, "baking", "ben", 60, clock) is None
    assert leases.take(database, "other", "ben", 60, clock) is not None
    leases.release(database, mine)
    assert leases.take(database, "baking", "ben", 60, clock) is not None


def test_a_holder_that_died_frees_it_by_time_and_one_that_lives_renews(
    database: Database, clock: SimulatedClock
) -> None:
    mine = leases.take(database, "baking", "ada", 60, clock)
    for _ in range(3):
        _later(clock, 40)
        assert mine is not None
        mine = leases.renew(database, mine, 60, clock)
        assert leases.take(database, "baking", "ben", 60, clock) is None
    _later(clock, 60)
    assert leases.take(database, "baking", "ben", 60, clock) is not None
    assert mine is not None
    assert leases.renew(database, mine, 60, clock) is None
    leases.release(database, mine)
    assert leases.take(database, "baking", "ada", 60, clock) is None


@pytest.mark.parametrize("back", [timedelta(hours=1), timedelta(days=3650)])
def test_a_clock_set_back_frees_it_neither_early_nor_never(
    database: Database, clock: SimulatedClock, back: timedelta
) -> None:
    mine = leases.take(database, "baking", "ada", 60, clock)
    clock.time -= back
    for _ in range(3):  # the first look begins the whole time anew
        assert leases.take(database, "baking", "ben", 60, clock) is None
        _later(clock, 29)
    assert mine is not None
    _later(clock, 31)
    assert leases.take(database, "baking", "ben", 60, clock) is not None
    assert leases.renew(database, mine, 60, clock) is None


def test_a_holder_that_lives_keeps_it_when_the_clock_is_set_back(
    database: Database, clock: SimulatedClock
) -> None:
    mine = leases.take(database, "baking", "ada", 60, clock)
    clock.time -= timedelta(hours=1)
    assert leases.take(database, "baking", "ben", 60, clock) is None
    assert mine is not None
    assert leases.renew(database, mine, 60, clock) is not None
    _later(clock, 59)
    assert leases.take(database, "baking", "ben", 60, clock) is None


def test_the_block_holds_it_and_others_are_told_who_does(database: Database, clock: SimulatedClock) -> None:
    with (
        leases.lease(database, "retrain", "ada", 60, clock),
        pytest.raises(LeaseHeld, match="retrain is being done already by ada until 00:01:00 UTC"),
        leases.lease(database, "retrain", "ben", 60, clock),
    ):
        pytest.fail("two at once")
    with pytest.raises(KeyError), leases.lease(database, "retrain", "ben", 60, clock):
        raise KeyError
    with leases.lease(database, "retrain", "cem", 60, clock) as mine:
        assert mine.holder == "cem"


def test_it_is_renewed_while_its_holder_does_something_else(
    database: Database, clock: SimulatedClock
) -> None:
    def now() -> leases.Lease:
        found = leases.find(database, "scheduler")
        assert found is not None
        return found

    mine = leases.take(database, "scheduler", "ada", 0.04, clock)
    assert mine is not None
    renewal = leases.Renewal(database, mine, 0.04, clock, again=True)
    _later(clock, 60)
    until(lambda: now().held(clock.now()))
    with database.write() as connection:  # somebody took it in spite of that, and gave it back
        connection.execute(tables.leases.update().values(holder="", number=tables.leases.c.number + 2))
    until(lambda: now().holder == "ada")
    assert renewal.end() == now()


def test_one_that_is_forgotten_was_never_there(database: Database, clock: SimulatedClock) -> None:
    mine = leases.take(database, "scheduler", "ada", 60, clock)
    assert mine is not None
    later = leases.renew(database, mine, 60, clock)
    leases.remove(database, mine)  # as it was before
    assert leases.find(database, "scheduler") == later
    assert later is not None
    leases.remove(database, later)
    assert leases.find(database, "scheduler") is None


def test_of_many_that_want_it_at_once_one_gets_it(database: Database, clock: SimulatedClock) -> None:
    names = ("ada", "ben", "cem", "dee")
    with ThreadPoolExecutor(len(names)) as pool:
        for number in range(_ROUNDS):
            if number % 2:
                _later(clock, 61)  # what was there is free again
            name = f"work-{number // 2}"
            found = list(pool.map(lambda who, name=name: leases.take(database, name, who, 60, clock), names))
            assert len([each for each in found if each]) == 1
