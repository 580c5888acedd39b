"""Linear models: weighted sums and their links. BLAS adds in another order, so they agree to 1e-12."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn import linear_model
from sklearn.svm import LinearSVC, LinearSVR

from workbench.registry.compile import kernels, links
from workbench.registry.compile.refusal import NotCompiled

__all__ = ["DECIDING", "GENERALIZED", "REGRESSORS", "Weighted", "weighted"]

#: Classifiers; some give no probabilities by themselves, and are there for a calibrator.
DECIDING = (
    linear_model.LogisticRegression,
    linear_model.LogisticRegressionCV,
    linear_model.RidgeClassifier,
    linear_model.RidgeClassifierCV,
    linear_model.SGDClassifier,
    linear_model.Perceptron,
    LinearSVC,
)
REGRESSORS = (
    linear_model.ARDRegression,
    linear_model.BayesianRidge,
    linear_model.ElasticNet,
    linear_model.ElasticNetCV,
    linear_model.HuberRegressor,
    linear_model.Lars,
    linear_model.LarsCV,
    linear_model.Lasso,
    linear_model.LassoCV,
    linear_model.LassoLars,
    linear_model.LassoLarsCV,
    linear_model.LassoLarsIC,
    linear_model.LinearRegression,
    linear_model.OrthogonalMatchingPursuit,
    linear_model.OrthogonalMatchingPursuitCV,
    linear_model.QuantileRegressor,
    linear_model.Ridge,
    linear_model.RidgeCV,
    linear_model.SGDRegressor,
    linear_model.TheilSenRegressor,
    LinearSVR,
)
GENERALIZED = (
    linear_model.GammaRegressor,
    linear_model.PoissonRegressor,
    linear_model.TweedieRegressor,
)

_Array = NDArray[np.float64]


class Weighted:
    """Weighted sums, (rows, outputs), and what is made of them."""

    exact = False

    def __init__(self, weights: _Array, intercept: _Array, link: Callable[[_Array], _Array] | None) -> None:
        self.weights, self.intercept, self.link = weights, intercept, link
        self.decides = True
        outputs = f" for {len(weights)} classes" if len(weights) > 1 else ""
        self.description = f"{weights.shape[1]:,} weights{outputs}"

    def decision(self, matrix: _Array) -> _Array:
        out = np.empty((len(matrix), len(self.weights)))
        kernels.linear(matrix, self.weights, self.intercept, out)
        return out[:, 0] if out.shape[1] == 1 else out

    def answers(self, matrix: _Array) -> _Array:
        assert self.link is not None
        return self.link(self.decision(matrix))


def weighted(estimator: Any) -> Weighted:
    """A fitted linear model.

    Raises
    ------
    NotCompiled
        It has several targets, or its weights are kept sparse.
    """
    if not isinstance(estimator.coef_, np.ndarray):
        raise NotCompiled("its weights are kept sparse")
    classes = getattr(estimator, "classes_", None)
    # A copy: for an array that may not be written to, numba would compile the loop once more.
    weights = np.array(np.atleast_2d(estimator.coef_), dtype=np.float64, order="C")
    outputs = 1 if classes is None or len(classes) == 2 else len(classes)
    if len(weights) != outputs or (classes is None and estimator.coef_.ndim != 1):
        raise NotCompiled(f"it has {len(weights)} rows of weights")
    intercept = np.broadcast_to(
        np.ravel(np.asarray(estimator.intercept_, dtype=np.float64)), (outputs,)
    ).copy()
    return Weighted(weights, intercept, _link(estimator))


def _link(estimator: Any) -> Callable[[_Array], _Array] | None:
    kind = type(estimator)
    if kind in (linear_model.LogisticRegression, linear_model.LogisticRegressionCV):
        return _logistic if len(estimator.classes_) == 2 else links.softmax
    if kind is linear_model.SGDClassifier:
        return {"log_loss": _each_against_the_rest, "modified_huber": _modified_huber}.get(estimator.loss)
    if kind in REGRESSORS:
        return lambda decision: decision
    if kind in GENERALIZED:
        found = links.of_loss(estimator._base_loss, False)
        return lambda decision: found(decision[np.newaxis])
    return None


def _logistic(decision: _Array) -> _Array:
    return links.two_columns(expit(decision))


def _each_against_the_rest(decision: _Array) -> _Array:
    positive = expit(decision)
    return links.two_columns(positive) if positive.ndim == 1 else _shared(positive)


def _modified_huber(decision: _Array) -> _Array:
    positive = (np.clip(decision, -1, 1) + 1.0) / 2.0
    return links.two_columns(positive) if positive.ndim == 1 else _shared(positive)


def _shared(positive: _Array) -> _Array:
    """Probabilities that add up to one; all classes alike where none has any."""
    total = positive.sum(axis=1)
    nothing = total == 0
    positive[nothing] = 1
    total[nothing] = positive.shape[1]
    found: _Array = positive / total.reshape(-1, 1)
    return found
