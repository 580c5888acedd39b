"""A lease that is renewed for as long as its block takes: training takes as long as it takes.

That is time on the machine's clock, whatever time the project goes by.
"""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from workbench.store import leases
from workbench.store.clock import SystemClock
from workbench.store.database import Database

__all__ = ["SECONDS", "alone"]

#: For so long nobody can go on with what a killed process has left.
SECONDS = 60.0


@contextmanager
def alone(database: Database, name: str, seconds: float = SECONDS) -> Iterator[None]:
    """Hold a lease within the block, however long that takes.

    Raises
    ------
    LeaseHeld
        Somebody else has it.
    """
    holder = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
    clock = SystemClock()
    with leases.lease(database, name, holder, seconds, clock) as held:
        renewal = leases.Renewal(database, held, seconds, clock)
        try:
            yield
        finally:
            leases.release(database, renewal.end())
