"""Timing whole commands: wall time, and the peak memory of a process with all its descendants."""

from __future__ import annotations

import statistics
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

__all__ = ["Measured", "run", "spread"]

_SAMPLE_SECONDS = 0.2


@dataclass(frozen=True)
class Measured:
    """One command: its wall seconds, the peak of its tree's memory (PSS, bytes) and what it printed."""

    seconds: float
    peak_bytes: int
    output: str


def run(command: Sequence[str], cwd: Path) -> Measured:
    """Run a command to its end; a non-zero exit raises with what it said."""
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    peak = [0]
    ended = threading.Event()
    sampler = threading.Thread(target=_sample, args=(process.pid, peak, ended), daemon=True)
    sampler.start()
    output, errors = process.communicate()
    seconds = time.perf_counter() - started
    ended.set()
    sampler.join()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} exited with {process.returncode}:\n{errors[-2000:]}")
    return Measured(seconds, peak[0], output)


def _sample(pid: int, peak: list[int], ended: threading.Event) -> None:
    while not ended.wait(_SAMPLE_SECONDS):
        try:
            root = psutil.Process(pid)
            tree = [root, *root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return
        total = 0
        for process in tree:
            try:
                total += process.memory_full_info().pss
            except psutil.Error:
                continue
        peak[0] = max(peak[0], total)


def spread(values: Sequence[float], unit: str = "s", digits: int = 1) -> str:
    """Median, and the lowest and highest of all repeats."""
    middle, lowest, highest = (f"{way(values):.{digits}f}" for way in (statistics.median, min, max))
    return f"{middle} {unit}".rstrip() + f" ({lowest}–{highest})"
