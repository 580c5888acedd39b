"""Something that is begun over and over, each time in a process of its own that is killed after a while."""

from __future__ import annotations

import os
import select
import signal
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, NoReturn

from workbench.project import Project
from workbench.store import tables
from workbench.store.database import open_database

__all__ = ["Start", "end_leases", "killed"]

#: Gets ready by what was sent, and gives what is to be done then.
Start = Callable[..., Callable[[], object]]


def killed(connection: Connection, start: Start, root: str) -> None:
    """For each ``(*about, seconds)`` received: ``start(root, *about)`` is done, and killed after so long.

    The seconds count from when it was ready. Sends the exit status: 0, or ``-SIGKILL``.
    """
    with suppress(EOFError):
        while True:
            *about, seconds = connection.recv()
            ready, begun = os.pipe()
            pid = os.fork()
            if pid == 0:
                _do(start, (root, *about), begun)
            os.close(begun)
            assert os.read(ready, 1) == b"!"
            if not select.select([ready], [], [], seconds)[0]:  # only its end makes it readable
                os.kill(pid, signal.SIGKILL)
            _, status = os.waitpid(pid, 0)
            os.close(ready)
            connection.send(os.waitstatus_to_exitcode(status))


def end_leases(project: Project) -> None:
    """Free what the killed held, as if its time were over: leases last by the machine's clock."""
    with open_database(project).write() as connection:
        connection.execute(tables.leases.delete())


def _do(start: Start, about: tuple[Any, ...], begun: int) -> NoReturn:
    status = 1
    try:
        act = start(*about)
        os.write(begun, b"!")
        act()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)
