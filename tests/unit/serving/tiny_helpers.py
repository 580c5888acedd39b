"""The helpers of the tiny served project; copied into it by ``tiny.make_tiny``.

Its models come from here and not from a registry: version n is a logistic regression with its own
coefficients, and some versions misbehave.
"""

from __future__ import annotations

import json
import threading
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from workbench.errors import RegistryError
from workbench.serving.models.loaded import FeatureBuilder, LoadedModel
from workbench.serving.protocol.schema import RequestSchema

DOES_NOT_LOAD, RAISES, HANGS = 66, 77, 88
REQUEST = RequestSchema({"colour": "category", "size": "number", "ordered": "time"})


def build(rows, memory, asked_at):
    if (rows["colour"] == "unbuildable").any():
        raise ValueError("no such colour can be built")
    waited = (
        asked_at.to_numpy("datetime64[us]") - rows["ordered"].to_numpy("datetime64[us]")
    ) / np.timedelta64(1, "h")
    return pd.DataFrame(
        {
            "colour": rows["colour"].fillna("missing"),
            "size": rows["size"].fillna(0.0),
            "waited": np.nan_to_num(waited),
        }
    )


class Misbehaving(LogisticRegression):
    """Fitted, and yet it raises or never returns."""

    def predict_proba(self, X):
        if self.C == RAISES:
            raise RuntimeError("a shadow <b>on</b> strike")
        threading.Event().wait()
        return super().predict_proba(X)


def fitted(version: int) -> object:
    """A pipeline whose answers differ from those of every other version."""
    rows = pd.DataFrame(
        {
            "colour": ["red", "blue"] * 20,
            "size": np.linspace(0, version, 40),
            "waited": np.tile([1.0, 2.0, 3.0, 5.0], 10),
        }
    )
    estimator = LogisticRegression()
    if version in (RAISES, HANGS):
        estimator = Misbehaving(C=version)
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["colour"]), remainder="passthrough"
    )
    return make_pipeline(encode, estimator).fit(rows, (np.arange(40) + version) % 3 == 0)


class Source:
    """Versions by number; the aliases stand in ``aliases.json`` beside the project's configuration."""

    def __init__(self, project, settings):
        self._aliases = Path(project.root) / "aliases.json"
        self._features = FeatureBuilder(build)

    def aliases(self):
        return json.loads(self._aliases.read_text())

    def champion_before(self):
        return None

    def load(self, version, features):
        if version == DOES_NOT_LOAD:
            raise RegistryError(f"version {version} is <b>broken</b>")
        return LoadedModel("tiny-model", version, f"run-{version}", fitted(version), features, REQUEST)

    def features(self):
        return self._features


class Nothing(Source):
    """A registry that cannot be reached at all."""

    def features(self):
        raise RegistryError("the registry <is> not there")
