"""Leases: what only one process may do at a time, for as long as it says that it still does it.

A lease ends by time, so that a holder that died frees it; a holder that lives renews it. Every change is
compare-and-set on the lease's number: of two that want it one gets it, and who has lost it is told.

No clock has to be right for that. A clock that was set back makes a lease seem to last for longer than it
was ever taken for; then nobody can tell how much of it has passed, and the whole of it is waited for once
more, counted from now. So it is never freed early, and never kept for ever. (One that is set *forward* frees
leases at once: who writes under a lease renews it first.)
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from workbench.errors import LeaseHeld
from workbench.store import tables
from workbench.store.clock import Clock
from workbench.store.database import Database

__all__ = ["Lease", "Renewal", "find", "lease", "release", "remove", "renew", "take"]

_TABLE = tables.leases


@dataclass(frozen=True)
class Lease:
    """A lease as it was when it was read.

    Attributes
    ----------
    holder : str
        Who has it; empty when it was given back.
    until : datetime
        When it ends unless it is renewed.
    number : int
        Counts its changes of hands and renewals.
    """

    name: str
    holder: str
    until: datetime
    number: int

    def held(self, now: datetime) -> bool:
        """Whether somebody has it."""
        return bool(self.holder) and self.until > now


def find(database: Database, name: str) -> Lease | None:
    """The lease as it is now, or None if nobody ever took it."""
    with database.read() as connection:
        row = connection.execute(select(_TABLE).where(_TABLE.c.name == name)).first()
    return _lease(row) if row else None


def take(database: Database, name: str, holder: str, seconds: float, clock: Clock) -> Lease | None:
    """The lease, for so many seconds from now; None when somebody else has it, or was quicker."""
    now, length = clock.now(), timedelta(seconds=seconds)
    found = find(database, name)
    if found is None:
        return _make(database, Lease(name, holder, now + length, 1))
    if found.held(now) and found.holder != holder:
        if found.until > now + length:  # the clock was set back
            _change(database, found, until=now + length, number=found.number)
        return None
    return _change(database, found, holder=holder, until=now + length, number=found.number + 1)


def renew(database: Database, held: Lease, seconds: float, clock: Clock) -> Lease | None:
    """The lease for so many seconds from now; None when it was lost, and somebody else may have it."""
    until = clock.now() + timedelta(seconds=seconds)
    return _change(database, held, until=until, number=held.number + 1)


def release(database: Database, held: Lease) -> None:
    """Give it back at once; nothing happens when it was lost."""
    _change(database, held, holder="", number=held.number + 1)


def remove(database: Database, held: Lease) -> None:
    """Give it back and forget it: for a name that nobody will ask for again."""
    as_seen = (_TABLE.c.name == held.name) & (_TABLE.c.number == held.number)
    with database.write() as connection:
        connection.execute(delete(_TABLE).where(as_seen))


@contextmanager
def lease(database: Database, name: str, holder: str, seconds: float, clock: Clock) -> Iterator[Lease]:
    """Hold a lease within the block, which should take fewer seconds than that.

    Raises
    ------
    LeaseHeld
        Somebody else has it.
    """
    held = take(database, name, holder, seconds, clock)
    if held is None:
        other = find(database, name)
        who = f" by {other.holder} until {other.until:%H:%M:%S} UTC" if other and other.holder else ""
        raise LeaseHeld(f"{name} is being done already{who}; nothing was done")
    try:
        yield held
    finally:
        release(database, held)


class Renewal:
    """Renews a lease, in a thread of its own: whatever keeps its holder busy, and for however long.

    Parameters
    ----------
    again : bool
        Whether one that was lost is taken again when nobody has it.
    """

    def __init__(
        self, database: Database, held: Lease, seconds: float, clock: Clock, *, again: bool = False
    ) -> None:
        self._database, self._seconds, self._clock, self._again = database, seconds, clock, again
        self._newest, self._over = held, threading.Event()
        self._thread = threading.Thread(target=self._renew, name=f"lease {held.name}", daemon=True)
        self._thread.start()

    def end(self) -> Lease:
        """Renew it no more.

        Returns
        -------
        Lease
            As it is now, to be given back.
        """
        self._over.set()
        self._thread.join()
        return self._newest

    def _renew(self) -> None:
        database, seconds, clock = self._database, self._seconds, self._clock
        while not self._over.wait(seconds / 4):
            # A store that is away may be back in time; one who lost it meets rows that others changed.
            with suppress(SQLAlchemyError):
                renewed = renew(database, self._newest, seconds, clock)
                if renewed is None and self._again:
                    renewed = take(database, self._newest.name, self._newest.holder, seconds, clock)
                self._newest = renewed or self._newest


def _make(database: Database, new: Lease) -> Lease | None:
    values = {"name": new.name, "holder": new.holder, "until": new.until, "number": new.number}
    try:
        with database.write() as connection:
            connection.execute(insert(_TABLE), values)
    except IntegrityError:
        return None
    return new


def _change(database: Database, seen: Lease, **values: Any) -> Lease | None:
    as_seen = (_TABLE.c.name == seen.name) & (_TABLE.c.number == seen.number)
    with database.write() as connection:
        changed = connection.execute(update(_TABLE).where(as_seen).values(values)).rowcount
    return replace(seen, **values) if changed == 1 else None


def _lease(row: Row[Any]) -> Lease:
    return Lease(row.name, row.holder, row.until, row.number)
