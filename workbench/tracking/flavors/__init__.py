"""Kinds of models: how each is kept as data through MLflow, and built again without running its files.

A kind is kept only if its files are data: scikit-learn through skops, XGBoost as JSON, LightGBM as text,
PyTorch as safetensors with a class that the project declares. :func:`kind_of` finds the kind of a fitted
model, :func:`described` the kind that a folder says it holds.
"""

from __future__ import annotations

from typing import Any

from workbench.errors import RegistryError, UnsafeModel
from workbench.tracking.flavors.description import Description
from workbench.tracking.flavors.kind import Kind
from workbench.tracking.flavors.lgbm import LightGBM
from workbench.tracking.flavors.nets import PyTorch
from workbench.tracking.flavors.scikit import Scikit
from workbench.tracking.flavors.xgb import XGBoost

__all__ = ["KINDS", "Kind", "adapted", "described", "kind_of"]

#: The first that recognises a model keeps it; scikit-learn's takes whatever looks like an estimator.
KINDS: tuple[Kind, ...] = (XGBoost(), LightGBM(), PyTorch(), Scikit())


def kind_of(model: Any) -> Kind:
    """The kind of a fitted model.

    Raises
    ------
    RegistryError
        It is of none.
    """
    for kind in KINDS:
        if kind.recognises(model):
            return kind
    known = ", ".join(kind.takes for kind in KINDS)
    raise RegistryError(f"a {type(model).__name__} is no model that can be kept as data; what can: {known}")


def described(description: Description) -> Kind:
    """The kind that an ``MLmodel`` describes.

    Raises
    ------
    UnsafeModel
        It describes none, or more than one.
    """
    flavors = set(description.flavors) - {"python_function"}
    for kind in KINDS:
        if flavors == {kind.flavor}:
            return kind
    said = ", ".join(sorted(name[:40] for name in flavors)) or "nothing"
    raise UnsafeModel(f"its MLmodel describes {said}, and no model that the workbench writes")


def adapted(model: Any) -> Any:
    """The model with ``predict_proba``, ``classes_`` and ``feature_names_in_``, as scikit-learn has them.

    A regressor has ``predict`` instead of the first two.
    """
    return model if hasattr(model, "predict_proba") else kind_of(model).adapt(model)
