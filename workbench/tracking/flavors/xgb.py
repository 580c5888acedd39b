"""XGBoost's boosters and classifiers, as JSON: trees, and no code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import MissingExtra, RegistryError, UnsafeModel
from workbench.project import Project
from workbench.tracking.flavors.description import Description, check_keys, plain_text
from workbench.tracking.flavors.kind import Keeping, check_columns, descends, in_order
from workbench.tracking.flavors.trees import check_xgboost

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["XGBoost"]

_BOOSTER = "xgboost.core.Booster"
_CLASSIFIERS = ("xgboost.sklearn.XGBClassifier", "xgboost.sklearn.XGBRFClassifier")
_FILE = "model.json"
_KEYS = {"code", "data", "model_class", "model_format", "xgb_version"}
# Those whose booster answers a probability of two classes.
_OBJECTIVES = ("binary:logistic", "reg:logistic")


class BoosterClassifier:
    """A bare ``xgboost.Booster`` that answers as a classifier of two classes does."""

    def __init__(self, booster: Any) -> None:
        self.booster = booster
        objective = json.loads(booster.save_config())["learner"]["objective"]["name"]
        if objective not in _OBJECTIVES:
            raise RegistryError(
                f"an XGBoost booster of objective {objective} gives no probability of two classes; train it "
                f"with {_OBJECTIVES[0]}"
            )
        self.classes_ = np.array([0, 1])
        self.feature_names_in_ = np.array(booster.feature_names or [], dtype=object)

    def predict_proba(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        import xgboost

        rows = in_order(frame, list(self.feature_names_in_))
        late = self.booster.predict(xgboost.DMatrix(rows, enable_categorical=True)).astype(float)
        return np.column_stack([1 - late, late])


class XGBoost:
    """``XGBClassifier``, and boosters that answer a probability."""

    name = "xgboost"
    flavor = "xgboost"
    loader_module = "mlflow.xgboost"
    files = frozenset({_FILE})
    takes = "XGBoost's classifiers and boosters"
    required = (("scipy",), ("xgboost", "xgboost-cpu"))

    def recognises(self, model: Any) -> bool:
        return descends(model, _BOOSTER, "xgboost.sklearn.XGBModel") or isinstance(model, BoosterClassifier)

    def adapt(self, model: Any) -> Any:
        return BoosterClassifier(model) if descends(model, _BOOSTER) else model

    def save(self, model: Any, keeping: Keeping) -> None:
        import mlflow.xgboost
        from mlflow.models import infer_signature

        model = model.booster if isinstance(model, BoosterClassifier) else model
        written = f"{type(model).__module__}.{type(model).__qualname__}"
        if written not in (_BOOSTER, *_CLASSIFIERS):
            raise RegistryError(f"{self.takes} can be kept, not a {type(model).__name__}")
        bare = written == _BOOSTER
        names = (model if bare else model.get_booster()).feature_names
        check_columns("XGBoost", keeping.sample, names, categories=True)
        answers = self.adapt(model).predict_proba(keeping.example)[:, 1] if bare else None
        mlflow.xgboost.save_model(
            model,
            str(keeping.folder),
            mlflow_model=keeping.mlflow_model,
            signature=infer_signature(
                keeping.example, model.predict(keeping.example) if answers is None else answers
            ),
            input_example=keeping.example,
            pip_requirements=keeping.requirements,
            model_format="json",
        )
        check_xgboost(keeping.folder / _FILE)

    def file(self, description: Description) -> str:
        flavor = description.flavors[self.flavor]
        built = flavor.get("model_class")
        if built not in (_BOOSTER, *_CLASSIFIERS):
            raise UnsafeModel(f"its MLmodel names the class {plain_text(built)}, which is none of XGBoost's")
        written, where = flavor.get("model_format"), flavor.get("data")
        if (written, where) != ("json", _FILE):
            raise UnsafeModel(
                f"its MLmodel says {plain_text(written)} in {plain_text(where)}, not json in {_FILE}"
            )
        check_keys(flavor, _KEYS, self.flavor)
        return _FILE

    def load(self, file: Path, description: Description, project: Project) -> Any:
        try:
            import xgboost
        except ImportError as error:
            raise MissingExtra("xgboost", "xgboost", "this model") from error
        check_xgboost(file)
        built = description.flavors[self.flavor]["model_class"]
        model = xgboost.Booster() if built == _BOOSTER else getattr(xgboost, built.rpartition(".")[2])()
        try:
            model.load_model(file)
            return self.adapt(model)
        except Exception as error:  # a crafted file makes it raise whatever it likes
            raise UnsafeModel(f"{file.name} is no model that XGBoost can read", details=str(error)) from error
