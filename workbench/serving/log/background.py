"""Compaction beside a server: a process of its own, started now and then, that gives way to all others."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from workbench.serving.log.compact import DATABASE
from workbench.serving.log.targets import is_database

__all__ = ["Compaction"]

_ROWS = 50_000
_AT_MOST_EVERY_SECONDS = 60.0
_AT_LEAST_EVERY_SECONDS = 3600.0


class Compaction:
    """When the log of a server is compacted: after many rows, and every hour if there were any.

    Parameters
    ----------
    target, folder
        As for :func:`~workbench.serving.log.targets.open_writer`, and where the compacted table is.
    clock : callable
        Seconds, monotonic.
    """

    def __init__(self, target: str, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._target, self._folder, self._clock = target, folder, clock
        self._begun_at, self._rows_then = clock(), 0
        self._process: subprocess.Popen[bytes] | None = None
        self.waiting = 0

    def look(self, rows: int) -> None:
        """Start a compaction if it is time; ``rows`` were written since the server started."""
        self.waiting = rows - self._rows_then
        if self._process is not None and self._process.poll() is None:
            return
        passed = self._clock() - self._begun_at
        many = self.waiting >= _ROWS and passed >= _AT_MOST_EVERY_SECONDS
        if many or (self.waiting and passed >= _AT_LEAST_EVERY_SECONDS):
            self.start()
            self._rows_then = rows

    def start(self) -> None:
        """Start it now."""
        self._begun_at = self._clock()
        # An address may hold a password, which is nothing for a list of processes.
        environment = {**os.environ, DATABASE: self._target if is_database(self._target) else ""}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "workbench.serving.log.compact", str(self._folder)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )

    def stop(self) -> None:
        """End what is under way: it may be ended at any moment."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
