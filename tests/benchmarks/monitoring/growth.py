"""How drift grows with columns and with rows. Each size in a process of its own:
``python -m tests.benchmarks.monitoring.growth columns|rows COUNT`` prints a line of JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time

import numpy as np
import pandas as pd
import pyarrow as pa

from tests.benchmarks import measure as commands
from tests.benchmarks.execution.table import Goal, Row, Table
from tests.benchmarks.monitoring.drift import frame, peak_bytes, warm_up
from tests.benchmarks.serving.projects import REPOSITORY
from workbench.data.summary import Counting, Summary, summarize
from workbench.monitoring.drift import judge_drift

__all__ = ["measure_columns", "measure_rows"]

_WIDE, _WIDE_ROWS = 500, 100_000
_ROWS = (1_000_000, 10_000_000, 50_000_000)
_BATCH, _BATCHES = 250_000, 8


def measure_columns(repeats: int) -> Table:
    """A wide table, from frames to verdicts and bars."""
    told = [_told("columns", _WIDE) for _ in range(repeats)]
    rows = [
        Row("reference summarised", [one["summarised"] for one in told]),
        Row("window counted and judged", [one["seconds"] for one in told], goal=Goal(most=20)),
        Row("peak memory, both frames included", [one["peak"] for one in told], unit="GiB"),
    ]
    return Table(f"{_WIDE} columns × {_WIDE_ROWS:,} rows, {repeats} times", rows, [_load()])


def measure_rows(repeats: int) -> Table:
    """More and more rows in batches; a few batches over and over, so that only counting is measured."""
    rows = []
    per_million: dict[int, float] = {}
    for count in _ROWS:
        told = [_told("rows", count) for _ in range(repeats if count < _ROWS[-1] else 1)]
        seconds = [one["seconds"] for one in told]
        per_million[count] = float(np.median(seconds)) / (count / 1e6)
        rows += [
            Row(f"{count:,} rows", seconds),
            Row("  peak memory", [one["peak"] for one in told], unit="GiB"),
        ]
    each = ", ".join(f"{seconds:.2f}" for seconds in per_million.values())
    notes = [
        f"simulated: {_BATCHES} batches of {_BATCH:,} rows × 15 columns as Arrow, over and over",
        f"seconds a million rows: {each}",
        _load(),
    ]
    return Table("rows counted as a stream, from a saved reference to verdicts", rows, notes)


def _load() -> str:
    return f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def _told(what: str, count: int) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.benchmarks.monitoring.growth", what, str(count)]
    told: dict[str, float] = json.loads(commands.run(command, REPOSITORY).output.splitlines()[-1])
    return told


def _columns(count: int) -> dict[str, float]:
    before, now = (_wide(count, seed) for seed in (0, 1))
    warm_up()
    begun = time.perf_counter()
    reference = summarize(before)
    summarised = time.perf_counter() - begun
    begun = time.perf_counter()
    counting = Counting(reference)
    counting.add(now)
    judge_drift(reference, counting.summary()).to_dict()
    return {"summarised": summarised, "seconds": time.perf_counter() - begun, "peak": _peak()}


def _wide(count: int, seed: int) -> pd.DataFrame:
    """Four numbers to one category."""
    random = np.random.default_rng(seed)
    columns: dict[str, object] = {}
    for place in range(count):
        if place % 5:
            columns[f"number {place}"] = random.lognormal(seed / 10, 1, _WIDE_ROWS)
        else:
            names = [f"n{name}" for name in range(place + 2)]
            codes = random.integers(0, len(names), _WIDE_ROWS)
            columns[f"category {place}"] = pd.Categorical.from_codes(codes, names)
    return pd.DataFrame(columns)


def _rows(count: int) -> dict[str, float]:
    data = summarize(frame(200_000, 0.0, seed=0)).to_bytes()
    batches = [
        pa.Table.from_pandas(frame(_BATCH, 0.1, seed=seed), preserve_index=False)
        for seed in range(1, _BATCHES + 1)
    ]
    warm_up()
    begun = time.perf_counter()
    reference = Summary.from_bytes(data)
    counting = Counting(reference)
    for number in range(count // _BATCH):
        counting.add(batches[number % _BATCHES])
    found = judge_drift(reference, counting.summary())
    seconds = time.perf_counter() - begun
    if found.rows != count:
        raise RuntimeError(f"{found.rows:,} of {count:,} rows were counted")
    return {"seconds": seconds, "peak": _peak()}


def _peak() -> float:
    return peak_bytes() / 2**30


if __name__ == "__main__":
    print(json.dumps({"columns": _columns, "rows": _rows}[sys.argv[1]](int(sys.argv[2]))))
