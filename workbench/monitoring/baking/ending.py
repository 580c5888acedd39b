"""What ends a baking period, and who is told: an alert, an item of the backlog, and the channels named."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from workbench.config.alerts import AlertConfig
from workbench.monitoring.alerts import outbox, records
from workbench.monitoring.alerts.episodes import Episode, Step
from workbench.monitoring.alerts.rules import Stream
from workbench.monitoring.baking import record
from workbench.monitoring.baking.evidence import Violation
from workbench.monitoring.baking.record import ACTOR, Baking
from workbench.project import Project
from workbench.store import backlog

__all__ = ["settle", "tell_refused"]

_NAME = "%Y-%m-%d %H:%M"


def settle(connection: Connection, project: Project, baking: Baking, now: datetime) -> Baking:
    """End a period of which the ledger says that it is over; it is unchanged while it goes on.

    In a transaction: whoever ends it tells, and of several that find it over only one ends it.
    """
    move: Any = record.successor(connection, baking)
    if move is None:
        return baking
    ours = move.actor == ACTOR and move.evidence.get("action") == "rollback"
    ended = replace(
        baking,
        status="rolled_back" if ours else "superseded",
        evidence=replace(baking.evidence, ended=move.reason if ours else _moved(move)),
    )
    if record.keep(connection, ended, baking) and ours and baking.evidence.violation is not None:
        title = f"rolled back to v{move.to_version} in its baking period: {baking.evidence.violation.says}"
        _tell(connection, project, ended, baking.evidence.violation, "rolled-back", title, now)
    return ended


def tell_refused(
    connection: Connection, project: Project, baking: Baking, violation: Violation, now: datetime
) -> None:
    """Somebody has to do something at once: a guard is violated, and the champion stays."""
    title = f"is a bad champion and stays: {violation.says}; not rolled back: {baking.evidence.refused}"
    _tell(connection, project, baking, violation, "not-rolled-back", title, now)


def _moved(move: Row[Any]) -> str:
    to = "nobody" if move.to_version is None else f"v{move.to_version}"
    return f"{to} by {move.actor} at {move.at:{_NAME}} UTC: {move.reason}"


def _tell(
    connection: Connection,
    project: Project,
    baking: Baking,
    violation: Violation,
    rule: str,
    title: str,
    now: datetime,
) -> None:
    """Once for each period and rule, however often it is called."""
    log, owner, to = baking.evidence.log, project.config.project.owner, project.config.baking.to
    once = ("baking", baking.model, baking.position, rule)
    if backlog.known(connection, project.name, once) is not None:
        return
    told = AlertConfig.model_construct(
        name=rule, signal=violation.signal, severity="critical", owner=owner, to=to
    )
    stream = Stream(told, baking.model, baking.version, violation.signal, ())
    step = Step("raised", None, _episode(baking, violation, now))
    (alert,) = records.write(connection, log, stream, [step], now)
    outbox.put(connection, project.name, "raised", alert, to, now)
    backlog.add(
        connection,
        project.name,
        f"{baking.subject} {title}",
        by=ACTOR,
        at=now,
        kind="alert",
        subject=baking.subject,
        links=(f"alert {alert.id}", f"log {log}", "workbench ledger --alias champion"),
        priority="high",
        assignee=owner,
        once=once,
    )


def _episode(baking: Baking, violation: Violation, now: datetime) -> Episode:
    name = f"{baking.started_at:{_NAME}}"
    look = {"window": name, "value": None, "verdict": "bad", "says": violation.says, "violates": True}
    rule = f"{violation.guard} of [baking]"
    return Episode(name, baking.started_at, name, now, "", {"rule": rule, "windows": [look], "earlier": 0})
