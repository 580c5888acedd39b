"""What is recorded of windows: revisions of what has changed, and nothing that was seen by less."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.unit.monitoring import watched
from tests.unit.monitoring.alerting import make
from workbench.monitoring import WindowFinding
from workbench.monitoring.findings import record
from workbench.monitoring.findings.pruning import prune
from workbench.monitoring.findings.windows import Window
from workbench.store import tables
from workbench.store.clock import SimulatedClock
from workbench.store.database import Database, open_database

LOG = "predictions/live"
YEAR = watched.year(windows=3)
HOUR = timedelta(hours=1)


class Kept:
    """A database with findings."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, *findings: WindowFinding, log: str = LOG, model: str = "m") -> int:
        with self._database.write() as connection:
            return record.add(connection, log, model, findings).recorded

    def newest(self, log: str = LOG, model: str = "m") -> dict[Window, WindowFinding]:
        with self._database.read() as connection:
            return record.newest(connection, log, model)

    @property
    def revisions(self) -> list[tuple[str, int]]:
        with self._database.read() as connection:
            rows = connection.execute(select(tables.findings).order_by(tables.findings.c.id))
            return [(row.window, row.revision) for row in rows]


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    database = open_database(make(tmp_path / "project"))
    yield Kept(database)
    database.close()


def changed(finding: WindowFinding, **champion: Any) -> WindowFinding:
    """The same with other figures of the champion, looked at an hour later."""
    first, *others = finding.versions
    versions = (dataclasses.replace(first, **champion), *others)
    return dataclasses.replace(finding, versions=versions, evaluated_at=finding.evaluated_at + HOUR)


def test_what_has_not_changed_is_not_recorded_again(kept: Kept) -> None:
    assert kept.add(*YEAR) == 3
    assert kept.add(*YEAR) == 0
    later = [dataclasses.replace(changed(finding), told=9) for finding in YEAR]
    assert kept.add(*later) == 0
    assert kept.revisions == [("2013-01", 1), ("2013-02", 1), ("2013-03", 1)]
    found = kept.newest()
    assert list(found) == [finding.window for finding in YEAR]
    assert found[YEAR[0].window].to_dict() == YEAR[0].to_dict()


def test_what_was_added_is_read_and_nothing_else_again(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.add(YEAR[0], YEAR[2])
    first = kept.newest()
    kept.add(*YEAR, log="predictions/another")
    monkeypatch.setattr(record, "_read", lambda *_: pytest.fail("all of it was read again"))
    more = changed(YEAR[2], rows=YEAR[2].versions[0].rows + 5)
    kept.add(YEAR[1], more)
    found = kept.newest()
    assert list(found) == [finding.window for finding in YEAR]
    assert found[YEAR[0].window] is first[YEAR[0].window]
    assert found[YEAR[2].window].to_dict() == more.to_dict()


def test_a_window_that_has_another_name_by_another_timezone_is_the_same(kept: Kept) -> None:
    kept.add(*YEAR)
    window = dataclasses.replace(YEAR[1].window, name="2013-01-31 19:00")
    assert kept.add(dataclasses.replace(changed(YEAR[1]), window=window)) == 1
    assert list(kept.newest()) == [YEAR[0].window, window, YEAR[2].window]
    assert kept.revisions[-1] == ("2013-01-31 19:00", 2)


@pytest.mark.practice("M9")
def test_what_has_changed_is_a_revision_and_the_older_ones_stay(kept: Kept) -> None:
    kept.add(*YEAR)
    more = changed(YEAR[1], rows=YEAR[1].versions[0].rows + 5)
    assert kept.add(YEAR[0], more, YEAR[2]) == 1
    assert kept.add(more) == 0
    again = changed(more, notes=("its reference cannot be read",))
    assert kept.add(again) == 1
    assert kept.revisions[3:] == [("2013-02", 2), ("2013-02", 3)]
    assert kept.newest()[more.window].to_dict() == again.to_dict()


def test_an_older_look_does_not_replace_what_somebody_saw_who_saw_more(kept: Kept) -> None:
    more_rows = changed(YEAR[0], rows=YEAR[0].versions[0].rows + 5)
    kept.add(more_rows)
    assert kept.add(YEAR[0]) == 0
    more_labels = dataclasses.replace(changed(more_rows, notes=("x",)), told=7)
    kept.add(more_labels)
    assert kept.add(changed(more_rows, notes=("y",))) == 0
    assert kept.newest()[YEAR[0].window].told == 7


def test_a_look_before_the_end_does_not_replace_one_after_it(kept: Kept) -> None:
    end = YEAR[0].window.end
    before = dataclasses.replace(YEAR[0], evaluated_at=end - HOUR)
    assert not before.over
    assert kept.add(before) == 1
    assert kept.add(dataclasses.replace(before, evaluated_at=end - HOUR / 2)) == 0
    assert kept.add(dataclasses.replace(before, evaluated_at=end)) == 1  # it is over, which is something new
    assert kept.add(dataclasses.replace(before, evaluated_at=end + HOUR)) == 0
    assert kept.add(before) == 0
    assert kept.newest()[YEAR[0].window].over


def test_that_time_passes_is_no_finding(kept: Kept) -> None:
    kept.add(YEAR[0])
    performance = YEAR[0].versions[0].performance
    assert performance is not None
    assert performance.labels is not None
    older = dataclasses.replace(performance.labels, age_hours=performance.labels.age_hours + 24)
    assert kept.add(changed(YEAR[0], performance=dataclasses.replace(performance, labels=older))) == 0
    late = dataclasses.replace(older, state="short")
    assert kept.add(changed(YEAR[0], performance=dataclasses.replace(performance, labels=late))) == 1


def test_older_revisions_go_after_a_while_and_the_newest_stays(tmp_path: Path) -> None:
    project = make(
        tmp_path / "project", more='[model]\nname = "m"\nfeatures = "x:y"\n[retention]\ndays = 30\n'
    )
    database = open_database(project)
    kept = Kept(database)
    kept.add(*YEAR)
    kept.add(changed(YEAR[0], rows=YEAR[0].versions[0].rows + 5))
    kept.add(YEAR[1], model="another")
    kept.add(changed(YEAR[1], rows=1), model="another")
    soon, later = (SimulatedClock(YEAR[0].evaluated_at + timedelta(days)) for days in (29, 31))
    assert prune(project, clock=soon) == 0
    assert prune(project, clock=later, dry_run=True) == prune(project, clock=later) == 1
    assert prune(project, clock=later) == 0
    assert kept.revisions.count(("2013-01", 2)) == 1
    assert ("2013-01", 1) not in kept.revisions
    assert len(kept.newest()) == 3
    database.close()


def test_windows_of_two_lengths_stand_beside_each_other(kept: Kept) -> None:
    first = datetime(2013, 1, 1, tzinfo=UTC)
    week = dataclasses.replace(YEAR[0], window=Window("2013-01-01", first, first + timedelta(7)))
    assert kept.add(YEAR[0], week) == 2
    assert kept.add(YEAR[0], week) == 0
    assert list(kept.newest()) == [week.window, YEAR[0].window]


def test_logs_and_models_are_kept_apart(kept: Kept) -> None:
    kept.add(YEAR[0])
    assert kept.add(YEAR[0], model="other") == kept.add(YEAR[0], log="predictions/june") == 1
    kept.add(changed(YEAR[0], rows=1_000_000), model="other")
    assert kept.newest()[YEAR[0].window].versions[0].rows == YEAR[0].versions[0].rows
    assert kept.newest(model="nobody") == {}
