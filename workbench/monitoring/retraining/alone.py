"""A lease that is renewed for as long as its block takes: training takes as long as it takes.

That is time on the machine's clock, whatever time the project goes by.
"""

from __future__ import annotations

import os
import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy.exc import SQLAlchemyError

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
    clock, over = SystemClock(), threading.Event()
    with leases.lease(database, name, holder, seconds, clock) as held:
        newest = [held]

        def renew() -> None:
            while not over.wait(seconds / 3):
                # A store that is away may be back in time; one who lost it meets rows that others changed.
                with suppress(SQLAlchemyError):
                    if (renewed := leases.renew(database, newest[0], seconds, clock)) is not None:
                        newest[0] = renewed

        thread = threading.Thread(target=renew, name=f"lease {name}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            leases.release(database, newest[0])
