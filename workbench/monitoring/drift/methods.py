"""The method and the line that Evidently's ``DataDriftPreset`` (0.7) takes, by kind and size of a column.

==============================  =========================  ==========================================
reference                       of up to 1,000 values      of more
==============================  =========================  ==========================================
numbers                         K-S p-value <= 0.05        Wasserstein distance, normed, >= 0.1
numbers, few in both            as categories              Jensen-Shannon distance >= 0.1
categories, more than two       chi-square p-value < 0.05  Jensen-Shannon distance >= 0.1
categories, up to two           z-test p-value < 0.05      Jensen-Shannon distance >= 0.1
==============================  =========================  ==========================================

Few are at most five different values in reference and window together. Missing and infinite values are left
out of all of it. The source is ``evidently.legacy.calculations.stattests.registry._get_default_stattest``; a
benchmark holds ours to its verdicts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.data.summary import CategorySummary, NumberSummary
from workbench.data.summary.numbers import FEW
from workbench.monitoring.drift import distances

__all__ = ["Measured", "measure_categories", "measure_numbers", "normed_wasserstein"]

Counts = NDArray[np.int64]

_SMALL = 1000
_P_VALUE, _DISTANCE = 0.05, 0.1
# By so much at least a distance is normed, or a constant's would be infinite.
_SMALLEST_SPREAD = 0.001


@dataclass(frozen=True)
class Measured:
    """A figure, and the line that it is held to.

    Attributes
    ----------
    method : str
        As Evidently calls it.
    """

    method: str
    score: float
    threshold: float
    drifted: bool


def measure_numbers(reference: NumberSummary, window: NumberSummary) -> Measured:
    """Two columns of numbers, each with a finite value."""
    if (few := _few(reference, window)) is not None:
        return _measure_counts(*few)
    if reference.finite <= _SMALL:
        p = distances.kolmogorov_smirnov(reference, window)
        return Measured("K-S p_value", p, _P_VALUE, p <= _P_VALUE)
    distance = normed_wasserstein(reference, window)
    return Measured("Wasserstein distance (normed)", distance, _DISTANCE, distance >= _DISTANCE)


def normed_wasserstein(reference: NumberSummary, window: NumberSummary) -> float:
    """The Wasserstein distance in standard deviations of the reference; each has a finite value."""
    with np.errstate(over="ignore", invalid="ignore"):  # numbers near 1e308
        return distances.wasserstein(reference, window) / max(reference.std, _SMALLEST_SPREAD)


def measure_categories(reference: CategorySummary, window: CategorySummary) -> Measured:
    """Two columns of categories, each with a value; what is beyond those told apart counts as one."""
    nothing = np.zeros_like(window.new_counts)
    before = np.concatenate([reference.counts, nothing, [reference.rest]])
    now = np.concatenate([window.counts, window.new_counts, [window.rest]])
    there = (before > 0) | (now > 0)
    return _measure_counts(before[there], now[there])


def _measure_counts(reference: Counts, window: Counts) -> Measured:
    if reference.sum() > _SMALL:
        distance = distances.jensen_shannon(reference, window)
        return Measured("Jensen-Shannon distance", distance, _DISTANCE, distance >= _DISTANCE)
    if len(reference) > 2:
        p = distances.chi_square(reference, window)
        return Measured("chi-square p_value", p, _P_VALUE, p < _P_VALUE)
    p = distances.proportions(reference, window)
    return Measured("Z-test p_value", p, _P_VALUE, p < _P_VALUE)


def _few(reference: NumberSummary, window: NumberSummary) -> tuple[Counts, Counts] | None:
    """Counts by value, if both together have few values."""
    if not reference.exact or window.strays is None or len(reference.edges) + len(window.strays) > FEW:
        return None
    strays = np.array(list(window.strays.values()), np.int64)
    before = np.concatenate([reference.points, np.zeros_like(strays)])
    return before, np.concatenate([window.points, strays])
