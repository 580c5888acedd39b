"""Reading the prediction log back for monitoring: how long, and at what peak of memory.

As a program, ``python -m tests.benchmarks.serving.readback FOLDER COLUMN…``, it reads a log and says in a
line of JSON what that took: a process of its own, since memory is not given back.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import numpy as np

from tests.benchmarks import measure as commands
from tests.benchmarks.execution.place import place
from tests.benchmarks.execution.table import Goal, Row, Table
from tests.benchmarks.serving.options import Options
from tests.benchmarks.serving.projects import REPOSITORY
from workbench.serving.log.batch import Batch, Columns
from workbench.serving.log.compact import compact
from workbench.serving.log.read import PredictionLog
from workbench.serving.log.sqlite import SqliteWriter

__all__ = ["measure", "write_log"]

_ROWS_A_BATCH, _BATCHES_A_COMMIT = 256, 8
_NUMBERS, _CATEGORIES = 22, 2
_COLUMNS = ("asked_at", "score", "model_version", "feature.number_0", "feature.number_1", "feature.carrier")
_GOAL_ROWS = 10_000_000


def measure(repeats: int, options: Options) -> Table:
    """A log as large as asked, written by the server's writer and compacted, then read column by column."""
    seconds, memory = [], []
    with place(started=False) as folder:
        begun = time.perf_counter()
        write_log(folder / "log", options.log_rows)
        written = time.perf_counter() - begun
        compact(folder / "log")
        compacted = time.perf_counter() - begun - written
        size = sum(file.stat().st_size for file in (folder / "log").rglob("*") if file.is_file())
        command = [sys.executable, "-m", "tests.benchmarks.serving.readback", str(folder / "log"), *_COLUMNS]
        for number in range(repeats + 1):
            told = json.loads(commands.run(command, REPOSITORY).output.splitlines()[-1])
            if told["rows"] != options.log_rows:
                raise RuntimeError(f"{told['rows']:,} of {options.log_rows:,} rows were read")
            if number:  # a first time warms the system's cache
                seconds.append(told["seconds"])
                memory.append(told["peak_bytes"] / 2**30)
    full = options.log_rows >= _GOAL_ROWS
    what = f"{options.log_rows:,} rows, {len(_COLUMNS)} columns"
    notes = [
        f"{24 + 8} columns of inputs and features in the log; {size / options.log_rows:.0f} bytes a row",
        f"written at {options.log_rows / written:,.0f} rows/s, compacted at "
        f"{options.log_rows / compacted:,.0f} rows/s",
    ]
    if not full:
        notes.append(f"goals are for {_GOAL_ROWS:,} rows: --full")
    return Table(
        f"reading the log back, {repeats} times",
        [
            Row(f"{what}: time", seconds, goal=Goal(most=3.0) if full else Goal()),
            Row(
                f"{what}: peak memory of the process",
                memory,
                goal=Goal(most=2.0) if full else Goal(),
                unit="GiB",
            ),
        ],
        notes,
    )


def write_log(folder: Path, rows: int, *, first: int = 0) -> None:
    """Write as many answers as a server would, counted from ``first`` on, without compacting them."""
    random = np.random.default_rng(first)
    writer = SqliteWriter(folder, "answers")
    try:
        pending: list[Batch] = []
        for place in range(first, first + rows, _ROWS_A_BATCH):
            pending.append(_batch(random, place, min(_ROWS_A_BATCH, first + rows - place)))
            if len(pending) == _BATCHES_A_COMMIT:
                writer.append(pending)
                pending = []
        if pending:
            writer.append(pending)
    finally:
        writer.close()


def _batch(random: np.random.Generator, first: int, count: int) -> Batch:
    """Answers as the flights project gives them; asked one a tenth of a second."""
    moments = np.datetime64("2026-07-01T00:00:00", "us") + (first + np.arange(count)) * np.timedelta64(
        100_000, "us"
    )
    features = {f"number_{place}": random.normal(size=count) for place in range(_NUMBERS)}
    words = np.array(["UA", "B6", "EV", "DL", "AA", "MQ", "US", "9E"], dtype=object)
    features |= {name: random.choice(words, count) for name in ("carrier", "origin")}
    inputs: Columns = {f"raw_{place}": random.normal(size=count) for place in range(3)}
    inputs |= {name: random.choice(words, count) for name in ("carrier", "origin", "dest")}
    inputs |= dict.fromkeys(("sched_dep", "sched_arr"), moments)
    score = random.random(count)
    ids = [f"0123456789abcdef{first:08x}-{number}" for number in range(count)]
    return Batch(
        prediction_ids=ids,
        asked_at=moments,
        inputs=inputs,
        features=features,
        outputs=np.column_stack([1 - score, score]),
        classes=("False", "True"),
        model="flights-late",
        version=1,
        role="champion",
        code_version="0123456789abcdef",
        run_id="0123456789abcdef0123456789abcdef",
        datasets={"prepared": 1, "weather_memory": 1},
        latency_ms=np.full(count, 1.0, dtype=np.float32),
        request_ids=ids,
        user_groups=[""] * count,
        notes={},
    )


def main() -> None:
    folder, *columns = sys.argv[1:]
    import deltalake
    import pandas
    import pyarrow

    _ = deltalake, pandas, pyarrow  # imported before the clock runs
    begun = time.perf_counter()
    frame = PredictionLog(Path(folder)).read(columns=columns)
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "peak_bytes": peak, "rows": len(frame)}))


if __name__ == "__main__":
    main()
