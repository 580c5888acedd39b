"""A process that has promoted before, and forks others that do so at once.

What it has open belongs to a project of its own: what is forked from it opens its stores anew.
"""

from __future__ import annotations

import multiprocessing
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from tests.unit.registry import small
from workbench.registry import promotion

__all__ = ["warm"]

_Job = Callable[..., None]


@contextmanager
def warm(job: _Job, *arguments: Any) -> Iterator[Connection]:
    """Do ``job(connection, *arguments)`` in such a process; the other end of the connection."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_work, args=(there, job, arguments))
    with pytest.MonkeyPatch.context() as patch:
        # Who is forked from a process with a pool of OpenMP threads waits for them forever.
        patch.setenv("OMP_NUM_THREADS", "1")
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
    with tempfile.TemporaryDirectory() as folder:
        project = small.small_project(Path(folder) / "project")
        run = small.start(project)
        small.register(run)
        promotion.promote(project, 1, reason="so that all is imported")
        job(connection, *arguments)
