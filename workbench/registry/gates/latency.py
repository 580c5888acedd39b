"""How long a model takes for one row: what a single traveller waits for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.tracking.models import positive_scores

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["one_row_latency"]

_WARM_UP = 3


def one_row_latency(
    estimator: Any,
    features: pd.DataFrame,
    *,
    rows: int = 50,
    timer: Callable[[], float] = time.perf_counter,
) -> float:
    """Median milliseconds that the estimator takes for one row of ``features``.

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
