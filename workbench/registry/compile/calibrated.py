"""Calibrated classifiers: the arithmetic of the fitted calibrators, and the mean over the folds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.calibration import _SigmoidCalibration
from sklearn.isotonic import IsotonicRegression

from workbench.registry.compile.model import Model
from workbench.registry.compile.refusal import NotCompiled

__all__ = ["Calibrated", "calibrator", "places"]

_Array = NDArray[np.float64]


@dataclass(frozen=True)
class Calibrated:
    """A model of one fold with its calibrators.

    Attributes
    ----------
    calibrators : sequence of callable
        One for each class of the model, or one when there are two.
    places : sequence of int
        The column of the answer that each gives.
    """

    model: Model
    calibrators: Sequence[Callable[[_Array], _Array]]
    places: Sequence[int]
    classes: int

    def answers(self, matrix: _Array) -> _Array:
        """As ``_CalibratedClassifier.predict_proba``."""
        given = self.model.decision(matrix) if self.model.decides else self.model.answers(matrix)
        binary = self.classes == 2
        if binary and given.ndim == 2:
            given = given[:, 1]
        found = np.zeros((len(matrix), self.classes))
        columns = [given] if given.ndim == 1 else given.T
        for place, column, calibrate in zip(self.places, columns, self.calibrators, strict=True):
            found[:, place] = calibrate(column)
        if binary:
            found[:, 0] = 1.0 - found[:, 1]
        else:
            total = np.sum(found, axis=1)[:, np.newaxis]
            alike = np.full_like(found, 1 / self.classes)
            found = np.divide(found, total, out=alike, where=total != 0)
        found[(found > 1.0) & (found <= 1.0 + 1e-5)] = 1.0
        return found


def places(classes: NDArray[Any], of_model: NDArray[Any]) -> list[int]:
    """Where the classes of a fold's model stand among all classes."""
    if len(classes) == 2:
        if len(of_model) != 2:
            raise NotCompiled("one of its folds knows one class only")
        return [1]
    found: list[int] = np.searchsorted(classes, of_model).tolist()
    return found


def calibrator(fitted: Any) -> Callable[[_Array], _Array]:
    """What a fitted calibrator does to one column.

    Raises
    ------
    NotCompiled
        It is neither sigmoid nor isotonic.
    """
    if type(fitted) is _SigmoidCalibration:
        slope, shift = fitted.a_, fitted.b_
        return lambda column: expit(-(slope * column + shift))
    if type(fitted) is IsotonicRegression and fitted.out_of_bounds == "clip":
        return _isotonic(fitted)
    raise NotCompiled(f"a calibrator is a {type(fitted).__name__}")


def _isotonic(fitted: Any) -> Callable[[_Array], _Array]:
    given, answers = fitted.X_thresholds_, fitted.y_thresholds_
    if given.dtype != np.float64 or answers.dtype != np.float64:
        raise NotCompiled(f"an isotonic calibrator was fitted on {given.dtype}")
    low, high = fitted.X_min_, fitted.X_max_

    def calibrate(column: _Array) -> _Array:
        if not np.isfinite(column).all():
            raise ValueError("the model's answer is not finite, so it cannot be calibrated")
        if len(answers) == 1:
            return np.repeat(answers, len(column))
        found: _Array = np.interp(np.clip(column, low, high), given, answers)
        return found

    return calibrate
