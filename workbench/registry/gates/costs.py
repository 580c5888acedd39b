"""What a model costs: the time that one answer takes, the memory it holds, the size of its files."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from workbench.registry.gates.validation import Gate, Verdict
from workbench.tracking.models import positive_scores

if TYPE_CHECKING:
    import pandas as pd

    from workbench.config import GatesConfig

__all__ = ["cost_gates", "held_memory", "one_row_latency"]

_WARM_UP = 3
_MEGABYTE = 1e6
_Made = TypeVar("_Made")


def one_row_latency(
    estimator: Any,
    features: pd.DataFrame,
    *,
    rows: int = 50,
    timer: Callable[[], float] = time.perf_counter,
) -> float:
    """Median milliseconds that the estimator takes for one row of ``features``: what one traveller waits for.

    Parameters
    ----------
    rows : int
        How many rows are asked, evenly spread over the frame.
    timer : callable
        Seconds, monotonic; passed in so that a simulation can pass its own.
    """
    chosen = np.linspace(0, len(features) - 1, rows + _WARM_UP).astype(int)
    taken = []
    for row in chosen:
        one = features.iloc[[row]]
        begun = timer()
        positive_scores(estimator, one)
        taken.append((timer() - begun) * 1000)
    return float(np.median(taken[_WARM_UP:]))


def held_memory(make: Callable[[], _Made]) -> tuple[_Made, int]:
    """What ``make`` makes, and the bytes of Python and NumPy that it still holds afterwards.

    What a native library allocates by itself is not counted.
    """
    watched = tracemalloc.is_tracing()
    if not watched:
        tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        made = make()
        return made, max(0, tracemalloc.get_traced_memory()[0] - before)
    finally:
        if not watched:
            tracemalloc.stop()


def cost_gates(
    config: GatesConfig,
    *,
    latency_ms: float | None = None,
    memory_bytes: float | None = None,
    size_bytes: float | None = None,
) -> Iterator[Gate]:
    """A gate for each cost that was measured."""
    memory = None if memory_bytes is None else memory_bytes / _MEGABYTE
    size = None if size_bytes is None else size_bytes / _MEGABYTE
    for name, value, allowed, unit in (
        ("latency", latency_ms, config.latency_ms, "ms"),
        ("memory", memory, config.memory_mb, "MB"),
        ("size", size, config.size_mb, "MB"),
    ):
        if value is None:
            continue
        verdict: Verdict = "inconclusive"
        if np.isfinite(value):
            verdict = "passed" if value <= allowed else "failed"
        why = f"{value:.2f} {unit}; {allowed:g} {unit} are allowed"
        yield Gate(name, verdict, float(value), allowed, why)
