"""What everybody says about the fortnight at its end: it has to be the same, and it has to be true."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Row, select

from tests.fortnight.driving import BAD
from tests.fortnight.project import END, START, Place
from workbench import registry
from workbench.execution.schedule import records
from workbench.execution.schedule.records import ScheduledTime
from workbench.execution.schedule.times import next_time
from workbench.monitoring.alerts import Alert, read
from workbench.monitoring.baking.record import ACTOR
from workbench.monitoring.retraining import retrainings
from workbench.project import Project
from workbench.registry.aliases import CHAMPION, LedgerEntry
from workbench.serving.settings import LIVE_LOG
from workbench.store import backlog, tables
from workbench.store.database import open_database
from workbench.tracking import reports, runs

__all__ = ["Told", "tell"]

_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Told:
    """The outcome in a few lines, and the pages that tell it."""

    lines: tuple[str, ...]
    pages: dict[str, Path]


def tell(place: Place) -> Told:
    """Assert that all tell one story, and tell it."""
    project = place.project
    times = _every_scheduled_time_ran_once(project)
    _what_ran_left_its_report(project, times)
    moves = _the_ledger_is_about_that_time(project, times)
    alerts = _alerts_are_about_windows_that_were_over(project)
    _status_agrees(project, json.loads(place.command("status", "--json")), alerts)
    runbook = Path(json.loads(place.command("models", "runbook", "--json"))["html"])
    _the_runbook_names_it_all(runbook.with_suffix(".md").read_text(), moves, alerts)
    monitor = project.state / "monitor" / LIVE_LOG.replace("/", "-") / "index.html"
    pages = {"runbook": runbook, "monitor": monitor, "site": Path(place.command("site").split()[-1])}
    told = [f"{move.at:%a %d %b %H:%M} UTC: champion is v{move.to_version}: {move.reason}" for move in moves]
    told += [f"{alert.raised_at:%a %d %b %H:%M} UTC: {alert}: {alert.says}" for alert in alerts]
    return Told(tuple(told), pages)


def _every_scheduled_time_ran_once(project: Project) -> list[ScheduledTime]:
    """By one of two; and those before a schedule was first seen never ran."""
    expected = set()
    for schedule in project.config.schedules:
        moment = next_time(schedule, START)
        while moment <= END:
            expected.add((schedule.name, moment))
            moment = next_time(schedule, moment)
    with open_database(project).read() as connection:
        found = records.history(connection, project.name, last=1000)
    ran = [each for each in found if each.status != "skipped"]
    assert Counter((each.schedule, each.scheduled_at) for each in ran) == dict.fromkeys(expected, 1)
    assert {each.status for each in ran} == {"finished"}, [each.note for each in ran if each.note]
    assert {each.attempt for each in ran} == {1}
    assert len({each.claimed_by for each in ran}) <= 2
    for each in ran:
        assert each.ended_at is not None
        assert each.scheduled_at <= each.claimed_at <= each.ended_at <= each.scheduled_at + _HOUR
    return ran


def _what_ran_left_its_report(project: Project, times: list[ScheduledTime]) -> None:
    gathered = [each for each in times if each.schedule == "gather"]
    assert len({each.run_id for each in gathered}) == len(gathered)
    for each in gathered:
        manifest = reports.read(Path(each.report))
        assert manifest is not None
        assert manifest.status == "finished"
        assert runs.find(project, each.run_id or "").status == "finished"


def _the_ledger_is_about_that_time(project: Project, times: list[ScheduledTime]) -> list[LedgerEntry]:
    """A retraining, a rash promotion, and the way back, each when it happened and for its reason."""
    moves = registry.ledger(project, CHAMPION)
    assert [move.to_version for move in moves] == [1, 2, 3, 2]
    first, promoted, rash, back = moves
    assert first.at < START < promoted.at < rash.at < back.at <= END
    (retraining,) = retrainings(project)
    assert (retraining.version, retraining.decision) == (promoted.to_version, "promoted")
    assert retraining.decided_at == promoted.at
    assert any(each.schedule == "retrain" and _meanwhile(each, promoted.at) for each in times)
    assert any(each.schedule == "retrain" and _meanwhile(each, retraining.started_at) for each in times)
    assert rash.at == BAD
    baked = _baked(project)
    assert {position: row.status for position, row in baked.items()} == {
        promoted.position: "passed",
        rash.position: "rolled_back",
    }
    assert back.actor == ACTOR
    assert back.reason == baked[rash.position].evidence["ended"]
    return moves


def _meanwhile(time: ScheduledTime, moment: datetime) -> bool:
    return time.claimed_at <= moment <= (time.ended_at or END)


def _baked(project: Project) -> dict[int, Row[Any]]:
    """Baking periods by the position of their promotion."""
    with open_database(project).read() as connection:
        return {row.ledger_position: row for row in connection.execute(select(tables.baking))}


def _alerts_are_about_windows_that_were_over(project: Project) -> list[Alert]:
    with open_database(project).read() as connection:
        alerts = read(connection, LIVE_LOG, model=project.model.name)
        items = backlog.items(connection, project.name)
    assert {"inputs-drift", "rolled-back"} <= {alert.rule for alert in alerts}
    for alert in alerts:
        assert START < alert.raised_at <= END
        assert alert.first_start < alert.raised_at
        assert any(f"alert {alert.id}" in item.links for item in items), f"{alert} is not on the backlog"
    for item in items:
        assert START < item.opened_at <= END
    return alerts


def _status_agrees(project: Project, status: dict[str, Any], alerts: list[Alert]) -> None:
    stands = status["standing"]
    with open_database(project).read() as connection:
        items = backlog.items(connection, project.name)
    assert status["champion"] == 2
    assert sum(stands["alerts"].values()) == sum(alert.open for alert in alerts)
    assert stands["backlog"] == len(items)
    assert (stands["baking"]["version"], stands["baking"]["status"]) == (3, "rolled_back")
    assert stands["retraining"] is None
    for each, schedule in zip(stands["schedules"], project.config.schedules, strict=True):
        assert each["status"] == "finished"
        assert datetime.fromisoformat(each["newest_at"]) <= END < datetime.fromisoformat(each["next_at"])
        assert datetime.fromisoformat(each["next_at"]) == next_time(schedule, END)


def _the_runbook_names_it_all(text: str, moves: list[LedgerEntry], alerts: list[Alert]) -> None:
    said = " ".join(text.replace("\\", "").split())
    for move in moves:
        assert move.reason in said, move.reason
    for alert in alerts:
        assert f"alert {alert.rule} raised" in said
    for what in ("retraining 1: v2 promoted", "baking of v2: passed", "baking of v3: rolled back"):
        assert what in said, what
