"""Alerts and their messages on SQLite and on PostgreSQL: alone, and with monitors that run at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import DBAPIError, IntegrityError

from tests.contract import monitoring, racing
from tests.processes import FORKED
from tests.repeats import repeats
from tests.unit.monitoring.alerting import LOG, Monitor, day, make, rule, windows
from tests.unit.monitoring.receiving import webhook
from workbench.config import MonitoringConfig
from workbench.monitoring.alerts import WindowSignals, deliver, evaluate
from workbench.monitoring.findings.signal import Signal
from workbench.store import tables
from workbench.store.clock import SimulatedClock
from workbench.store.database import open_database

_MONITORS = repeats(8, 4)
_HOOK = '\n[monitoring.webhooks.x]\nurl = "{url}"\n'


@pytest.fixture
def monitor(tmp_path: Path, database_url: str) -> Monitor:
    return Monitor.of(make(tmp_path / "project", database_url), *monitoring.RULES)


def _finding(revision: int) -> dict[str, Any]:
    about = {"log": LOG, "model": "m", "window": "d0", "window_start": day(0), "window_end": day(1)}
    return about | {"revision": revision, "evaluated_at": day(2), "digest": "0" * 64, "document": "{}"}


def test_findings_are_only_ever_added_to(monitor: Monitor) -> None:
    with monitor.database.write() as connection:
        connection.execute(insert(tables.findings), [_finding(1), _finding(2)])
    with pytest.raises(IntegrityError), monitor.database.write() as connection:
        connection.execute(insert(tables.findings), _finding(2))
    everything, newest = (
        tables.findings.delete(),
        tables.findings.delete().where(tables.findings.c.revision == 2),
    )
    for statement in (everything, newest, tables.findings.update().values(document="[]")):
        with pytest.raises(DBAPIError, match="append-only"), monitor.database.write() as connection:
            connection.execute(statement)
    with monitor.database.read() as connection:
        found = connection.execute(select(tables.findings)).all()
    assert [(row.window, row.window_start, row.revision) for row in found] == [
        ("d0", day(0), 1),
        ("d0", day(0), 2),
    ]
    with monitor.database.write() as connection:  # of which there is a newer one
        assert (
            connection.execute(tables.findings.delete().where(tables.findings.c.revision == 1)).rowcount == 1
        )


def test_an_alert_reads_back_as_it_was_raised_whatever_it_is_about(monitor: Monitor) -> None:
    odd = "drift.feature." + "späte\0 'Klasse'\n;--\ud800" * 60
    monitor.rules = (rule(signal="drift.feature.*", owner="é"),)
    found = [
        WindowSignals("d0" * 40, day(0), day(1), "m", 1, [Signal(odd, float("inf"), "bad", "x\0" * 999)]),
        *windows("?!", signal=odd, first=1),
    ]
    (raised,) = monitor.sees(found).raised
    assert monitor.alerts == [raised]
    assert monitor.sees(found).raised == ()
    assert [each["value"] for each in raised.evidence["windows"]] == [None, None, 0.8]
    assert len(monitor.items) == 1


def test_the_story_ends_the_same_however_it_was_watched(monitor: Monitor) -> None:
    monitor.sees(monitoring.seen(len(monitoring.STORY)))
    at_once = [
        (each.rule, each.signal, each.first_window, each.last_window, each.cleared) for each in monitor.alerts
    ]
    day_by_day = Monitor(monitor.database, monitoring.RULES)
    for upto in range(1, len(monitoring.STORY) + 1):
        assert day_by_day.sees(monitoring.seen(upto)).raised == ()
    assert at_once == [
        (each.rule, each.signal, each.first_window, each.last_window, each.cleared) for each in monitor.alerts
    ]


def _fail(monitor: Monitor) -> None:
    with monitor.database.write() as connection:
        found = evaluate(connection, monitor.rules, windows("!"), project="late", log=LOG, now=day(1))
        assert found.raised
        raise KeyError("somebody's mistake")


def test_an_evaluation_that_fails_leaves_nothing(monitor: Monitor) -> None:
    with pytest.raises(KeyError, match="mistake"):
        _fail(monitor)
    assert (monitor.alerts, monitor.told, monitor.items) == ([], [], [])


@pytest.mark.practice("L7", "T1")
def test_monitors_that_run_at_once_raise_and_tell_each_alert_once(tmp_path: Path, database_url: str) -> None:
    with webhook() as posted:
        project = make(tmp_path / "project", database_url, _HOOK.format(url=posted.url))
        open_database(project).close()
        here, there = FORKED.Pipe()
        racers = tuple(range(_MONITORS))
        process = FORKED.Process(
            target=racing.all_at_once, args=(there, monitoring.monitor_all, str(project.root), racers, ())
        )
        process.start()
        there.close()
        assert here.poll(150), "the race does not end"
        told, exits = here.recv()
        process.join(60)
        assert exits == [0] * _MONITORS
        monitor = Monitor.of(project, *monitoring.RULES)
        config: MonitoringConfig = project.config.monitoring
        assert deliver(monitor.database, "late", config, SimulatedClock(day(300))).failed == ()
    alone = Monitor.of(make(tmp_path / "alone"), *monitoring.RULES)
    for upto in range(1, len(monitoring.STORY) + 1):
        alone.sees(monitoring.seen(upto))
    assert monitor.spans == alone.spans
    assert sum(raised for _, (raised, _) in told) == len(monitor.alerts)
    assert len(posted.keys) == len(set(posted.keys)) == len(monitor.told) == len(alone.told)
    assert len(monitor.items) == len(alone.items)
