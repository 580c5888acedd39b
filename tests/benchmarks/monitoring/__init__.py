"""Monitoring: ``make bench ARGS="monitoring --only drift,agreement"``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.benchmarks.execution.table import Table
from tests.benchmarks.monitoring import agreement, baking, drift, growth, labels, log

__all__ = ["MEASURES", "main"]

MEASURES: dict[str, Callable[[int], Table]] = {
    "agreement": agreement.measure,
    "baking": baking.measure,
    "drift": drift.measure,
    "labels": labels.measure,
    "log": log.measure,
    "wide": growth.measure_columns,
    "rows": growth.measure_rows,
}


def main(repeats: int, only: Sequence[str] = ()) -> None:
    """Print a table for each measure."""
    for name in only or MEASURES:
        print(MEASURES[name](repeats), flush=True)
