"""What a kind of models has to do, and what all of them share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from workbench.errors import DataError, RegistryError
from workbench.project import Project
from workbench.tracking.flavors.description import Description

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.models import Model

__all__ = ["Keeping", "Kind", "check_columns", "descends", "in_order"]


@dataclass(frozen=True)
class Keeping:
    """What a kind is given to write a folder with, besides the model.

    ``sample`` holds rows as the model takes them, ``example`` those of them that are kept with it.
    """

    project: Project
    folder: Path
    mlflow_model: Model
    sample: pd.DataFrame
    example: pd.DataFrame
    requirements: list[str]


class Kind(Protocol):
    """One kind of models. Whoever adds one adds it to ``KINDS`` and to the contract test."""

    @property
    def name(self) -> str:
        """As the tag ``workbench.kind`` has it."""

    @property
    def flavor(self) -> str:
        """MLflow's flavour."""

    @property
    def loader_module(self) -> str:
        """What MLflow's ``python_function`` loads it with."""

    @property
    def files(self) -> frozenset[str]:
        """The names that the model's own file may have."""

    @property
    def takes(self) -> str:
        """In words: which models."""

    @property
    def required(self) -> tuple[tuple[str, ...], ...]:
        """Distributions that it takes to load one, each with the names that it may go by."""

    def recognises(self, model: Any) -> bool:
        """Whether a fitted model is of this kind; imports nothing."""

    def adapt(self, model: Any) -> Any:
        """The model with scikit-learn's ``predict_proba``; a regressor as it is."""

    def save(self, model: Any, keeping: Keeping) -> None:
        """Write the folder as MLflow does; raises ``RegistryError`` when that cannot be data."""

    def file(self, description: Description) -> str:
        """The name of the model's own file; raises ``UnsafeModel`` when the description is not ours."""

    def load(self, file: Path, description: Description, project: Project) -> Any:
        """Build the model from a file that was checked; raises ``UnsafeModel``."""


def descends(model: Any, *classes: str) -> bool:
    """Whether the model is of one of the classes, given as ``module.Class``, without importing them."""
    return any(f"{base.__module__}.{base.__qualname__}" in classes for base in type(model).__mro__)


def check_columns(kind: str, frame: pd.DataFrame, names: Sequence[str] | None, *, categories: bool) -> None:
    """Refuse to keep a model that could not answer ``frame``.

    Raises
    ------
    RegistryError
        A column holds what the kind does not take, or the model was fitted on other columns.
    """
    import pandas as pd

    takes = "numbers, booleans and categories" if categories else "numbers and booleans"
    for name in frame.columns:
        column = frame[name].dtype
        category = isinstance(column, pd.CategoricalDtype)
        if (category and categories) or (not category and pd.api.types.is_numeric_dtype(column)):
            continue
        advice = "make it a category, or encode it," if categories else "encode it"
        raise RegistryError(
            f"{kind} takes {takes}; column {name!r} holds {column}: {advice} in the features function"
        )
    if names is None or list(names) != list(map(str, frame.columns)):
        found = "no names" if names is None else ", ".join(names)
        sample = ", ".join(map(str, frame.columns))
        raise RegistryError(
            f"{kind}'s model was fitted on {found}, but the sample has {sample}: fit it on "
            "a DataFrame with the columns of the sample, in its order and with no spaces in their names"
        )


def in_order(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """The columns that a model was fitted on, in its order.

    Raises
    ------
    DataError
        One is missing.
    """
    for name in names:
        if name not in frame.columns:
            raise DataError(f"the model was fitted on the feature {name!r}, which these rows lack")
    return frame[list(names)]
