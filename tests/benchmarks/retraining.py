"""From a trigger to a gated challenger, on a year of flights: ``python -m tests.benchmarks.retraining 3``."""

from __future__ import annotations

import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from tests.benchmarks.measure import run, spread
from workbench.monitoring.retraining import retrain
from workbench.project import open_project
from workbench.store.clock import SimulatedClock

__all__ = ["main"]

GOAL_SECONDS = 30
_LOG = "predictions/replay"
_PHASES = ("gather", "prepare", "train", "validate", "serve", "monitor")
_TODAY = datetime(2013, 12, 1, 5, tzinfo=UTC)


def main(repeats: int) -> None:
    """Print how long it takes, and what was decided."""
    workbench = [sys.executable, "-m", "workbench"]
    seconds, told = [], ""
    with tempfile.TemporaryDirectory(prefix="workbench-bench-") as scratch:
        for number in range(repeats):
            root = Path(scratch) / f"demo-{number}"
            run([*workbench, "init", str(root), "--template", "flights"], Path(scratch))
            run([*workbench, "run", *_PHASES], root)
            project = open_project(root)
            started = time.perf_counter()
            done = retrain(project, _LOG, clock=SimulatedClock(_TODAY))
            seconds.append(time.perf_counter() - started)
            assert done.retraining is not None, done.reason
            told = f"{done.retraining.trigger}, v{done.retraining.version} {done.retraining.decision}"
    print(f"trigger → challenger gated  {spread(seconds)}   goal: {GOAL_SECONDS} s ({told})")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
