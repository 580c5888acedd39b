"""Distances and p-values of two columns that are known by their counts.

Each is what SciPy would give for the rows themselves; what is exact and what is not stands with each.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workbench.data.summary import NumberSummary

__all__ = ["chi_square", "jensen_shannon", "kolmogorov_smirnov", "proportions", "wasserstein"]

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

# Up to so many rows SciPy's test takes the exact distribution of its statistic.
_EXACT_ROWS = 10_000


def wasserstein(reference: NumberSummary, window: NumberSummary) -> float:
    r"""The first Wasserstein distance, :math:`\int |F - G| dx` of the two distribution functions.

    Over an interval :math:`(a, b)` with :math:`F(b-)` below :math:`b`, integration by parts gives

    .. math:: \int_a^b F dx = (b - a) F(b-) - \frac{1}{n} \sum_{a < x < b} (x - a)

    which needs the interval's sum only. So the integral of the difference is exact over every interval, that
    of its absolute value beyond the reference's range, where each side has at most one value in the interval
    (which then lies where the sum says), and where the difference keeps its sign. Where it changes its sign
    between many values, it is taken to be a straight line.
    """
    n, m = reference.finite, window.finite
    tails = abs(reference.sums[[0, -1]] / n - window.sums[[0, -1]] / m).sum()
    inside = slice(1, -1)
    before, at = _differences(reference, window)
    first, last, width = at[:-1], before[1:], np.diff(reference.edges)
    signed = np.abs(width * last - (reference.sums / n - window.sums / m)[inside])
    reach = np.abs(first) + np.abs(last)
    line = width * (first**2 + last**2) / (2 * np.where(reach > 0, reach, 1.0))
    many = np.where(first * last < 0, np.maximum(signed, line), signed)
    single = (reference.between[inside] <= 1) & (window.between[inside] <= 1)
    # A side without a value in the interval has its jump of nothing at the beginning.
    one, other = reference.sums[inside], window.sums[inside]
    early, late = np.minimum(one, other), np.maximum(one, other)
    jump = np.where(one < other, reference.between[inside] / n, -window.between[inside] / m)
    steps = np.abs(first) * early + np.abs(first + jump) * (late - early) + np.abs(last) * (width - late)
    return float(tails + np.where(single, steps, many).sum())


def kolmogorov_smirnov(reference: NumberSummary, window: NumberSummary) -> float:
    """The two-sided p-value of the Kolmogorov-Smirnov test; exact if every value of the reference is a point.

    The statistic depends on the order of the values alone, so their places among the points stand for them.
    A window of more than 10,000 rows is not laid out: SciPy takes the asymptotic distribution for it.
    """
    from scipy import stats

    n, m = reference.finite, window.finite
    if max(n, m) <= _EXACT_ROWS:
        first, second = (
            np.repeat(np.arange(2 * len(side.edges) + 1), _interleaved(side)) for side in (reference, window)
        )
        return float(stats.ks_2samp(first, second).pvalue)
    statistic = max(float(np.abs(side).max()) for side in _differences(reference, window))
    return float(np.clip(stats.kstwo.sf(statistic, round(n * m / (n + m))), 0, 1))


def jensen_shannon(reference: Counts, window: Counts) -> float:
    """The Jensen-Shannon distance (to the base e) of counts by value."""
    from scipy.spatial import distance

    return float(distance.jensenshannon(reference / reference.sum(), window / window.sum()))


def chi_square(reference: Counts, window: Counts) -> float:
    """The p-value of the chi-square test of the window's counts against the reference's shares.

    A value that the reference has not is expected never, so that one such row is enough.
    """
    from scipy import stats

    with np.errstate(divide="ignore"):
        return float(stats.chisquare(window, reference * (window.sum() / reference.sum())).pvalue)


def proportions(reference: Counts, window: Counts) -> float:
    """The p-value of the two-sided z-test that two values have the same shares in both."""
    from scipy import stats

    if len(reference) < 2:
        return 1.0
    n, m = reference.sum(), window.sum()
    first, second = reference[1] / n, window[1] / m
    pooled = (reference[1] + window[1]) / (n + m)
    z = (first - second) / np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    return float(2 * (1 - stats.norm.cdf(abs(z))))


def _interleaved(column: NumberSummary) -> Counts:
    """Counts in the order of the axis: below the first point, at it, after it, at the second, …"""
    counts = np.empty(2 * len(column.edges) + 1, np.int64)
    counts[0::2], counts[1::2] = column.between, column.points
    return counts


def _differences(reference: NumberSummary, window: NumberSummary) -> tuple[Floats, Floats]:
    """The difference of the distribution functions just before each point, and at it."""
    first, second = (np.cumsum(_interleaved(side)) / side.finite for side in (reference, window))
    return (first - second)[0:-1:2], (first - second)[1::2]
