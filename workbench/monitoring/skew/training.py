"""Logged raw rows sent through the project's own features, as training sends its rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.data.columns import moments_of
from workbench.data.tables import Tables
from workbench.errors import ConfigError
from workbench.project import Project
from workbench.registry import cases
from workbench.serving.models.loaded import FeatureBuilder
from workbench.serving.models.registered import RegisteredModels
from workbench.serving.protocol.schema import RequestSchema
from workbench.serving.settings import MemoryVersion, Settings

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Trained", "TrainingPath"]

# So often is a set of rows that cannot be built halved, to find the rows that it is about.
_MOST_TRIES = 100


@dataclass(frozen=True)
class Trained:
    """What the training path made of rows.

    Attributes
    ----------
    features : DataFrame
        Of the rows that it could build, indexed by their places.
    problem : str
        What it raised on the others; empty when there are none.
    """

    features: pd.DataFrame
    problem: str = ""


class TrainingPath:
    """The project's ``build``, with its memory datasets in the versions that are read today, or others.

    Raises
    ------
    WorkbenchError
        The project has no such function, or a memory dataset cannot be read.
    """

    def __init__(self, project: Project, memory: Mapping[str, int] | None = None) -> None:
        self._project = project
        if not project.model.features:
            raise ConfigError("[model] names no features function")
        pinned = None
        if memory is not None:
            uri = Tables(project.data_uri).uri
            pinned = {name: MemoryVersion(uri(name), memory[name]) for name in project.model.memory}
        self._builder: FeatureBuilder = RegisteredModels(
            project, Settings(str(project.root), "", memory=pinned)
        ).features()

    @property
    def memory(self) -> dict[str, int]:
        """The versions of the memory datasets."""
        return self._builder.versions

    def __call__(self, logged: pd.DataFrame) -> Trained:
        """The features of logged rows as of the moments at which they were asked.

        Personal columns, which the log does not hold, are missing in all rows.
        """
        import pandas as pd

        given = cases.inputs(logged)
        schema = self._schema(given)
        columns = schema.columns_of(
            given.drop(columns=self._project.config.serving.personal, errors="ignore")
        )
        asked_at = moments_of(logged["asked_at"])
        built: list[pd.DataFrame] = []
        waiting, problem = [np.arange(len(logged))], ""
        for tried in range(len(logged) * 2):
            if not waiting:
                break
            places = waiting.pop()
            try:
                built.append(self._build(schema, columns, asked_at, places))
            except Exception as error:  # whatever it is, it is the answer to the question
                problem = problem or " ".join(f"{type(error).__name__}: {error}".split())[:200]
                if len(places) > 1 and tried < _MOST_TRIES:
                    waiting += np.array_split(places, 2)
        return Trained(pd.concat(built).sort_index() if built else pd.DataFrame(), problem)

    def depends(self, feature: str, personal: str) -> bool | None:
        """Whether a feature is made of a personal column, by the project's catalogue; None if it has none."""
        module = self._project.model.features.partition(":")[0]
        try:
            known = {item.name: item.inputs for item in self._project.resolve(f"{module}:FEATURES")}
        except (ConfigError, AttributeError, TypeError):
            return None
        if feature not in known:
            return None
        return any(personal in source.split(".") for source in known[feature])

    def _build(
        self,
        schema: RequestSchema,
        columns: dict[str, NDArray[Any]],
        asked_at: NDArray[np.datetime64],
        places: NDArray[np.int64],
    ) -> pd.DataFrame:
        part = {name: values[places] for name, values in columns.items()}
        frame = self._builder.frame(schema, part, asked_at[places])
        if len(frame) != len(places):
            raise ValueError(f"{len(frame)} rows come of {len(places)}")
        return frame.set_axis(places)

    def _schema(self, given: pd.DataFrame) -> RequestSchema:
        """What the project says that a raw row has, or what the log shows."""
        reference = f"{self._project.model.features.partition(':')[0]}:REQUEST"
        try:
            declared = self._project.resolve(reference)
        except ConfigError:
            return RequestSchema.of(given)
        return RequestSchema.declared(declared, reference)
