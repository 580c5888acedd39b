"""Drift of a million rows from a saved reference, beside Evidently's preset.

As a program, ``python -m tests.benchmarks.monitoring.drift WAY FOLDER`` measures once, in a process of its
own since memory is not given back, and prints a line of JSON.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from tests.benchmarks import measure as commands
from tests.benchmarks.execution.place import place
from tests.benchmarks.execution.table import Goal, Row, Table, in_turn
from tests.benchmarks.serving.projects import REPOSITORY
from tests.drifting import CATEGORIES, NUMBERS, by_evidently
from workbench.data.summary import Counting, Summary, summarize
from workbench.monitoring.drift import judge_drift

__all__ = ["frame", "measure", "peak_bytes", "warm_up"]

_ROWS, _SHIFT = 1_000_000, 0.25
_OF_NUMBERS = (
    "normal",
    "exponential",
    "log-normal",
    "Pareto",
    "bimodal",
    "beta, as scores are",
    "mostly zero",
    "rounded money",
    "counts",
    "with holes",
)
_OF_CATEGORIES = ("two", "ten", "rare ones", "sixty, by Zipf", "hundreds")


@dataclass(frozen=True)
class _Told:
    """What a process told."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    drifted: list[str]


def measure(repeats: int) -> Table:
    """Both ways in turn, each in a process of its own whose libraries are imported and warm."""
    with place(started=False) as folder:
        reference = frame(_ROWS, 0.0, seed=0)
        reference.to_parquet(folder / "reference.parquet")
        frame(_ROWS, _SHIFT, seed=1).to_parquet(folder / "window.parquet")
        begun = time.perf_counter()
        data = summarize(reference).to_bytes()
        summarised = time.perf_counter() - begun
        (folder / "reference.arrows").write_bytes(data)
        ways = {name: (lambda name=name: _told(name, folder)) for name in ("ours", "peer")}
        taken = in_turn(repeats, ways, warm_up=False)
    ours, peer = taken["ours"], taken["peer"]
    agree = [(column in ours[0].drifted) == (column in peer[0].drifted) for column in reference]
    rows = [
        Row(
            "from saved reference to verdicts",
            [one.seconds for one in ours],
            [one.seconds for one in peer],
            Goal(times=50),
        ),
        Row(
            "the same in seconds of processors",
            [one.cpu_seconds for one in ours],
            [one.cpu_seconds for one in peer],
        ),
        Row("peak memory of the process, its rows included", _gib(ours), _gib(peer), unit="GiB"),
    ]
    notes = [
        f"{sum(agree)} of {len(agree)} verdicts agree; {len(peer[0].drifted)} drifted",
        f"the reference was summarised once, in {summarised:.1f} s, to {len(data) / 1000:.0f} kB",
        "peer: Evidently's DataDriftPreset on both frames in memory",
        f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores",
    ]
    title = f"drift of {_ROWS:,} rows × {len(agree)} columns, {repeats} in turn"
    return Table(title, rows, notes)


def frame(rows: int, shift: float, seed: int) -> pd.DataFrame:
    """Ten numbers and five categories of different shapes."""
    random = np.random.default_rng(seed)
    numbers = {name: NUMBERS[name](random, rows, shift) for name in _OF_NUMBERS}
    categories = {
        f"category, {name}": pd.Series(CATEGORIES[name](random, rows, shift), dtype="str")
        for name in _OF_CATEGORIES
    }
    return pd.DataFrame({**numbers, **categories})


def warm_up() -> None:
    """Count and judge until every library is there; numba is imported when it is worth it."""
    reference, some = summarize(frame(1000, 0.0, seed=2)), frame(60_000, 0.0, seed=3)
    counting = Counting(reference)
    for _ in range(10):
        counting.add(some)
    judge_drift(reference, counting.summary())


def peak_bytes() -> int:
    """The most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _told(way: str, folder: Path) -> _Told:
    command = [sys.executable, "-m", "tests.benchmarks.monitoring.drift", way, str(folder)]
    return _Told(**json.loads(commands.run(command, REPOSITORY).output.splitlines()[-1]))


def _gib(told: list[_Told]) -> list[float]:
    return [one.peak_bytes / 2**30 for one in told]


def _ours(folder: Path) -> _Told:
    warm_up()
    window = pd.read_parquet(folder / "window.parquet")
    begun = _clocks()
    reference = Summary.from_bytes((folder / "reference.arrows").read_bytes())
    counting = Counting(reference)
    counting.add(window)
    found = judge_drift(reference, counting.summary())
    return _Told(*_since(begun), peak_bytes(), list(found.drifted))


def _peer(folder: Path) -> _Told:
    by_evidently(frame(300, 0.0, seed=2), frame(300, 0.0, seed=3))
    reference, window = (pd.read_parquet(folder / f"{name}.parquet") for name in ("reference", "window"))
    begun = _clocks()
    found = by_evidently(reference, window)
    taken = _since(begun)
    return _Told(*taken, peak_bytes(), [name for name, verdict in found.items() if verdict.drifted])


def _clocks() -> tuple[float, float]:
    """The wall's and the processors', which a busy machine does not lengthen."""
    return time.perf_counter(), time.process_time()


def _since(begun: tuple[float, float]) -> tuple[float, float]:
    wall, processors = _clocks()
    return wall - begun[0], processors - begun[1]


if __name__ == "__main__":
    told = {"ours": _ours, "peer": _peer}[sys.argv[1]](Path(sys.argv[2]))
    print(json.dumps(vars(told)))
