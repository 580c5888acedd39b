"""The whole family of metrics for a yes-or-no target, in one call.

A metric that the data cannot give (one class only, nothing flagged, no rows) is NaN, never an error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "LOWER_IS_BETTER",
    "METRICS",
    "RATIOS",
    "average_precision",
    "binary_metrics",
    "calibration_bins",
    "calibration_error",
    "improvement",
    "metric",
    "ratio_parts",
    "roc_auc",
]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

LOWER_IS_BETTER = frozenset({"log_loss", "brier", "calibration_error", "false_positive_rate"})
_BINS = 10
# A probability of exactly 0 or 1 that turns out wrong would cost infinitely much.
_SURE = 1e-15


def _log_loss(y: Floats, score: Floats, flagged: Floats) -> tuple[Floats, Floats]:
    sure = np.clip(score, _SURE, 1 - _SURE)
    return -(y * np.log(sure) + (1 - y) * np.log(1 - sure)), np.ones_like(y)


#: Metrics that are a sum over rows divided by another: name -> (numerator, denominator) of each row,
#: from the target, the score, and whether the score reached the threshold. A bootstrap only has to
#: add them up by block.
RATIOS: dict[str, Callable[[Floats, Floats, Floats], tuple[Floats, Floats]]] = {
    "log_loss": _log_loss,
    "brier": lambda y, score, flagged: ((score - y) ** 2, np.ones_like(y)),
    "accuracy": lambda y, score, flagged: ((flagged == y).astype(float), np.ones_like(y)),
    "precision": lambda y, score, flagged: (y * flagged, flagged),
    "recall": lambda y, score, flagged: (y * flagged, y),
    "f1": lambda y, score, flagged: (2 * y * flagged, y + flagged),
    "false_positive_rate": lambda y, score, flagged: ((1 - y) * flagged, 1 - y),
    "positive_share": lambda y, score, flagged: (y, np.ones_like(y)),
    "flagged_share": lambda y, score, flagged: (flagged, np.ones_like(y)),
}

METRICS = ("roc_auc", "average_precision", "calibration_error", *RATIOS)


def binary_metrics(y: Any, score: Any, threshold: float = 0.5) -> dict[str, float]:
    """All metrics of a binary classifier.

    Parameters
    ----------
    y : array of bool or 0/1
        What turned out to be true; a row whose label is missing does not count.
    score : array of float
        Probability of the positive class, in [0, 1].
    threshold : float
        A row is flagged when its score reaches it.

    Returns
    -------
    dict
        One value for each name in :data:`METRICS`. NaN where it is undefined, and everywhere but in
        ``positive_share`` when a score is not a number.
    """
    truth, scores = _known(y, score)
    return {name: _metric(name, truth, scores, threshold) for name in METRICS}


def metric(name: str, y: Any, score: Any, threshold: float = 0.5) -> float:
    """One of the metrics of :func:`binary_metrics`."""
    truth, scores = _known(y, score)
    return _metric(name, truth, scores, threshold)


def improvement(name: str, difference: float) -> float:
    """A difference in the metric with its sign turned so that more is better."""
    return -difference if name in LOWER_IS_BETTER else difference


def ratio_parts(name: str, y: Floats, score: Floats, threshold: float) -> tuple[Floats, Floats]:
    """Numerator and denominator of each row for a metric of :data:`RATIOS`."""
    return RATIOS[name](y, score, (score >= threshold).astype(float))


def roc_auc(y: Floats, score: Floats) -> float:
    """Probability that a positive row scores above a negative one; ties count half."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(y, score)) if 0 < y.sum() < len(y) else float("nan")


def average_precision(y: Floats, score: Floats) -> float:
    """Precision averaged over the recall that each distinct score adds."""
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(y, score)) if 0 < y.sum() < len(y) else float("nan")


def calibration_bins(score: Floats, bins: int = _BINS) -> Integers:
    """The bin of each row: ``bins`` of about equally many rows, equal scores in one bin."""
    if not len(score):
        return np.zeros(0, dtype=np.int64)
    edges = np.quantile(score, np.linspace(0, 1, bins + 1)[1:-1])
    return np.searchsorted(edges, score, side="right").astype(np.int64)


def calibration_error(y: Floats, score: Floats, bins: int = _BINS) -> float:
    """Expected calibration error: mean distance of predicted from observed share, over bins.

    As in Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, with bins of equal
    numbers of rows, as in Nguyen & O'Connor, "Posterior calibration and exploratory analysis for
    natural language processing models", EMNLP 2015: with few positives nearly all scores would lie
    in the first bins of equal width.
    """
    if not len(y):
        return float("nan")
    place = calibration_bins(score, bins)
    gaps = np.bincount(place, score - y, minlength=bins)
    return float(np.abs(gaps).sum() / len(y))


def _known(y: Any, score: Any) -> tuple[Floats, Floats]:
    import pandas as pd

    truth = pd.to_numeric(pd.Series(np.asarray(y)), errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    scores = np.asarray(score, dtype=float)
    if truth.shape != scores.shape:
        raise ValueError(f"{truth.shape[0]} labels for {scores.shape[0]} scores")
    labelled = ~np.isnan(truth)
    return truth[labelled], scores[labelled]


def _metric(name: str, y: Floats, score: Floats, threshold: float) -> float:
    if not len(y) or (name != "positive_share" and not np.isfinite(score).all()):
        return float("nan")
    if name == "roc_auc":
        return roc_auc(y, score)
    if name == "average_precision":
        return average_precision(y, score)
    if name == "calibration_error":
        return calibration_error(y, score)
    numerator, denominator = ratio_parts(name, y, score, threshold)
    total = denominator.sum()
    return float(numerator.sum() / total) if total > 0 else float("nan")
