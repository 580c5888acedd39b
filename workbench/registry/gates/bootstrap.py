"""Intervals by resampling whole days.

Flights of one day share its weather: rows are not independent, days nearly are. So each round draws as
many days as there are, with replacement, and takes all rows of each (the block bootstrap, Künsch,
Annals of Statistics 17, 1989). Every model is judged on the same draws, which makes differences paired.

No round touches the rows. A ratio metric needs its sums by day. ROC AUC is the share of pairs (positive,
negative) that are in order: once counted for each pair of days, a round is a product with that matrix.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import DataError
from workbench.tracking.metrics import RATIOS, calibration_bins, ratio_parts

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Days", "Floats", "Interval", "interval", "metric_rounds", "ratio_rounds"]

Floats = NDArray[np.float64]
_LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % bootstrap interval; all NaN where there is none."""

    value: float
    low: float
    high: float

    @property
    def known(self) -> bool:
        return bool(np.isfinite([self.value, self.low, self.high]).all())

    def to_dict(self) -> dict[str, float]:
        return {"value": self.value, "low": self.low, "high": self.high}

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]" if self.known else "unknown"


@dataclass(frozen=True)
class Days:
    """Rows sorted into days (or other blocks of time), and how often each round draws each day.

    Attributes
    ----------
    code : ndarray of int, shape (rows,)
        The day of each row, counted from 0.
    draws : ndarray of float, shape (rounds, days)
        How many times each round draws each day.
    """

    code: NDArray[np.int64]
    draws: Floats

    @classmethod
    def of(cls, time: pd.Series[Any], *, rounds: int, seed: int, hourly: bool = False) -> Days:
        """Days of a column of times, in the column's own time zone; with ``hourly``, its hours in UTC.

        Raises
        ------
        DataError
            When a time is missing: the row would belong to no day.
        """
        import pandas as pd

        if time.isna().any():
            raise DataError(
                f"{int(time.isna().sum())} of {len(time)} rows have no {time.name}; leave them out"
            )
        moments = pd.to_datetime(time)
        if hourly:
            blocks = pd.to_datetime(moments, utc=True, cache=False).dt.floor("h")
        else:
            blocks = moments.dt.normalize()
        code, days = pd.factorize(blocks, sort=True)
        count = len(days)
        if not count:
            return cls(code.astype(np.int64), np.zeros((rounds, 0)))
        draws = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=rounds)
        return cls(code.astype(np.int64), draws.astype(float))

    @property
    def count(self) -> int:
        return int(self.draws.shape[1])

    def only(self, rows: NDArray[np.bool_]) -> Days:
        """The same draws for some of the rows, so that a slice stays paired with the whole."""
        return Days(self.code[rows], self.draws)

    def sums(self, values: Floats) -> Floats:
        """Sum of ``values`` in each round."""
        total: Floats = self.draws @ np.bincount(self.code, values, minlength=self.count)
        return total


def interval(value: float, rounds: Floats) -> Interval:
    """Percentile interval; unknown when one round in ten or more could not be computed."""
    computed = rounds[np.isfinite(rounds)]
    if not np.isfinite(value) or len(computed) <= 0.9 * len(rounds):
        return Interval(value, float("nan"), float("nan"))
    low, high = np.quantile(computed, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return Interval(value, float(low), float(high))


def metric_rounds(name: str, y: Floats, score: Floats, days: Days, threshold: float = 0.5) -> Floats:
    """The metric in each round; NaN in rounds that cannot give it (one class only)."""
    if name == "roc_auc":
        return _roc_auc_rounds(y, score, days)
    if name == "average_precision":
        return _average_precision_rounds(y, score, days)
    if name == "calibration_error":
        return _calibration_rounds(y, score, days)
    if name not in RATIOS:
        raise DataError(f"no interval is known for metric {name!r}")
    return ratio_rounds(*ratio_parts(name, y, score, threshold), days)


def ratio_rounds(numerator: Floats, denominator: Floats, days: Days) -> Floats:
    """Sum over sum in each round; NaN where the denominator is nothing."""
    return _divide(days.sums(numerator), days.sums(denominator))


def _divide(above: Floats, below: Floats) -> Floats:
    share: Floats = np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)
    return share


def _roc_auc_rounds(y: Floats, score: Floats, days: Days) -> Floats:
    positive = y > 0
    of_positive, of_negative = days.code[positive], days.code[~positive]
    asked = score[positive]
    # ordered[a, b]: pairs (positive of day a, negative of day b) in order; ties count half.
    ordered = np.zeros((days.count, days.count))
    for day in np.unique(of_negative):
        below = np.sort(score[~positive][of_negative == day])
        rank = (np.searchsorted(below, asked, "left") + np.searchsorted(below, asked, "right")) / 2
        ordered[:, day] = np.bincount(of_positive, rank, minlength=days.count)
    in_order: Floats = ((days.draws @ ordered) * days.draws).sum(axis=1)
    return _divide(in_order, days.sums(y) * days.sums(1 - y))


def _average_precision_rounds(y: Floats, score: Floats, days: Days) -> Floats:
    order = np.argsort(-score, kind="stable")
    truth, code, ordered = y[order], days.code[order], score[order]
    # A threshold lies only between different scores: rows that tie enter together.
    last = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1) if len(ordered) else np.zeros(0, int)
    values = np.full(len(days.draws), np.nan)
    for number, draw in enumerate(days.draws):
        weight = draw[code]
        found = np.cumsum(weight * truth)[last]
        taken = np.cumsum(weight)[last]
        if len(found) and 0 < found[-1] < taken[-1]:
            precision = np.divide(found, taken, out=np.zeros_like(found), where=taken > 0)
            values[number] = np.sum(np.diff(found, prepend=0.0) * precision) / found[-1]
    return values


def _calibration_rounds(y: Floats, score: Floats, days: Days) -> Floats:
    place = calibration_bins(score)
    distance = np.zeros(len(days.draws))
    for number in np.unique(place):
        distance += np.abs(days.sums(np.where(place == number, score - y, 0.0)))
    return _divide(distance, days.sums(np.ones_like(y)))
