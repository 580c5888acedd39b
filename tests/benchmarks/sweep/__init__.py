"""Sweeps and searches: ``make bench ARGS="sweep --only throughput,scaling"``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.benchmarks.execution.table import Table
from tests.benchmarks.sweep import scaling, throughput, tuning

__all__ = ["MEASURES", "main"]

MEASURES: dict[str, Callable[[int], Table]] = {
    "throughput": throughput.measure,
    "scaling": scaling.measure,
    "tuning": tuning.measure,
    "pruning": tuning.measure_pruning,
}


def main(repeats: int, only: Sequence[str] = ()) -> None:
    """Print a table for each measure."""
    for name in only or MEASURES:
        print(MEASURES[name](repeats), flush=True)
