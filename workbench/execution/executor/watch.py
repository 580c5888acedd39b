"""What a kernel and all that it started take, and what they may take.

Memory is what they hold for themselves: anonymous, shared and swapped-out pages, not the files that
they map. A forked process shares pages with its parent until one of them writes:

- What a warm kernel shared with its agent when it started is not counted, neither for the kernel nor
  for what it forks: it is there whether the notebook runs or not. (A page of that which is written to
  later is not counted either, so that a kernel's figure does not depend on who else runs.)
- While there are several processes, what these share would be counted in each. Where the sum could
  matter, which is above the limit or the peak, it is checked against their proportional set sizes
  (``smaps_rollup``), in which a page counts once; these are dear for large processes.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from dataclasses import dataclass

from workbench.execution.agent import processes

__all__ = ["Limits", "Meter", "Usage"]

_SEARCH_SHARE = 0.05
_SEARCH_SECONDS = 0.2


@dataclass(frozen=True)
class Limits:
    """What one execution may take; None is no limit.

    Attributes
    ----------
    cell_seconds, seconds : float or None
        For one cell, and for the whole notebook with the start of its kernel.
    memory_bytes : int or None
        Of the kernel and all that it started, together.
    output_bytes : int
        What is kept of one cell's outputs; the rest is cut, and counted.
    grace_seconds : float
        What passes between the interrupt and the kill of a kernel that does not answer it.
    """

    cell_seconds: float | None = None
    seconds: float | None = None
    memory_bytes: int | None = None
    output_bytes: int = 10_000_000
    grace_seconds: float = 5.0


@dataclass(frozen=True)
class Usage:
    """What one execution took; CPU seconds are those of the kernel and of all below it."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory_bytes: int = 0

    def after(self, other: Usage) -> Usage:
        """Of both, one after the other."""
        peak = max(self.peak_memory_bytes, other.peak_memory_bytes)
        return Usage(self.seconds + other.seconds, self.cpu_seconds + other.cpu_seconds, peak)


@dataclass(frozen=True)
class _Seen:
    """One process: since when (to tell it from a later one of its number), and from whose image."""

    started: bytes
    image: bytes


class Meter:
    """Measures a kernel and what is below it, or below its keeper. Samples are cheap (tenths of a ms)."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._linux = sys.platform == "linux"
        self.memory = self.peak = 0
        self.cpu_seconds = 0.0
        self._known: dict[int, _Seen] = {}
        self._search_at = 0.0
        self._oom_file = _oom_file(pid) if self._linux else ""
        self._oom_kills = self._count_oom_kills()
        self._keeper = _keeper_of(pid) if self._linux else None
        fields = _stat(pid) if self._linux else None
        self._image = fields[_IMAGE] if fields else b""
        self._inherited = _rollup(pid).get(b"Shared_Dirty", 0) if self._linux else 0

    def sample(self, limit: int | None = None) -> int:
        """Bytes in use now; exact when they come out above ``limit``."""
        if not self._linux:
            return self._sample_elsewhere()
        self._search()
        memory, ticks = 0, 0
        for pid, seen in list(self._known.items()):
            fields = _stat(pid)
            if fields is None or fields[_STARTED] != seen.started:
                del self._known[pid]
                continue
            ticks += sum(map(int, fields[_CPU]))
            memory += max(0, _own(pid) - (self._inherited if seen.image == self._image else 0))
        if self._keeper is not None and (fields := _stat(self._keeper)):
            ticks += sum(map(int, fields[_CPU][2:]))  # of those that it has collected
        if len(self._known) > 1 and memory > min(self.peak, limit or self.peak):
            memory = min(memory, sum(_proportional(pid) for pid in self._known))
        self.cpu_seconds = max(self.cpu_seconds, ticks / _TICKS)
        self.memory, self.peak = memory, max(self.peak, memory)
        return memory

    def _search(self) -> None:
        """Look for new processes, which is dear where there are many: with a small share of the time."""
        began = time.monotonic()
        if began < self._search_at:
            return
        root = self._pid if self._keeper is None else self._keeper
        for pid in {self._pid, *processes.descendants(root)} - set(self._known):
            if fields := _stat(pid):
                self._known[pid] = _Seen(fields[_STARTED], fields[_IMAGE])
        now = time.monotonic()
        self._search_at = now + max((now - began) / _SEARCH_SHARE, _SEARCH_SECONDS if self._known else 0)

    def _sample_elsewhere(self) -> int:
        import psutil

        memory, seconds = 0, 0.0
        with contextlib.suppress(psutil.Error):
            kernel = psutil.Process(self._pid)
            for process in (kernel, *kernel.children(recursive=True)):
                with contextlib.suppress(psutil.Error):
                    memory += process.memory_info().rss
                    seconds += sum(process.cpu_times()[:4])
        self.cpu_seconds = max(self.cpu_seconds, seconds)
        self.memory, self.peak = memory, max(self.peak, memory)
        return memory

    def kill(self) -> None:
        """End all of them at once. What has a keeper is looked after by that, too."""
        self._search_at = 0.0
        if self._linux:
            self._search()
        with contextlib.suppress(OSError):
            os.killpg(self._pid, signal.SIGKILL)
        for pid, seen in self._known.items():
            fields = _stat(pid)
            if fields is not None and fields[_STARTED] == seen.started:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)

    def short_of_memory(self) -> bool:
        """Whether the system has killed processes for memory since this one started."""
        return self._count_oom_kills() > self._oom_kills

    def _count_oom_kills(self) -> int:
        return _counter(self._oom_file) or 0


_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
# Positions in /proc/PID/stat after the name: parent; user, system, and both of collected children; start
# time; the stack's address, which a fork shares with its parent and no other program has.
_PARENT, _CPU, _STARTED, _IMAGE = 1, slice(11, 15), 19, 25


def _stat(pid: int) -> list[bytes] | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()
    except OSError:
        return None


def _keeper_of(pid: int) -> int | None:
    with contextlib.suppress(OSError, TypeError):
        parent = int((_stat(pid) or [b"", b"0"])[_PARENT])
        with open(f"/proc/{parent}/comm", encoding="utf-8") as file:
            return parent if file.read().strip() == processes.KEEPER else None
    return None


def _own(pid: int) -> int:
    """Anonymous, shared and swapped-out memory."""
    wanted, total = (b"RssAnon:", b"RssShmem:", b"VmSwap:"), 0
    with contextlib.suppress(OSError), open(f"/proc/{pid}/status", "rb") as file:
        for line in file:
            if line.startswith(wanted):
                total += int(line.split()[1]) * 1024
    return total


def _rollup(pid: int) -> dict[bytes, int]:
    with contextlib.suppress(OSError), open(f"/proc/{pid}/smaps_rollup", "rb") as file:
        next(file)
        return {
            name: int(value.split()[0]) * 1024 for name, _, value in (line.partition(b":") for line in file)
        }
    return {}


def _proportional(pid: int) -> int:
    found = _rollup(pid)
    if not found:
        return _own(pid)
    return sum(found.get(name, 0) for name in (b"Pss_Anon", b"Pss_Shmem", b"SwapPss"))


def _oom_file(pid: int) -> str:
    """Where the system counts what it killed for memory: among this process's group, or at all."""
    groups = []
    with contextlib.suppress(OSError), open(f"/proc/{pid}/cgroup", encoding="utf-8") as file:
        for line in file:
            _, names, path = line.strip().split(":", 2)
            if not names:
                groups += [f"/sys/fs/cgroup{path}/memory.events", "/sys/fs/cgroup/memory.events"]
            elif "memory" in names.split(","):
                base = "/sys/fs/cgroup/memory"
                groups += [f"{base}{path}/memory.oom_control", f"{base}/memory.oom_control"]
    return next((name for name in groups if _counter(name) is not None), "/proc/vmstat")


def _counter(path: str) -> int | None:
    with contextlib.suppress(OSError, ValueError), open(path, encoding="utf-8") as file:
        for line in file:
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return None
