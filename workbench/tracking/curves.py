"""The curves of a binary classifier as data, so that those of several runs can be laid over one another.

A notebook keeps them with its run: ``phase.log_artifact(CURVES, curves_of(truth, scores))``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from workbench.tracking.metrics import calibration_bins

__all__ = ["CURVES", "Curves", "curves_of", "read_curves"]

#: The name of the artifact.
CURVES = "curves.json"
_POINTS = 200

Points = tuple[tuple[float, float], ...]


class Curves(BaseModel):
    """Of one model on the rows that it was judged on.

    Attributes
    ----------
    roc : pairs of float
        Share of false alarms among the negatives, share found of the positives.
    precision_recall : pairs of float
        Share found of the positives, share of the flagged that are positive.
    calibration : pairs of float
        Mean score and observed share of each tenth of the rows, by score.
    """

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    roc: Points
    precision_recall: Points
    calibration: Points


_ADAPTER = TypeAdapter(dict[str, Curves])


def curves_of(y: Any, scores: Mapping[str, Any]) -> str:
    """The curves of several models on the same rows, by name, as the text of the artifact.

    Parameters
    ----------
    y : array of bool or 0/1
        What turned out to be true.
    scores : mapping
        Name to probabilities of the positive class.

    Raises
    ------
    ValueError
        All rows are of one class, or a score is no number.
    """
    truth = np.asarray(y, dtype=float)
    if not 0 < truth.sum() < len(truth):
        raise ValueError("curves need rows of both classes")
    found = {name: _curves(truth, np.asarray(score, dtype=float)) for name, score in scores.items()}
    return _ADAPTER.dump_json(found).decode()


def read_curves(text: str) -> dict[str, Curves]:
    """What :func:`curves_of` wrote; empty for anything else, since anybody may log a file of that name."""
    try:
        return _ADAPTER.validate_json(text)
    except ValidationError:
        return {}


def _curves(truth: NDArray[np.float64], score: NDArray[np.float64]) -> Curves:
    from sklearn.metrics import precision_recall_curve, roc_curve

    false, true, _ = roc_curve(truth, score)
    precision, recall, _ = precision_recall_curve(truth, score)
    place = calibration_bins(score)
    rows = np.maximum(np.bincount(place), 1)
    means = np.column_stack([np.bincount(place, score) / rows, np.bincount(place, truth) / rows])
    return Curves(
        roc=_thinned(false, true),
        precision_recall=_thinned(recall[::-1], precision[::-1]),
        calibration=tuple((float(x), float(y)) for x, y in means[np.bincount(place) > 0]),
    )


def _thinned(x: NDArray[np.float64], y: NDArray[np.float64]) -> Points:
    """So many points that no eye misses one, both ends among them."""
    kept = np.unique(np.linspace(0, len(x) - 1, min(len(x), _POINTS)).round().astype(int))
    return tuple((round(float(x[at]), 5), round(float(y[at]), 5)) for at in kept)
