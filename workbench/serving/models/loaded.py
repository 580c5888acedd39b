"""Loaded model versions: the estimator, how a raw row becomes its input, and how it is asked."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import ServingError
from workbench.registry.compile import Path, columns_of, frame_of
from workbench.serving.health import Memory
from workbench.serving.log.batch import Columns
from workbench.serving.protocol.schema import RequestSchema
from workbench.tracking.models import outputs

if TYPE_CHECKING:
    import pandas as pd

    from workbench.data.features import PointInTimeTable

    Memories = Mapping[str, PointInTimeTable]
    Build = Callable[[pd.DataFrame, Memories, "pd.Series[Any]"], pd.DataFrame]
    BuildArrays = Callable[[Columns, Memories, NDArray[np.datetime64]], Columns]

__all__ = ["Built", "FeatureBuilder", "LoadedModel"]


@dataclass(frozen=True)
class FeatureBuilder:
    """Turns raw rows into model input: the project's own functions and the tables that they look up.

    ``build`` takes a frame. A project may have ``build_arrays`` beside it, which does the same on plain
    arrays and so costs a single row a fraction; without it the compiled path builds a frame, too.
    """

    build: Build
    tables: Mapping[str, PointInTimeTable] = field(default_factory=dict)
    memory: tuple[Memory, ...] = ()
    build_arrays: BuildArrays | None = None

    def __call__(self, rows: pd.DataFrame, asked_at: pd.Series[Any]) -> pd.DataFrame:
        return self.build(rows, self.tables, asked_at)

    def frame(
        self, schema: RequestSchema, columns: Columns, asked_at: NDArray[np.datetime64]
    ) -> pd.DataFrame:
        """The features as training has them, of typed raw columns."""
        import pandas as pd

        times = pd.Series(asked_at).dt.tz_localize("UTC")
        return self.build(schema.frame(columns), self.tables, times)

    def arrays(self, schema: RequestSchema, columns: Columns, asked_at: NDArray[np.datetime64]) -> Columns:
        """The features as plain arrays."""
        if self.build_arrays is not None:
            return self.build_arrays(columns, self.tables, asked_at)
        return columns_of(self.frame(schema, columns, asked_at))

    def check_arrays(self, schema: RequestSchema, columns: Columns, asked_at: NDArray[np.datetime64]) -> bool:
        """Hold ``build_arrays`` to ``build``, on these rows together and on the first of them alone.

        Returns
        -------
        bool
            Whether a frame made of its arrays is the one that ``build`` makes, in types and order as well.

        Raises
        ------
        ServingError
            They differ: training has other features than the server would build.
        """
        if self.build_arrays is None:
            return False
        alike = True
        for rows in (slice(None), slice(1)):
            part, moments = {name: values[rows] for name, values in columns.items()}, asked_at[rows]
            frame = self.frame(schema, part, moments)
            wanted = columns_of(frame)
            found = self.build_arrays(part, self.tables, moments)
            for name, values in wanted.items():
                if name not in found or not _same(values, found[name]):
                    raise ServingError(
                        f"build_arrays builds the feature {name!r} otherwise than build, which training uses"
                    )
            alike = alike and frame_of(found).dtypes.equals(frame.dtypes)
        return alike

    @property
    def versions(self) -> dict[str, int]:
        """The versions of the memory datasets."""
        return {table.name: table.version for table in self.memory}


@dataclass(frozen=True, slots=True)
class Built:
    """The features of some rows: as plain arrays, and for the plain path as the frame they came in."""

    columns: Columns
    frame: pd.DataFrame | None = None


@dataclass(frozen=True)
class LoadedModel:
    """One version of the registered model, ready to answer.

    Attributes
    ----------
    request : RequestSchema
        What a raw row has to have.
    path : Path
        Whether it is asked by its compiled path, and why if not.
    trained_from : mapping
        Versions of the datasets it was trained from.
    frames_of_arrays : bool
        Whether the plain path makes its frame of what ``build_arrays`` builds, which takes half as long.
    """

    model: str
    version: int
    run_id: str
    estimator: Any
    features: FeatureBuilder
    request: RequestSchema
    path: Path = field(default_factory=lambda: Path(None, "not looked into"))
    trained_from: Mapping[str, int] = field(default_factory=dict)
    frames_of_arrays: bool = False

    def __post_init__(self) -> None:
        classifies = hasattr(self.estimator, "predict_proba")
        if (classifies and len(self.classes) < 2) or not (classifies or hasattr(self.estimator, "predict")):
            raise ServingError(
                f"{self.model} {self.version} is no fitted classifier or regressor; it cannot be served"
            )

    @functools.cached_property
    def classes(self) -> tuple[str, ...]:
        """The classes of a classifier, as text; none of a regressor."""
        return tuple(map(str, getattr(self.estimator, "classes_", ())))

    @functools.cached_property
    def datasets(self) -> dict[str, int]:
        """Versions of what it was trained from and of what it looks up now."""
        return {**self.trained_from, **self.features.versions}

    def built(self, columns: Columns, asked_at: NDArray[np.datetime64]) -> Built:
        """The features of typed raw rows.

        Parameters
        ----------
        columns : dict of ndarray
            As :meth:`RequestSchema.typed` gives them.
        asked_at : ndarray of datetime64[us]
            In UTC, one a row.
        """
        if self.path.compiled is not None:
            return Built(self.features.arrays(self.request, columns, asked_at))
        if self.frames_of_arrays:
            built = self.features.arrays(self.request, columns, asked_at)
            return Built(built, frame_of(built))
        frame = self.features.frame(self.request, columns, asked_at)
        return Built(columns_of(frame), frame)

    def scored(self, built: Built, rows: int) -> NDArray[Any]:
        """What ``predict_proba`` or ``predict`` gives for features of so many rows, by whichever path.

        Raises
        ------
        ServingError
            When the features lack a column that the estimator was fitted on.
        ValueError
            When the estimator refuses the values, or an output is not finite.
        """
        if self.path.compiled is not None:
            found = self.path.compiled(built.columns, rows)
        else:
            assert built.frame is not None
            found = self.outputs(built.frame)
        if not np.isfinite(found).all():
            raise ValueError("an output is not finite")
        return found

    def outputs(self, features: pd.DataFrame) -> NDArray[Any]:
        """What the estimator itself gives for features."""
        wanted = getattr(self.estimator, "feature_names_in_", None)
        if wanted is not None and list(wanted) != list(features.columns):
            # A version that was trained before a feature was added keeps answering.
            missing = [name for name in wanted if name not in features.columns]
            if missing:
                raise ServingError(
                    f"{self.model} {self.version} was fitted on feature {missing[0]!r}, which is not built"
                )
            features = features[list(wanted)]
        return outputs(self.estimator, features)

    def with_features(self, features: FeatureBuilder) -> LoadedModel:
        return replace(self, features=features)


def _same(wanted: NDArray[Any], found: NDArray[Any]) -> bool:
    """Whether all values are equal, missing ones too."""
    if wanted.dtype == object or found.dtype == object:
        return bool(wanted.tolist() == found.tolist())
    return bool(np.array_equal(wanted, found, equal_nan=True))
