"""What a compiled model is, behind the matrix."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Model"]


class Model(Protocol):
    """A model that takes a matrix of float64, (rows, features).

    Attributes
    ----------
    exact : bool
        Its answers are scikit-learn's to the last bit; else to 1e-12.
    decides : bool
        It has a decision function, which a calibrator is then given.
    description : str
        A few words.
    """

    @property
    def exact(self) -> bool: ...
    @property
    def decides(self) -> bool: ...
    @property
    def description(self) -> str: ...

    def decision(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """What ``decision_function`` gives: (rows,) or (rows, classes)."""

    def answers(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """What ``predict_proba`` gives, or ``predict`` of a regressor."""
