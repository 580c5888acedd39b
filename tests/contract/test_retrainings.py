"""Retrainings on SQLite and PostgreSQL: one open at a time, each cause answered once, no step taken twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from tests.scheduled import make
from tests.unit.serving.tiny import until
from workbench.errors import LeaseHeld
from workbench.monitoring.retraining import Decision, record
from workbench.monitoring.retraining.alone import alone
from workbench.store import leases
from workbench.store.database import Database, open_database

_NOW = datetime(2026, 12, 1, tzinfo=UTC)
_CALLED = Decision(True, "performance", "It dropped.", None, _NOW - timedelta(30), _NOW, ("2026-11",))
_OTHER = replace(_CALLED, trigger="data_drift")


@pytest.fixture
def database(tmp_path: Path, database_url: str) -> Database:
    return open_database(make(tmp_path / "project", url=database_url))


def _begin(database: Database, decision: Decision = _CALLED, champion: int | None = 1) -> record.Retraining:
    with database.write() as connection:
        return record.begin(connection, "late", decision, champion, _NOW)


def _end(database: Database, item: record.Retraining, decision: record.Outcome) -> record.Retraining:
    changes = {"decision": decision, "decided_at": _NOW}
    with database.write() as connection:
        return record.advance(connection, item, "decided", _NOW, {"explanation": "Why."}, **changes)


def test_what_was_begun_is_found_as_it_was_and_is_the_only_one(database: Database) -> None:
    item = _begin(database)
    with database.read() as connection:
        assert record.under_way(connection, "late") == item
        assert record.under_way(connection, "early") is None
    assert (item.called_for, item.champion, item.status) == (_CALLED, 1, "training")
    assert item.in_short == "retraining 1, performance: 2026-11"
    with pytest.raises(IntegrityError):
        _begin(database, _OTHER)
    with database.read() as connection:
        assert record.read(connection, "late") == [item]


def test_a_cause_is_answered_once_unless_it_failed(database: Database) -> None:
    failed = _end(database, _begin(database), "failed")
    with database.read() as connection:
        assert record.answered(connection, "late", _CALLED, 1) is None
        assert record.decided_last(connection, "late", _NOW) is None
    refused = _end(database, _begin(database), "refused")
    assert refused.explanation == "Why."
    with database.read() as connection:
        assert record.answered(connection, "late", _CALLED, 1) == refused
        assert record.answered(connection, "late", _CALLED, 2) is None  # another champion
        assert record.answered(connection, "late", _OTHER, 1) is None
        assert record.read(connection, "late") == [refused, failed]
        assert record.newest(connection, "late") == refused
        assert record.decided_last(connection, "late", _NOW) == _NOW
        assert record.decided_last(connection, "late", _NOW - timedelta(days=1)) is None
        assert record.decided_last(connection, "early", _NOW) is None


def test_of_those_who_take_the_same_step_at_once_one_takes_it(database: Database) -> None:
    item = _begin(database)

    def step(_: int) -> bool:
        try:
            with database.write() as connection:
                record.advance(connection, item, "validated", _NOW, {"seen": True}, version=2)
        except LeaseHeld:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(step, range(4))) == 1
    with database.read() as connection:
        now = record.under_way(connection, "late")
    assert now is not None
    assert (now.status, now.version, now.evidence["seen"], now.champion) == ("validated", 2, True, 1)


def test_a_lease_is_renewed_for_as_long_as_its_block_takes(database: Database) -> None:
    def renewed() -> int:
        found = leases.find(database, "late")
        return found.number if found else 0

    with alone(database, "late", seconds=1.5):
        until(lambda: renewed() > 3)
        with pytest.raises(LeaseHeld), alone(database, "late"):
            raise AssertionError("two at once")
    with alone(database, "late"):
        assert renewed() > 4
