"""Models of a served project under fault; copied beside ``tiny_helpers`` by ``served.make_project``.

Versions are those of the tiny project, and some that are slow. ``Compiled`` asks each by its compiled path
where it has one, ``Plain`` none, ``Mixed`` every other one.
"""

from __future__ import annotations

import threading
from dataclasses import replace

import pandas as pd
from fault_numbers import SLOW, SLOW_SECONDS
from sklearn.linear_model import LogisticRegression
from tiny_helpers import Source, build, fitted

from workbench.registry.compile import choose
from workbench.serving.models.loaded import FeatureBuilder, LoadedModel


class Slow(LogisticRegression):
    """It answers what it should, and takes its time."""

    def predict_proba(self, X):
        threading.Event().wait(SLOW_SECONDS)
        return super().predict_proba(X)


def slow() -> object:
    pipeline = fitted(1)
    pipeline.steps[-1] = ("slow", Slow().fit(pipeline[0].transform(_features()), [0, 1, 1]))
    return pipeline


def _features() -> pd.DataFrame:
    at = pd.Timestamp("2013-08-01T12:00Z")
    rows = pd.DataFrame({"colour": ["red", "blue", None], "size": [1.0, 2.0, None], "ordered": [at] * 3})
    return build(rows, {}, pd.Series([at] * 3))


class Plain(Source):
    """Every version by its estimator."""

    compiles = staticmethod(lambda version: False)

    def load(self, version: int, features: FeatureBuilder) -> LoadedModel:
        loaded = super().load(version, features)
        if version == SLOW:
            return replace(loaded, estimator=slow())
        return (
            replace(loaded, path=choose(loaded.estimator, [_features()]))
            if self.compiles(version)
            else loaded
        )


class Compiled(Plain):
    """Every version by its compiled path, if it has one."""

    compiles = staticmethod(lambda version: True)


class Mixed(Plain):
    """Odd versions compiled, even ones plain."""

    compiles = staticmethod(lambda version: version % 2 == 1)
