"""What happened to a model, out of everything that keeps a history of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from workbench.execution.schedule import records
from workbench.monitoring.alerts import Alert
from workbench.monitoring.retraining import Retraining
from workbench.monitoring.retraining import record as retrainings
from workbench.project import Project
from workbench.registry.aliases import LedgerEntry
from workbench.store import tables

__all__ = ["Happened", "happened"]

_NEWEST = 30
_WENT_WRONG: tuple[records.Status, ...] = ("failed", "killed", "missed")


@dataclass(frozen=True)
class Happened:
    """Something that happened to the model."""

    at: datetime
    what: str
    says: str
    who: str = ""


def happened(
    connection: Connection, project: Project, ledger: Sequence[LedgerEntry], alerts: Sequence[Alert]
) -> Iterator[Happened]:
    """All of it; of retrainings, baking periods and scheduled times the newest.

    Of things that happened in the same moment, causes come before what they led to.
    """
    for alert in alerts:
        yield from _told(alert)
    items = retrainings.read(connection, project.model.name)[:_NEWEST]
    yield from (Happened(item.started_at, f"retraining {item.id} began", item.reason) for item in items)
    yield from map(_moved, ledger)
    yield from _decided(items)
    yield from _baked(connection, project.model.name)
    yield from _scheduled(connection, project.name)


def _moved(entry: LedgerEntry) -> Happened:
    names = [f"v{number}" if number else "nobody" for number in (entry.from_version, entry.to_version)]
    return Happened(entry.at, f"{entry.alias}: {' → '.join(names)}", entry.reason, str(entry.who))


def _told(alert: Alert) -> Iterator[Happened]:
    yield Happened(alert.raised_at, f"alert {alert.rule} raised", f"{alert.subject}: {alert.says}")
    if alert.cleared_at is not None:
        said = f"{alert.subject}, {alert.signal}: {alert.cleared}"
        yield Happened(alert.cleared_at, f"alert {alert.rule} cleared", said)


def _decided(items: Sequence[Retraining]) -> Iterator[Happened]:
    for item in items:
        if item.decided_at is not None:
            challenger = f"v{item.version} " if item.version else ""
            yield Happened(
                item.decided_at, f"retraining {item.id}: {challenger}{item.decision}", item.explanation
            )


def _baked(connection: Connection, model: str) -> Iterator[Happened]:
    table = tables.baking
    query = select(table).where(table.c.model == model).order_by(table.c.id.desc()).limit(_NEWEST)
    for row in connection.execute(query):
        until = f"until {row.until:%Y-%m-%d %H:%M} UTC"
        yield Happened(row.started_at, f"v{row.version} began to bake", until)
        if row.status != "baking":
            ended = row.checked_at or row.until
            what = f"baking of v{row.version}: {row.status.replace('_', ' ')}"
            yield Happened(ended, what, row.evidence.get("ended", ""))


def _scheduled(connection: Connection, project: str) -> Iterator[Happened]:
    """What went wrong of what was scheduled; the rest is routine."""
    for item in records.history(connection, project, last=_NEWEST, statuses=_WENT_WRONG):
        at = item.ended_at or item.claimed_at
        says = filter(None, (f"due {item.scheduled_at:%Y-%m-%d %H:%M} UTC", item.note))
        yield Happened(at, f"schedule {item.schedule} {item.status}", "; ".join(says))
