"""Alerts as they are kept in the workbench database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from workbench.config.alerts import AlertConfig, Severity
from workbench.monitoring.alerts.episodes import Cleared, Episode, Recorded, Step
from workbench.monitoring.alerts.rules import Stream
from workbench.store import database, tables
from workbench.store.hashing import hash_value
from workbench.store.texts import storable

__all__ = ["Alert", "hold", "read", "stream_key", "write"]

_TABLE = tables.alerts


@dataclass(frozen=True)
class Alert:
    """One episode of a rule.

    Attributes
    ----------
    key : str
        Of log, model, version, rule and signal: what all episodes of the same have in common.
    cleared : str
        ``recovered``, ``corrected`` or ``retired``; empty while it is open.
    evidence : dict
        ``rule`` in words; ``windows``, the newest 24 it was decided on, each with its figures; ``earlier``,
        how many there were before these.
    """

    id: int
    key: str
    log: str
    model: str
    version: int
    rule: str
    signal: str
    severity: Severity
    owner: str
    first_window: str
    first_start: datetime
    last_window: str
    last_end: datetime
    raised_at: datetime
    cleared_at: datetime | None
    cleared: Cleared
    evidence: dict[str, Any]

    @property
    def open(self) -> bool:
        return not self.cleared

    @property
    def subject(self) -> str:
        """The version it is about."""
        return f"{self.model} v{self.version}"

    @property
    def says(self) -> str:
        """The newest violating window's signal, in words."""
        violating = [each for each in self.evidence["windows"] if each["violates"]]
        return str(violating[-1]["says"]) if violating else ""

    @property
    def recorded(self) -> Recorded:
        span = (self.first_window, self.first_start, self.last_window, self.last_end)
        return Recorded(self.id, Episode(*span, self.cleared, self.evidence))

    def to_dict(self) -> dict[str, Any]:
        times = ("first_start", "last_end", "raised_at", "cleared_at")
        moments = {name: moment.isoformat() for name in times if (moment := getattr(self, name))}
        return {**asdict(self), **moments, "says": self.says}

    def __str__(self) -> str:
        windows = self.first_window if self.first_window == self.last_window else f"since {self.first_window}"
        state = f" ({self.cleared})" if self.cleared else ""
        return f"{self.severity} {self.rule}: {self.subject}, {self.signal}, {windows}{state}"


def hold(connection: Connection, log: str) -> None:
    """Let nobody else evaluate this log before the transaction ends."""
    database.hold(connection, "alerts", log)


def read(connection: Connection, log: str, *, model: str = "", only_open: bool = False) -> list[Alert]:
    """The alerts of a log (and of one model), in the order of their first windows."""
    query = select(_TABLE).where(_TABLE.c.log == log)
    if model:
        query = query.where(_TABLE.c.model == model)
    if only_open:
        query = query.where(_TABLE.c.cleared == "")
    return [_alert(row) for row in connection.execute(query.order_by(_TABLE.c.first_start, _TABLE.c.id))]


def stream_key(log: str, model: str, version: int, rule: str, signal: str) -> str:
    """What all episodes of a rule on a signal of a version have in common."""
    return hash_value([log, model, version, rule, signal])


def write(
    connection: Connection, log: str, stream: Stream, steps: Sequence[Step], now: datetime
) -> list[Alert]:
    """Write what has changed of a stream's episodes; each as it is now."""
    return [_write(connection, log, stream, step, now) for step in steps]


def _write(connection: Connection, log: str, stream: Stream, step: Step, now: datetime) -> Alert:
    episode = step.episode
    present = {
        "last_window": episode.last_window,
        "last_end": episode.last_end,
        "cleared": episode.cleared,
        "evidence": episode.evidence,
    }
    if step.event != "extended":
        present["cleared_at"] = now if episode.cleared else None
    if step.id is not None:
        changed = update(_TABLE).where(_TABLE.c.id == step.id).values(present)
        return _alert(connection.execute(changed.returning(_TABLE)).one())
    rule: AlertConfig = stream.rule
    about = {
        "key": stream_key(log, stream.model, stream.version, rule.name, stream.signal),
        "log": log,
        "model": stream.model,
        "version": stream.version,
        "rule": rule.name,
        "signal": storable(stream.signal),
        "severity": rule.severity,
        "owner": storable(rule.owner),
        "first_window": episode.first_window,
        "first_start": episode.first_start,
        "raised_at": now,
    }
    return _alert(connection.execute(insert(_TABLE).returning(_TABLE), {**about, **present}).one())


def _alert(row: Row[Any]) -> Alert:
    return Alert(**row._mapping)
