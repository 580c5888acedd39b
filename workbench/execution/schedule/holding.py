"""Who a scheduler is, and whether one that holds scheduled times is still there.

On the same machine the system tells. Of others, a lease does: each scheduler keeps one for as long as it
lives, so that one that died elsewhere is known by time: the machine's, whatever the project's clock shows.
It is renewed in a thread of its own: git, a webhook or a tracking server may keep a scheduler busy for longer
than a lease lasts, and what it runs would be taken for dead.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress

from sqlalchemy.exc import SQLAlchemyError

from workbench.store import leases
from workbench.store.clock import Clock
from workbench.store.database import Database
from workbench.store.processes import began

__all__ = ["Holder", "is_here"]

_LEASE_SECONDS = 60.0


class Holder:
    """This process, as a scheduler among others.

    Parameters
    ----------
    clock : Clock
        By which leases last.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self.name = _name(os.getpid())
        self._renewal: leases.Renewal | None = None

    def keep(self) -> None:
        """Say that we live, from now until :meth:`leave`."""
        if self._renewal is not None:
            return
        about = (_LEASE_SECONDS, self._clock)
        held = leases.take(self._database, _lease_of(self.name), self.name, *about)
        if held is not None:
            self._renewal = leases.Renewal(self._database, held, *about, again=True)

    def leave(self) -> None:
        """Say that we end; where nobody can be told that, they see it when the lease is over."""
        if self._renewal is not None:
            held, self._renewal = self._renewal.end(), None
            with suppress(SQLAlchemyError):
                leases.remove(self._database, held)

    def sees(self, name: str) -> bool:
        """Whether the scheduler of that name lives; nobody does not."""
        if not name:
            return False
        if is_here(name):
            number = _parts(name)[1]
            return began(number) > 0 and _name(number) == name
        found = leases.find(self._database, _lease_of(name))
        if found is None:
            return False
        # Taking it as somebody else is what also finds one that seems long because a clock was set back.
        taken = leases.take(self._database, found.name, "nobody", _LEASE_SECONDS, self._clock)
        if taken is not None:
            leases.release(self._database, taken)
        return taken is None


def is_here(name: str) -> bool:
    """Whether the scheduler of that name is or was one on this machine."""
    return _parts(name)[0] == _host()


def _lease_of(name: str) -> str:
    return f"scheduler {name}"


def _name(number: int) -> str:
    """Host, process id and when that process began: no other process ever has the same."""
    return f"{_host()}:{number}:{began(number)}"


def _host() -> str:
    return socket.gethostname()[:60].replace(":", "-")


def _parts(name: str) -> tuple[str, int]:
    """Its host and process id."""
    host, _, rest = name.partition(":")
    number = rest.partition(":")[0]
    return (host, int(number)) if number.isdigit() else (name, 0)
