"""Link functions, from sums to answers, by the same calls on arrays of the same shape as in scikit-learn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from workbench.registry.compile.refusal import NotCompiled

__all__ = ["Link", "identity", "multinomial", "multinomial_by_rows", "of_loss", "softmax", "two_columns"]

#: From sums (outputs, rows) to what the estimator answers.
Link = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def identity(raw: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = raw[0]
    return found


def exponential(raw: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.exp(raw[0])
    return found


def binary(raw: NDArray[np.float64]) -> NDArray[np.float64]:
    return two_columns(expit(raw[0]))


def half_logit(raw: NDArray[np.float64]) -> NDArray[np.float64]:
    return two_columns(expit(2 * raw[0]))


def multinomial(raw: NDArray[np.float64]) -> NDArray[np.float64]:
    return softmax(raw.T)


def multinomial_by_rows(raw: NDArray[np.float64]) -> NDArray[np.float64]:
    """For sums that scikit-learn keeps row by row."""
    return softmax(np.ascontiguousarray(raw.T))


def two_columns(positive: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities of both classes from that of the second."""
    answers = np.empty((len(positive), 2))
    answers[:, 1] = positive
    np.subtract(1, positive, out=answers[:, 0])
    return answers


def softmax(raw: NDArray[np.float64]) -> NDArray[np.float64]:
    """scikit-learn's, in place; the order of the sum follows how the array lies in memory."""
    raw -= np.max(raw, axis=1).reshape(-1, 1)
    np.exp(raw, out=raw)
    raw /= np.sum(raw, axis=1).reshape(-1, 1)
    return raw


def of_loss(loss: Any, classifies: bool) -> Link:
    """The link that a boosted model's loss has.

    Raises
    ------
    NotCompiled
        It is none of scikit-learn's.
    """
    name = type(loss.link).__name__
    known = _CLASSES if classifies else _NUMBERS
    if name not in known or not type(loss).__module__.startswith("sklearn."):
        raise NotCompiled(f"its loss has the link {name}")
    return known[name]


_CLASSES: dict[str, Link] = {
    "LogitLink": binary,
    "HalfLogitLink": half_logit,
    "MultinomialLogit": multinomial,
}
_NUMBERS: dict[str, Link] = {"IdentityLink": identity, "LogLink": exponential}
