"""Loaded model versions: the estimator, how a raw row becomes its input, and who answers just now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from workbench.errors import ServingError
from workbench.serving.http.health import Memory, Problem
from workbench.serving.protocol.request import RequestSchema
from workbench.tracking.models import positive_scores

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from workbench.data.features import PointInTimeTable

    Build = Callable[[pd.DataFrame, Mapping[str, PointInTimeTable], "pd.Series[Any]"], pd.DataFrame]

__all__ = ["FeatureBuilder", "Lineup", "LoadedModel", "ModelSource", "Models", "Pinned"]


@dataclass(frozen=True)
class FeatureBuilder:
    """Turns raw rows into model input: the project's own ``build`` and the tables that it looks up."""

    build: Build
    tables: Mapping[str, PointInTimeTable] = field(default_factory=dict)
    memory: tuple[Memory, ...] = ()

    def __call__(self, rows: pd.DataFrame, asked_at: pd.Series[Any]) -> pd.DataFrame:
        return self.build(rows, self.tables, asked_at)

    @property
    def versions(self) -> dict[str, int]:
        """The versions of the memory datasets."""
        return {table.name: table.version for table in self.memory}


@dataclass(frozen=True)
class LoadedModel:
    """One version of the registered model, ready to answer.

    ``request`` says what a raw row has to have.
    """

    model: str
    version: int
    run_id: str
    estimator: Any
    features: FeatureBuilder
    request: RequestSchema

    def __post_init__(self) -> None:
        classes = getattr(self.estimator, "classes_", None)
        if classes is None or len(classes) != 2 or not hasattr(self.estimator, "predict_proba"):
            raise ServingError(
                f"{self.model} {self.version} is no fitted classifier of two classes; it cannot be served"
            )

    def score(self, features: pd.DataFrame) -> np.ndarray[Any, Any]:
        """The probability of the target's positive (the larger) class, one a row.

        Raises
        ------
        ServingError
            When the features lack a column that the estimator was fitted on.
        ValueError
            When the estimator refuses the values, or a score is not finite.
        """
        import numpy as np

        wanted = getattr(self.estimator, "feature_names_in_", None)
        if wanted is not None and list(wanted) != list(features.columns):
            # A version that was trained before a feature was added keeps answering.
            missing = [name for name in wanted if name not in features.columns]
            if missing:
                raise ServingError(
                    f"{self.model} {self.version} was fitted on feature {missing[0]!r}, which is not built"
                )
            features = features[list(wanted)]
        scores = positive_scores(self.estimator, features)
        if not np.isfinite(scores).all():
            raise ValueError("a score is not finite")
        return scores

    def with_features(self, features: FeatureBuilder) -> LoadedModel:
        return replace(self, features=features)


@dataclass(frozen=True)
class Lineup:
    """Who answers at one moment. A request takes it once, so one version answers all its rows."""

    champion: LoadedModel | None = None
    shadows: tuple[LoadedModel, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def loaded(self) -> tuple[LoadedModel, ...]:
        """All of them, the champion first."""
        return (() if self.champion is None else (self.champion,)) + self.shadows

    @property
    def request(self) -> RequestSchema:
        """What a raw row has to have, for whoever answers first."""
        return next((model.request for model in self.loaded), RequestSchema({}))

    def pick(self, version: int | None) -> LoadedModel | None:
        """The champion, or the loaded version of that number; none if there is no such one."""
        if version is None:
            return self.champion
        return next((model for model in self.loaded if model.version == version), None)


class Models(Protocol):
    """What the server answers with, now. :class:`Pinned` stays, ``Follower`` changes."""

    @property
    def now(self) -> Lineup: ...

    @property
    def features(self) -> FeatureBuilder: ...

    @property
    def follows(self) -> bool: ...

    def start(self) -> None: ...

    def stop(self) -> None: ...


class ModelSource(Protocol):
    """Where versions come from: the registry, or what a test brings."""

    def aliases(self) -> Mapping[str, int]:
        """Every alias that names a version now: ``champion``, ``challenger``, ``shadow-1`` and so on."""

    def load(self, version: int, features: FeatureBuilder) -> LoadedModel:
        """Load a version; raises when it cannot be."""

    def features(self) -> FeatureBuilder:
        """The feature builder with the newest memory; the same object while nothing is newer."""


class Pinned:
    """The same versions from start to end: a replay, or a test."""

    follows = False

    def __init__(self, lineup: Lineup, features: FeatureBuilder) -> None:
        self.now = lineup
        self.features = features

    @classmethod
    def load(cls, source: ModelSource, champion: int | None, shadows: tuple[int, ...]) -> Pinned:
        """Load the given versions; the first that does not load ends it with its error."""
        features = source.features()
        best = None if champion is None else source.load(champion, features)
        others = tuple(source.load(version, features) for version in shadows if version != champion)
        return cls(Lineup(best, others), features)

    def start(self) -> None:
        """Nothing to start."""

    def stop(self) -> None:
        """Nothing to stop."""
