"""Queues of 10, 100 and 1,000 empty notebooks: time, memory of the client, disk a report."""

from __future__ import annotations

import time
from pathlib import Path

import psutil

from tests.benchmarks.execution.place import place, quiet
from tests.benchmarks.execution.table import Goal, Row, Table
from tests.benchmarks.sweep.throughput import sweep
from tests.projects import make_project, write_notebook

__all__ = ["measure"]

_QUEUES = (10, 100, 1000)


def _busy() -> float:
    """Seconds for which the machine's cores were busy so far, with whatever."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0))


def measure(repeats: int) -> Table:
    """Once each: the longest takes minutes, and it is the slope that counts."""
    each: dict[int, float] = {}
    cores: dict[int, float] = {}
    memory: dict[int, float] = {}
    disk = 0.0
    mine = psutil.Process()
    with place() as folder, quiet():
        project = make_project(folder / "project", {"show": ["phase"]})
        notebook = project.root / "notebooks" / "empty.ipynb"
        write_notebook(notebook, ["pass"], "number: int = 0")
        sweep(notebook, [{"number": -1}, {"number": -2}], {})
        for queued in _QUEUES:
            began, busy = time.perf_counter(), _busy()
            result = sweep(notebook, [{"number": number} for number in range(queued)], {})
            each[queued] = (time.perf_counter() - began) / queued
            cores[queued] = (_busy() - busy) / queued
            memory[queued] = mine.memory_full_info().uss / 1e6
            kept = [project.reports / "trials" / result.run_id[:8]]
            disk = sum(_size(path) for path in kept) / queued / 1e3
    first, _, last = _QUEUES
    return Table(
        "queues of empty notebooks, two at a time, from the call to the sweep's report",
        [
            *(Row(f"{queued:,} queued: a trial", [each[queued]], digits=3) for queued in _QUEUES),
            Row(
                f"{last:,} against 100: a trial", [each[last] / each[100]], goal=Goal(most=1.2), unit="times"
            ),
            Row(f"a trial of {last:,}, of one core", [cores[last]], goal=Goal(most=0.5), digits=3),
            Row(f"client's memory after {first}", [memory[first]], unit="MB", digits=0),
            Row(f"client's memory after {last:,}", [memory[last]], unit="MB", digits=0),
            Row("on disk, a report", [disk], goal=Goal(most=100), unit="kB", digits=0),
        ],
        ["of one core: all that kept the machine busy, so that it should do nothing else"],
    )


def _size(folder: Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())
