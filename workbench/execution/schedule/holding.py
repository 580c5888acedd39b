"""Who a scheduler is, and whether one that holds scheduled times is still there.

On the same machine the system tells. Of others, a lease does: each scheduler keeps one for as long as it
lives, so that one that died elsewhere is known by time: the machine's, whatever the project's clock shows.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

from workbench.store import leases
from workbench.store.clock import Clock
from workbench.store.database import Database

__all__ = ["Holder", "is_here"]

_LEASE_SECONDS = 60.0
_RENEW_SECONDS = 15.0


class Holder:
    """This process, as a scheduler among others.

    Parameters
    ----------
    clock : Clock
        By which leases last.
    elapsed : callable
        Seconds that only go forward, whatever happens to the clock.
    """

    def __init__(
        self, database: Database, clock: Clock, elapsed: Callable[[], float] = time.monotonic
    ) -> None:
        self._database, self._clock, self._elapsed = database, clock, elapsed
        self.name = _name(os.getpid())
        self._lease: leases.Lease | None = None
        self._renewed = 0.0

    def keep(self) -> None:
        """Say that we live, if that was some time ago."""
        if self._lease is not None and self._elapsed() - self._renewed < _RENEW_SECONDS:
            return
        renewed = self._lease and leases.renew(self._database, self._lease, _LEASE_SECONDS, self._clock)
        if renewed is None:
            renewed = leases.take(
                self._database, _lease_of(self.name), self.name, _LEASE_SECONDS, self._clock
            )
        self._lease, self._renewed = renewed, self._elapsed()

    def leave(self) -> None:
        """Say that we end."""
        if self._lease is not None:
            leases.remove(self._database, self._lease)
            self._lease = None

    def sees(self, name: str) -> bool:
        """Whether the scheduler of that name lives; nobody does not."""
        if not name:
            return False
        if is_here(name):
            number = _parts(name)[1]
            return _began(number) > 0 and _name(number) == name
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
    return f"{_host()}:{number}:{_began(number)}"


def _host() -> str:
    return socket.gethostname()[:60].replace(":", "-")


def _began(number: int) -> int:
    """In ticks since the machine started, which no clock changes; 0 for a process that has ended."""
    try:
        # The name of the program, in parentheses, may hold anything; then come the state and 18 more.
        fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
        return 0 if fields[0] in "ZX" else int(fields[19])
    except FileNotFoundError:
        return 0 if sys.platform == "linux" else _began_elsewhere(number)


def _began_elsewhere(number: int) -> int:
    import psutil

    try:
        process = psutil.Process(number)
        return 0 if process.status() == psutil.STATUS_ZOMBIE else int(process.create_time())
    except psutil.NoSuchProcess:
        return 0


def _parts(name: str) -> tuple[str, int]:
    """Its host and process id."""
    host, _, rest = name.partition(":")
    number = rest.partition(":")[0]
    return (host, int(number)) if number.isdigit() else (name, 0)
