"""A process that has promoted before, and forks others that do so at once.

What it has open belongs to a project of its own: what is forked from it opens its stores anew.
"""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from tests.processes import FORKED
from tests.unit.registry import small
from workbench.registry import promotion

__all__ = ["warm"]

_Job = Callable[..., None]


@contextmanager
def warm(job: _Job, *arguments: Any) -> Iterator[Connection]:
    """Do ``job(connection, *arguments)`` in such a process; the other end of the connection."""
    here, there = FORKED.Pipe()
    process = FORKED.Process(target=_work, args=(there, job, arguments))
    process.start()
    there.close()
    try:
        yield here
    finally:
        here.close()
        process.join(60)
        process.kill()
        process.join()


def _work(connection: Connection, job: _Job, arguments: tuple[Any, ...]) -> None:
    importlib.import_module("sklearn.ensemble")  # it brings OpenMP, which can be limited from then on
    # Who is forked from a process with a pool of OpenMP threads waits for them forever.
    with tempfile.TemporaryDirectory() as folder, threadpool_limits(1):
        project = small.small_project(Path(folder) / "project")
        run = small.start(project)
        small.register(run)
        promotion.promote(project, 1, reason="so that all is imported")
        job(connection, *arguments)
