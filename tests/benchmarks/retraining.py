"""Retraining: ``make bench ARGS="retraining --only challenger,rollback"``."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from tests.benchmarks.execution.place import place
from tests.benchmarks.execution.table import Goal, Row, Table
from tests.benchmarks.measure import run
from tests.benchmarks.monitoring import baking
from workbench.monitoring.retraining import retrain
from workbench.project import open_project
from workbench.store.clock import SimulatedClock

__all__ = ["MEASURES", "main"]

_GOAL_SECONDS = 30.0
_LOG = "predictions/replay"
_PHASES = ("gather", "prepare", "train", "validate", "serve", "monitor")
_TODAY = datetime(2013, 12, 1, 5, tzinfo=UTC)


def main(repeats: int, only: Sequence[str] = ()) -> None:
    """Print a table for each measure."""
    for name in only or MEASURES:
        print(MEASURES[name](repeats), flush=True)


def _challenger(repeats: int) -> Table:
    """From a trigger to a gated challenger, on a year of flights."""
    workbench = [sys.executable, "-m", "workbench"]
    seconds, told = [], ""
    with place() as scratch:
        for number in range(repeats):
            root = scratch / f"demo-{number}"
            run([*workbench, "init", str(root), "--template", "flights"], scratch)
            run([*workbench, "run", *_PHASES], root)
            project = open_project(root)
            started = time.perf_counter()
            done = retrain(project, _LOG, clock=SimulatedClock(_TODAY))
            seconds.append(time.perf_counter() - started)
            assert done.retraining is not None, done.reason
            told = f"{done.retraining.trigger}, v{done.retraining.version} {done.retraining.decision}"
    row = Row("trigger → challenger gated", seconds, goal=Goal(most=_GOAL_SECONDS), digits=1)
    return Table(f"336,776 flights: prepare, train, validate, {repeats} times, warm", [row], [told])


MEASURES: dict[str, Callable[[int], Table]] = {"challenger": _challenger, "rollback": baking.measure}
