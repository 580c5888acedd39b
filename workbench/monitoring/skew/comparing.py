"""A feature's values on both sides: where they differ, and by how much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.registry.compile import columns_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["TOLERANCE", "Compared", "differs", "shown", "values_of"]

#: By which share of the larger one two numbers may differ: sums are rounded differently in another order.
TOLERANCE = 1e-9
_SHOWN = 60


@dataclass(frozen=True)
class Compared:
    """A feature's values on both sides, and where they differ; ``lacking`` names a side without it."""

    name: str
    served: NDArray[Any]
    training: NDArray[Any]
    differs: NDArray[np.bool_]
    lacking: str = ""

    @classmethod
    def of(cls, name: str, served: pd.DataFrame, training: pd.DataFrame) -> Compared:
        """The columns of that name in frames of the same rows."""
        if name not in served or name not in training:
            nothing: NDArray[Any] = np.empty(0)
            side = "the log" if name not in served else "the training path"
            return cls(name, nothing, nothing, np.zeros(len(served), dtype=bool), side)
        one, other = values_of(served[name]), values_of(training[name])
        return cls(name, one, other, differs(one, other))

    @property
    def sizes(self) -> NDArray[np.float64]:
        """By how much numbers differ; NaN for all else."""
        if self.served.dtype != np.float64 or self.training.dtype != np.float64:
            return np.full(len(self.served), np.nan)
        with np.errstate(invalid="ignore"):
            sizes: NDArray[np.float64] = np.abs(self.served - self.training)
        return sizes


def differs(served: NDArray[Any], training: NDArray[Any]) -> NDArray[np.bool_]:
    """Where values are not the same; numbers within :data:`TOLERANCE` are, and missing ones are."""
    if served.dtype != training.dtype:
        served, training = _texts(served), _texts(training)
    if served.dtype == object:
        return np.array([one != other for one, other in zip(served, training, strict=True)], dtype=bool)
    missing = (served != served) & (training != training)  # NaN and NaT
    same: NDArray[np.bool_] = missing | (served == training)
    if served.dtype == np.float64:
        with np.errstate(invalid="ignore"):
            near = np.abs(served - training) <= TOLERANCE * np.maximum(np.abs(served), np.abs(training))
        same |= near & np.isfinite(served) & np.isfinite(training)
    return ~same


def values_of(column: pd.Series[Any]) -> NDArray[Any]:
    """A column as the log keeps it: numbers as float64, times as datetime64[us] in UTC, all else as text."""
    try:
        return columns_of(column.to_frame("it"))["it"]
    except (ValueError, TypeError):
        return _texts(column.to_numpy(dtype=object))


def shown(value: Any) -> str:
    """A value in one short line."""
    if value is None or value != value:
        return "missing"
    text = repr(float(value)) if isinstance(value, float) else str(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _texts(values: NDArray[Any]) -> NDArray[Any]:
    import pandas as pd

    texts = [None if missing else str(value) for value, missing in zip(values, pd.isna(values), strict=True)]
    return np.array(texts, dtype=object)
