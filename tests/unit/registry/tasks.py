"""Small fitted models of other tasks than telling two classes apart."""

from __future__ import annotations

import functools
from typing import Any

from tests.unit.registry import small


@functools.cache
def regressor() -> Any:
    """A boosted pipeline that predicts a number in the thousands."""
    from sklearn.base import clone
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.pipeline import Pipeline

    boosting = HistGradientBoostingRegressor(max_iter=5, min_samples_leaf=5, categorical_features=[0])
    steps = [("columns", clone(small.estimator().named_steps["columns"])), ("boosting", boosting)]
    return Pipeline(steps).fit(small.rows()[small.FEATURES], 1000 + 500 * small.rows()["size"])


@functools.cache
def three_classes() -> Any:
    """A forest that tells the colour by size and age."""
    from sklearn.ensemble import RandomForestClassifier

    frame = small.rows()[["size", "age"]]
    return RandomForestClassifier(5, max_depth=5, random_state=0).fit(frame, small.rows()["colour"])
