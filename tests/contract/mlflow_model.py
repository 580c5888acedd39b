"""A small model that two servers answer with: MLflow's and ours. Copied to a tiny project's helpers."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from workbench.serving.models.loaded import FeatureBuilder, LoadedModel
from workbench.serving.protocol.schema import RequestSchema


def rows() -> pd.DataFrame:
    """What it was fitted on: text, numbers, and a column in which some are missing."""
    chance = np.random.default_rng(7)
    frame = pd.DataFrame(
        {
            "colour": chance.choice(["red", "blue", "green, or so"], 400),
            "size": chance.normal(size=400),
            "weight": chance.normal(size=400),
            "member": chance.random(400) > 0.5,
        }
    )
    frame.loc[::7, "weight"] = np.nan
    return frame


def fitted() -> object:
    """The same to the bit wherever it is fitted."""
    frame = rows()
    late = frame["size"] + (frame["colour"] == "red") + frame["weight"].fillna(2) + frame["member"] > 1
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["colour"]), remainder="passthrough"
    )
    return make_pipeline(encode, HistGradientBoostingClassifier(max_iter=20)).fit(frame, late)


def build(raw, memory, asked_at):
    return raw.assign(member=raw["member"].astype(bool))


class Source:
    """The one version, whose features are the raw columns."""

    def __init__(self, project, settings):
        self._features = FeatureBuilder(build)

    def aliases(self):
        return {"champion": 1}

    def champion_before(self):
        return None

    def load(self, version, features):
        return LoadedModel("tiny-model", version, "run-1", fitted(), features, RequestSchema.of(rows()))

    def features(self):
        return self._features
