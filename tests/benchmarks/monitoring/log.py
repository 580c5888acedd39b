"""From a prediction log, its newest part not yet compacted, to verdicts: how long, at what peak of memory.

As a program, ``python -m tests.benchmarks.monitoring.log PART FOLDER``, it does one part once and says in a
line of JSON what that took: a process of its own, since memory is not given back.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from tests.benchmarks import measure as commands
from tests.benchmarks.execution.place import place
from tests.benchmarks.execution.table import Goal, Row, Table
from tests.benchmarks.serving.projects import REPOSITORY
from tests.benchmarks.serving.readback import write_log
from tests.health import health_of
from workbench.data.summary import PREDICTION, Counting, Summary, summarize
from workbench.monitoring.drift import judge_drift
from workbench.monitoring.skew import sample_logged
from workbench.serving.log.compact import compact
from workbench.serving.log.read import PredictionLog

__all__ = ["measure"]

_NUMBERS, _CATEGORIES = 13, ("carrier", "origin")
_FEATURES = (*(f"number_{place}" for place in range(_NUMBERS)), *_CATEGORIES)
_REFERENCE_ROWS = 300_000
#: Of the log's rows, those that are not compacted.
_NEW = 0.1
_GOAL_SECONDS, _GOAL_GIB = 30.0, 2.0
_WORDS = {
    "drift": "drift verdicts of {} features and the score",
    "health": "health by version",
    "answerers": "who answered when",
    "sample": "2,000 rows drawn for skew",
}


def measure(repeats: int, rows: int = 10_000_000) -> Table:
    """A log of so many rows, read by a new process for each part of monitoring."""
    table_rows: list[Row] = []
    with place(started=False) as folder:
        old = round(rows * (1 - _NEW))
        write_log(folder / "log", old)
        compact(folder / "log")
        write_log(folder / "log", rows - old, first=old)
        (folder / "reference").write_bytes(_reference().to_bytes())
        for part, words in _WORDS.items():
            told = [_told(part, folder) for _ in range(repeats + 1)][1:]  # a first time warms the cache
            what = words.format(len(_FEATURES))
            goal = part == "drift"
            seconds = [each["seconds"] for each in told]
            memory = [each["peak_bytes"] / 2**30 for each in told]
            table_rows += [
                Row(what, seconds, goal=Goal(most=_GOAL_SECONDS) if goal else Goal()),
                Row(f"{what}: memory", memory, goal=Goal(most=_GOAL_GIB) if goal else Goal(), unit="GiB"),
            ]
    notes = [f"{rows - old:,} of {rows:,} rows are not compacted; a process each, after its imports"]
    return Table(f"monitoring {rows:,} logged predictions, {repeats} times", table_rows, notes)


def _told(part: str, folder: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.benchmarks.monitoring.log", part, str(folder)]
    told: dict[str, float] = json.loads(commands.run(command, REPOSITORY).output.splitlines()[-1])
    return told


def _reference() -> Summary:
    """What a version was trained on: like what is logged, but for one feature."""
    random = np.random.default_rng(1)
    frame = pd.DataFrame(
        {f"number_{place}": random.normal(size=_REFERENCE_ROWS) for place in range(_NUMBERS)}
    )
    frame["number_0"] += 1.0
    for name in _CATEGORIES:
        frame[name] = random.choice(["UA", "B6", "EV", "DL", "AA", "MQ", "US", "9E"], _REFERENCE_ROWS)
    return summarize(frame.assign(**{PREDICTION: random.random(_REFERENCE_ROWS)}))


def _drift(log: PredictionLog, reference: Summary) -> None:
    counting = Counting(reference)
    columns = ["score", *(f"feature.{name}" for name in _FEATURES)]
    for table in log.batches(role="champion", columns=columns):
        counting.add(table.rename_columns([PREDICTION, *_FEATURES]))
    found = judge_drift(reference, counting.summary())
    if found.drifted != ("number_0",) or len(found.judged) != len(_FEATURES):
        raise RuntimeError(f"drifted: {found.drifted} of {len(found.judged)}")


_PARTS: Mapping[str, Callable[[PredictionLog, Summary], object]] = {
    "drift": _drift,
    "health": lambda log, _: health_of(log, now=datetime.now(UTC)),
    "answerers": lambda log, _: log.answerers(),
    "sample": lambda log, _: sample_logged(log),
}


def main() -> None:
    part, folder = sys.argv[1], Path(sys.argv[2])
    import deltalake
    import pyarrow.dataset
    import scipy.stats

    _ = deltalake, pyarrow.dataset, scipy.stats  # imported before the clock runs
    reference, log = (folder / "reference").read_bytes(), PredictionLog(folder / "log")
    begun = time.perf_counter()
    _PARTS[part](log, Summary.from_bytes(reference))
    seconds = time.perf_counter() - begun
    print(json.dumps({"seconds": seconds, "peak_bytes": _peak_bytes()}))


def _peak_bytes() -> int:
    """Of this program alone: what ``getrusage`` tells begins with what its parent had."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


if __name__ == "__main__":
    main()
