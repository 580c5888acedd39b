"""LightGBM's boosters and classifiers, as LightGBM's own text: trees, and no code.

A classifier is kept as its booster, since MLflow's flavour would keep its Python object otherwise.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import MissingExtra, RegistryError, UnsafeModel
from workbench.project import Project
from workbench.tracking.flavors.description import Description, check_keys, plain_text
from workbench.tracking.flavors.kind import Keeping, check_columns, descends, in_order
from workbench.tracking.flavors.trees import check_lightgbm

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LightGBM"]

_FILE = "model.lgb"
_BOOSTER = "lightgbm.basic.Booster"
_CLASSIFIER = "lightgbm.sklearn.LGBMClassifier"
_KEYS = {"code", "data", "lgb_version", "model_class", "serialization_format", "skops_trusted_types"}
# Those whose booster answers a probability of two classes.
_OBJECTIVES = ("binary", "cross_entropy")


class BoosterClassifier:
    """A bare ``lightgbm.Booster`` that answers as a classifier of two classes does."""

    def __init__(self, booster: Any) -> None:
        self.booster = booster
        found = re.search(r"^objective=(\S+)", booster.model_to_string(num_iteration=1), re.MULTILINE)
        objective = found[1] if found else "unknown"
        if objective not in _OBJECTIVES:
            raise RegistryError(
                f"a LightGBM booster of objective {objective} gives no probability of two classes; train it "
                f"with {_OBJECTIVES[0]}"
            )
        self.classes_ = np.array([0, 1])
        self.feature_names_in_ = np.array(booster.feature_name(), dtype=object)

    def predict_proba(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        late = np.asarray(self.booster.predict(in_order(frame, list(self.feature_names_in_))), dtype=float)
        return np.column_stack([1 - late, late])


class LightGBM:
    """``LGBMClassifier``, and boosters that answer a probability."""

    name = "lightgbm"
    flavor = "lightgbm"
    loader_module = "mlflow.lightgbm"
    files = frozenset({_FILE})
    takes = "LightGBM's classifiers and boosters"
    required = (("lightgbm",), ("scipy",))

    def recognises(self, model: Any) -> bool:
        return descends(model, _BOOSTER, "lightgbm.sklearn.LGBMModel") or isinstance(model, BoosterClassifier)

    def adapt(self, model: Any) -> Any:
        return BoosterClassifier(model) if descends(model, _BOOSTER) else model

    def save(self, model: Any, keeping: Keeping) -> None:
        import mlflow.lightgbm
        from mlflow.models import infer_signature

        if not descends(model, _BOOSTER, _CLASSIFIER) and not isinstance(model, BoosterClassifier):
            raise RegistryError(f"{self.takes} can be kept, not a {type(model).__name__}")
        booster = getattr(model, "booster", model)
        answering = BoosterClassifier(getattr(booster, "booster_", booster))
        check_columns("LightGBM", keeping.sample, list(answering.feature_names_in_), categories=True)
        mlflow.lightgbm.save_model(
            answering.booster,
            str(keeping.folder),
            mlflow_model=keeping.mlflow_model,
            signature=infer_signature(keeping.example, answering.predict_proba(keeping.example)[:, 1]),
            input_example=keeping.example,
            pip_requirements=keeping.requirements,
        )
        check_lightgbm(keeping.folder / _FILE)

    def file(self, description: Description) -> str:
        flavor = description.flavors[self.flavor]
        built, where = flavor.get("model_class"), flavor.get("data")
        if (built, where) != (_BOOSTER, _FILE):
            said = f"{plain_text(built)} in {plain_text(where)}"
            raise UnsafeModel(f"its MLmodel says {said}, not {_BOOSTER} in {_FILE}")
        check_keys(flavor, _KEYS, self.flavor)
        return _FILE

    def load(self, file: Path, description: Description, project: Project) -> Any:
        try:
            import lightgbm
        except ImportError as error:
            raise MissingExtra("lightgbm", "lightgbm", "this model") from error
        try:
            check_lightgbm(file)
            return self.adapt(lightgbm.Booster(model_file=file))
        except UnsafeModel:
            raise
        except Exception as error:  # a crafted file makes it raise whatever it likes
            raise UnsafeModel(f"{_FILE} is no model that LightGBM can read", details=str(error)) from error
