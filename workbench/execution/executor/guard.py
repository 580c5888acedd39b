"""Holds an execution to its limits, and ends it when somebody asks: from a thread of its own.

The executing thread may be deep in a large output when a limit is reached; a kernel may not answer.
So the decision is made here, once, and then carried out: ask (an interrupt), wait, kill.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from typing import IO

from workbench.execution.executor.ending import Ending, Stop, of_stop, size
from workbench.execution.executor.watch import Limits, Meter, Usage

__all__ = ["Guard"]

_SECONDS = 0.1
_CLOSE_SECONDS = 0.02
_CLOSE = 0.4  # of the memory limit
_LOG_SECONDS = 1.0
_LOG_BYTES = 5_000_000


class Guard:
    """Watches one execution.

    The executing thread tells it what happens (``kernel_started``, ``cell_begins``, ``cell_ended``);
    any thread may ``stop`` it.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._wanted: Stop | None = None
        self._stop: Stop | None = None
        self._stopped_at = 0.0
        self._stopped_in: int | None = None
        self._ask: Callable[[], None] | None = None
        self._meter: Meter | None = None
        self._log: IO[bytes] | None = None
        self._log_at = 0.0
        self._cell: int | None = None
        self._cell_since: float | None = None
        self._over = self._killed = False
        self._started = time.monotonic()
        self._thread = threading.Thread(target=self._watch, name="workbench guard", daemon=True)
        self._thread.start()

    @property
    def output_bytes(self) -> int:
        return self._limits.output_bytes

    # What the executing thread tells.

    def begins(self, ask: Callable[[], None]) -> None:
        """From now on ``ask`` asks for the end, whatever is going on; called from the guard's thread."""
        with self._lock:
            self._ask = ask
        self._wake.set()

    def keep_small(self, log: IO[bytes]) -> None:
        """The kernel's log, opened to be appended to: of a long one the end is kept."""
        self._log = log

    def kernel_started(self, pid: int) -> None:
        meter = Meter(pid)
        meter.sample()
        with self._lock:
            self._meter = meter

    def cell_begins(self, cell: int | None) -> bool:
        """False when it must not, because the end was asked for."""
        with self._lock:
            if self._stop is None:
                self._cell, self._cell_since = cell, time.monotonic()
            return self._stop is None

    def cell_ended(self) -> None:
        with self._lock:
            self._cell_since = None

    def ends(self) -> Ending | None:
        """Nothing can be stopped any more. The ending, if it was stopped before."""
        with self._lock:
            self._over = True
            stop, cell = self._stop, self._stopped_in
        self._wake.set()
        self._thread.join()
        if self._meter is not None:
            self._meter.sample()
        return None if stop is None else of_stop(stop, cell, killed=self._killed)

    def kill(self) -> None:
        """End what is left of the kernel and of all that it started."""
        if self._meter is not None:
            self._meter.kill()

    def short_of_memory(self) -> bool:
        return self._meter is not None and self._meter.short_of_memory()

    def usage(self) -> Usage:
        seconds = time.monotonic() - self._started
        if self._meter is None:
            return Usage(seconds)
        return Usage(seconds, self._meter.cpu_seconds, self._meter.peak)

    # From any thread.

    def stop_soon(self, stop: Stop) -> None:
        """End the execution for this reason, unless it has ended or has another already."""
        self._wanted = stop

    # In the guard's own thread.

    def _stop_now(self, stop: Stop) -> None:
        with self._lock:
            if self._stop is None and not self._over:
                self._stop, self._stopped_at, self._stopped_in = stop, time.monotonic(), self._cell

    def _watch(self) -> None:
        while not self._over:
            self._wake.clear()
            pause = self._look()
            if self._stop is not None:
                self._end_it(self._stop)
                pause = min(pause, _CLOSE_SECONDS)
            if not self._over:
                self._wake.wait(pause)

    def _look(self) -> float:
        """Hold it against all limits; how long until the next look."""
        limits, now, pause = self._limits, time.monotonic(), _SECONDS
        if self._wanted is not None:
            self._stop_now(self._wanted)
        self._shorten_log(now)
        if self._meter is not None:
            used = self._meter.sample(limits.memory_bytes)
            if limits.memory_bytes is not None:
                if used > limits.memory_bytes:
                    self._stop_now(_too_much(used, limits.memory_bytes))
                elif used > limits.memory_bytes * _CLOSE:
                    pause = _CLOSE_SECONDS
        since = self._cell_since
        if limits.cell_seconds is not None and since is not None:
            left = since + limits.cell_seconds - now
            if left <= 0:
                self._stop_now(_too_long(f"a cell may take {limits.cell_seconds:g} s"))
            pause = min(pause, max(left, 0.0))
        if limits.seconds is not None:
            left = self._started + limits.seconds - now
            if left <= 0:
                self._stop_now(_too_long(f"the whole notebook may take {limits.seconds:g} s"))
            pause = min(pause, max(left, 0.0))
        return pause

    def _shorten_log(self, now: float) -> None:
        if self._log is None or now < self._log_at:
            return
        self._log_at = now + _LOG_SECONDS
        with contextlib.suppress(OSError, ValueError):
            file = self._log.fileno()
            length = os.fstat(file).st_size
            if length > 2 * _LOG_BYTES:
                last = os.pread(file, _LOG_BYTES, length - _LOG_BYTES)
                os.ftruncate(file, 0)
                os.write(file, b"... what came before was cut\n" + last)

    def _end_it(self, stop: Stop) -> None:
        """Ask once, and kill what does not answer."""
        late = time.monotonic() - self._stopped_at > self._limits.grace_seconds
        if (stop.at_once or late) and not self._over:
            self._killed = True
            self.kill()
        ask, self._ask = self._ask, None
        if ask is not None:
            with contextlib.suppress(RuntimeError):  # the loop has closed: it is over
                ask()


def _too_long(limit: str) -> Stop:
    return Stop("timed_out", "took too long", limit, "raise the limit, or do less at a time")


def _too_much(used: int, limit: int) -> Stop:
    return Stop(
        "out_of_memory",
        f"used {size(used)} of memory",
        f"it may use {size(limit)}",
        "raise the limit, or use less at a time",
        at_once=True,
    )
