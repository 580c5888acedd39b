"""A robust line through the levels of one figure, with SciPy, and how surely they follow or leave it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Fit", "fit", "surprise", "trend_p"]

Floats = NDArray[np.float64]

# Levels that never differed still have some spread.
_LEAST_SPREAD = 0.02


@dataclass(frozen=True)
class Fit:
    """Slope a window with its 95 % interval (NaN with a season), and where the line stands at the newest."""

    slope: float
    low: float
    high: float
    level: float


def fit(levels: Floats, season: int | None) -> Fit:
    """The Theil–Sen line; with a season through windows in the same place of their seasons only."""
    from scipy.stats import theilslopes

    places = np.arange(len(levels))
    known = np.isfinite(levels)
    if season is None:
        slope, at_start, low, high = theilslopes(levels[known], places[known], method="joint")
        return Fit(float(slope), float(low), float(high), float(at_start + slope * places[-1]))
    slope = _seasonal_slope(levels, season)
    # Over a whole season the season itself is level.
    last = slice(-season, None)
    ahead = slope * (places[-1] - places[last][known[last]])
    return Fit(slope, math.nan, math.nan, float(np.mean(levels[last][known[last]] + ahead)))


def trend_p(levels: Floats, season: int | None) -> float:
    """The p-value of Kendall's tau of the levels with time, over all seasons where there are any."""
    from scipy.stats import kendalltau, mstats

    if season is None:
        known = np.isfinite(levels)
        p = kendalltau(np.flatnonzero(known), levels[known]).pvalue
    else:
        p = mstats.kendalltau_seasonal(_by_season(levels, season))["global p-value (indep)"]
    return float(p) if np.isfinite(p) else 1.0


def surprise(levels: Floats, season: int | None) -> tuple[float, float]:
    """How far the newest level lies from where the earlier ones lead, and the p-value of that.

    The p-value is Student's, with n − 2 degrees of freedom, of the residual by the standard error of a
    prediction. That Theil–Sen's line stands in place of least squares' hardly matters: simulated with normal
    noise, 4 to 11 earlier windows and p from 0.05 to 0.0001, the degrees of freedom come out as n − 2.
    """
    if season is not None:
        return _seasonal_surprise(levels, season)
    from scipy.stats import t as student
    from scipy.stats import theilslopes

    earlier = np.flatnonzero(np.isfinite(levels[:-1]))
    newest, n = len(levels) - 1, len(earlier)
    slope, at_start, _, _ = theilslopes(levels[earlier], earlier, method="joint")
    residuals = levels[earlier] - at_start - slope * earlier
    moved = float(levels[newest] - at_start - slope * newest)
    spread = max(math.sqrt(np.square(residuals).sum() / (n - 2)), _LEAST_SPREAD)
    apart = earlier - earlier.mean()
    error = spread * math.sqrt(1 + 1 / n + (newest - earlier.mean()) ** 2 / np.square(apart).sum())
    return moved, float(2 * student.sf(abs(moved) / error, n - 2))


def _seasonal_surprise(levels: Floats, season: int) -> tuple[float, float]:
    """The same for the step from one season ago, held against the earlier steps of a season."""
    from scipy.stats import t as student

    steps = levels[season:] - levels[:-season]
    earlier = steps[:-1][np.isfinite(steps[:-1])]
    n = len(earlier)
    if n < 3 or not np.isfinite(steps[-1]):
        return 0.0, 1.0
    moved = float(steps[-1] - np.median(earlier))
    spread = max(math.sqrt(np.square(earlier - np.median(earlier)).sum() / (n - 1)), _LEAST_SPREAD)
    return moved, float(2 * student.sf(abs(moved) / (spread * math.sqrt(1 + 1 / n)), n - 1))


def _seasonal_slope(levels: Floats, season: int) -> float:
    from scipy.stats import mstats

    slope = mstats.sen_seasonal_slopes(_by_season(levels, season)).inter_slope
    return float(slope) / season if np.isfinite(slope) else 0.0


def _by_season(levels: Floats, season: int) -> Any:
    """Seasons by windows of a season, what is not known masked."""
    return np.ma.masked_invalid(levels.reshape(-1, season))
