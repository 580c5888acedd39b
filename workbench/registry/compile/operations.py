"""What is done to a number on its way into a model: the steps of scikit-learn's numeric transformers.

Each is the same IEEE operation, in the same order, as in scikit-learn's own code, so a chain of them gives
the same bits. :mod:`workbench.registry.compile.kernels` does the same to one number at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "ADD",
    "CLIP",
    "DIVIDE",
    "FILL",
    "FINITE",
    "FINITE_OR_MISSING",
    "MISSING",
    "MULTIPLY",
    "SINGLE",
    "SUBTRACT",
    "Operation",
    "run",
]

(FILL, ADD, SUBTRACT, MULTIPLY, DIVIDE, CLIP, FINITE_OR_MISSING, FINITE, SINGLE, MISSING) = range(10)


@dataclass(frozen=True, slots=True)
class Operation:
    """One step.

    Attributes
    ----------
    code : int
        ``FILL`` puts ``first`` for NaN; ``ADD`` … ``DIVIDE`` take ``first`` as the other operand; ``CLIP``
        holds it between ``first`` and ``second``; ``FINITE_OR_MISSING`` and ``FINITE`` refuse what they do
        not name; ``SINGLE`` rounds to float32; ``MISSING`` is 1 for NaN, else 0.
    """

    code: int
    first: float = 0.0
    second: float = 0.0


def run(operations: Sequence[Operation], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The values after all operations.

    Raises
    ------
    ValueError
        A value is not finite where it has to be, as in the plain path.
    """
    values = np.asarray(values, dtype=np.float64)
    with np.errstate(all="ignore"):
        for operation in operations:
            values = _step(operation, values)
    return values


def _step(operation: Operation, values: NDArray[np.float64]) -> NDArray[np.float64]:
    code, first = operation.code, operation.first
    if code == FILL:
        return np.where(np.isnan(values), first, values)
    if code == ADD:
        return values + first
    if code == SUBTRACT:
        return values - first
    if code == MULTIPLY:
        return values * first
    if code == DIVIDE:
        return values / first
    if code == CLIP:
        return np.clip(values, first, operation.second)
    if code == SINGLE:
        return values.astype(np.float32).astype(np.float64)
    if code == MISSING:
        return np.isnan(values).astype(np.float64)
    if np.isinf(values).any() or (code == FINITE and np.isnan(values).any()):
        raise ValueError("a value is infinite, missing or too large for the model")
    return values
