"""A metric in each round of the bootstrap, for windows of a million rows as well.

The gates' own code touches all rows once a day or once a round where scores are ranked (ROC AUC, average
precision): 2 to 8 s over a million rows, and as much again for each column of slices. Here scores are first
counted by block of time and by place among all scores, and a round is a product with these counts: 0.2 to
0.5 s. Up to 8,192 different scores that is exact; beyond, neighbours share a place, and pairs that do count
as ties: about 1 pair in 8,192, far below the width of any interval.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.registry.gates.bootstrap import Days, Interval, interval, metric_rounds
from workbench.registry.gates.judging import MINIMUM_DAYS

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from workbench.registry.gates.bootstrap import Floats

__all__ = ["ROUNDS", "blocks_of", "interval_of", "places", "rounds_of"]

ROUNDS = 500
_PLACES = 8192
_AT_ONCE = 50  # rounds of average precision, so that a block takes some 3 MB for each thousand places


def blocks_of(moments: pd.Series[Any], *, seed: int) -> Days:
    """Days to draw from; hours, where there are too few days."""
    hourly = moments.dt.normalize().nunique() < MINIMUM_DAYS
    return Days.of(moments, rounds=ROUNDS, seed=seed, hourly=hourly)


def interval_of(value: float, rounds: Floats, days: Days) -> Interval:
    """The interval; unknown with fewer than seven blocks, for drawing from these few tells too little.

    From a single block every round draws the same, and the interval would have no width at all.
    """
    if days.count < MINIMUM_DAYS:
        return Interval(value, float("nan"), float("nan"))
    return interval(value, rounds)


def rounds_of(name: str, y: Floats, score: Floats, days: Days, threshold: float) -> Floats:
    """As :func:`workbench.registry.gates.bootstrap.metric_rounds`, in bounded time and memory."""
    if name not in ("roc_auc", "average_precision") or not len(y):
        return metric_rounds(name, y, score, days, threshold)
    place = places(score)
    positives = _counts(days, place, y)
    negatives = _counts(days, place, 1 - y)
    return (_roc_auc if name == "roc_auc" else _average_precision)(days.draws, positives, negatives)


def places(score: Floats) -> NDArray[np.int64]:
    """The place of each score among all, from the lowest; equal scores share one, and so may neighbours."""
    values, place, counts = np.unique(score, return_inverse=True, return_counts=True)
    if len(values) <= _PLACES:
        return place.astype(np.int64)
    below = np.cumsum(counts) - counts
    _, dense = np.unique(below * _PLACES // len(score), return_inverse=True)
    coarse: NDArray[np.int64] = dense[place].astype(np.int64)
    return coarse


def _counts(days: Days, place: NDArray[np.int64], weight: Floats) -> Floats:
    """Shape (days, places)."""
    width = int(place.max()) + 1
    counted = np.bincount(days.code * width + place, weight, minlength=days.count * width)
    return counted.astype(np.float64).reshape(days.count, width)


def _roc_auc(draws: Floats, positives: Floats, negatives: Floats) -> Floats:
    # ordered[a, b]: pairs (positive of block a, negative of block b) in order; ties count half.
    ordered = positives @ (np.cumsum(negatives, axis=1) - negatives / 2).T
    in_order = ((draws @ ordered) * draws).sum(axis=1)
    return _divide(in_order, (draws @ positives.sum(axis=1)) * (draws @ negatives.sum(axis=1)))


def _average_precision(draws: Floats, positives: Floats, negatives: Floats) -> Floats:
    highest_first, rows = positives[:, ::-1], (positives + negatives)[:, ::-1]
    values = np.full(len(draws), np.nan)
    for begin in range(0, len(draws), _AT_ONCE):
        part = draws[begin : begin + _AT_ONCE]
        new = part @ highest_first
        found, taken = np.cumsum(new, axis=1), np.cumsum(part @ rows, axis=1)
        precision = _divide(found, taken, nothing=0.0)
        total = np.where(found[:, -1] < taken[:, -1], found[:, -1], 0.0)
        values[begin : begin + _AT_ONCE] = _divide((new * precision).sum(axis=1), total)
    return values


def _divide(above: Floats, below: Floats, nothing: float = np.nan) -> Floats:
    share: Floats = np.divide(above, below, out=np.full(above.shape, nothing), where=below > 0)
    return share
