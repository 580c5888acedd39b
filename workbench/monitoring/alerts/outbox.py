"""What is to be told is written with the alert and sent afterwards: at least once, never again once sent.

A message is claimed before it is sent: the time of its next try is moved on in the database. So of two that
deliver at once only one sends it, and when a process dies in between, it is due again later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, select, update
from sqlalchemy.dialects import postgresql, sqlite

from workbench.config import MonitoringConfig
from workbench.monitoring.alerts.channels import Undelivered, send
from workbench.monitoring.alerts.messages import Told, compose
from workbench.monitoring.alerts.records import Alert
from workbench.store import tables
from workbench.store.clock import Clock
from workbench.store.database import Database
from workbench.store.hashing import hash_value

__all__ = ["Delivery", "Failure", "deliver", "put"]

_TABLE = tables.notifications
# Longer than sending takes: who has claimed a message is still at it.
_FIRST, _LONGEST = timedelta(minutes=2), timedelta(hours=4)
_TRIES, _TRIES_REFUSED = 12, 3


@dataclass(frozen=True)
class Failure:
    """A message that did not arrive.

    Attributes
    ----------
    next_try : datetime or None
        None when it was given up.
    refused : bool
        The other side was reached and does not want it as it is.
    """

    channel: str
    title: str
    why: str
    next_try: datetime | None
    refused: bool = False

    def __str__(self) -> str:
        then = "given up" if self.next_try is None else f"next try from {self.next_try:%Y-%m-%d %H:%M} on"
        return f"{self.channel}: {self.why}; {then}: {self.title}"


@dataclass(frozen=True)
class Delivery:
    """What became of the messages that were due."""

    sent: int
    failed: tuple[Failure, ...]


def put(
    connection: Connection,
    project: str,
    event: Told,
    alert: Alert,
    channels: Sequence[str],
    now: datetime,
) -> None:
    """Write what is to be told to channels other than the backlog; what was told of the alert once is not."""
    rows = [
        {
            "alert": alert.id,
            "channel": channel,
            "event": event,
            "message": compose(event, alert, project),
            "attempts": 0,
            "next_try": now,
            "last_error": "",
        }
        for channel in dict.fromkeys(channels)
        if channel != "backlog"
    ]
    if rows:
        dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
        connection.execute(dialect.insert(_TABLE).on_conflict_do_nothing(), rows)


def deliver(database: Database, project: str, config: MonitoringConfig, clock: Clock) -> Delivery:
    """Send what is due, the oldest first; a channel that cannot be reached is not tried again this time.

    Of other projects in the database, whose channels are their own, nothing is sent.

    What is told of an alert waits for what was to be told of it before. Raises nothing for a channel that
    fails: what failed is in the result, and tried again later.
    """
    sent, failed = 0, []
    away: dict[str, str] = {}
    behind: set[tuple[int, str]] = set()
    for row in _pending(database, project):
        about = (row.alert, row.channel)
        if about in behind or not _is_due(row, clock.now()):
            behind.add(about)
        elif row.channel in away:
            behind.add(about)
            failed.append(Failure(row.channel, row.message["title"], away[row.channel], row.next_try))
        elif (claimed := _claim(database, row, clock.now())) is None:
            behind.add(about)
        elif (failure := _send(database, config, row, claimed, clock)) is None:
            sent += 1
        else:
            failed.append(failure)
            if failure.next_try is not None:
                behind.add(about)
            if not failure.refused:
                away[row.channel] = failure.why
    return Delivery(sent, tuple(failed))


def _send(
    database: Database, config: MonitoringConfig, row: Row[Any], claimed: datetime, clock: Clock
) -> Failure | None:
    """Send a message that was claimed, and note what came of it."""
    try:
        send(config, row.channel, row.message, _key(row))
    except Undelivered as error:
        tries = _TRIES_REFUSED if error.refused else _TRIES
        next_try = None if row.attempts + 1 >= tries else claimed
        _set(database, row.id, next_try=next_try, last_error=str(error))
        return Failure(row.channel, row.message["title"], str(error), next_try, error.refused)
    _set(database, row.id, next_try=None, sent_at=clock.now(), last_error="")
    return None


def _pending(database: Database, project: str) -> list[Row[Any]]:
    its = _TABLE.c.message["project"].as_string() == project
    query = select(_TABLE).where(_TABLE.c.next_try.is_not(None), its).order_by(_TABLE.c.id)
    with database.read() as connection:
        return list(connection.execute(query))


def _is_due(row: Row[Any], now: datetime) -> bool:
    # Later than any try is set for: the clock was set back since.
    return bool(row.next_try <= now or row.next_try > now + _LONGEST)


def _claim(database: Database, row: Row[Any], now: datetime) -> datetime | None:
    """When it is due again if this process dies; None when somebody else has it."""
    again = now + min(_LONGEST, _FIRST * 4 ** min(row.attempts, 10))
    as_seen = (
        (_TABLE.c.id == row.id) & (_TABLE.c.attempts == row.attempts) & (_TABLE.c.next_try == row.next_try)
    )
    claim = update(_TABLE).where(as_seen).values(attempts=row.attempts + 1, next_try=again)
    with database.write() as connection:
        return again if connection.execute(claim).rowcount == 1 else None


def _set(database: Database, number: int, **values: Any) -> None:
    with database.write() as connection:
        connection.execute(update(_TABLE).where(_TABLE.c.id == number).values(values))


def _key(row: Row[Any]) -> str:
    """The same whenever this is sent, and of nothing else, in whatever database it is kept."""
    alert = row.message["alert"]
    return hash_value([row.message["project"], alert["key"], alert["first_start"], row.channel, row.event])
