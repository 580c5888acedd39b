"""Rows at the edges of what a model is asked, made out of ordinary ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.registry.compile.columns import columns_of, frame_of

if TYPE_CHECKING:
    import pandas as pd

    from workbench.registry.compile.compiled import Compiled

__all__ = ["edge_rows"]

_NUMBERS = (
    np.nan,
    np.inf,
    -np.inf,
    0.0,
    -0.0,
    -1.0,
    1e-310,  # denormal
    3.5e38,  # more than float32 holds
    -3.5e38,
    1.7e308,
    -1.7e308,
    16777217.0,  # not a float32
)
_TEXTS = (None, "", "a category that nobody knows", "nan", "None")
# Of a column's thresholds; each gives six rows.
_MOST_THRESHOLDS = 10
_MOST_KNOWN = 200


def edge_rows(frame: pd.DataFrame, compiled: Compiled | None = None) -> pd.DataFrame:
    """Rows that each differ from an ordinary one in one column, and a few that do in all.

    Unknown and missing categories, missing, infinite, huge, tiny, zero and negative numbers; with
    ``compiled`` also the categories that it knows, and numbers at its trees' thresholds and next to them.

    Parameters
    ----------
    frame : DataFrame
        Ordinary rows of features, at least one.
    """
    columns = columns_of(frame)
    thresholds = compiled.thresholds() if compiled is not None else {}
    changes = list(_changes(columns, thresholds))
    for name, values in compiled.known().items() if compiled is not None else ():
        changes += [{name: value} for value in values[:_MOST_KNOWN] if name in columns]
    ordinary = np.arange(len(changes)) % len(frame)
    made = {name: values[ordinary].copy() for name, values in columns.items()}
    for row, change in enumerate(changes):
        for name, value in change.items():
            made[name][row] = value
    return frame_of(made)


def _changes(
    columns: Mapping[str, NDArray[Any]], thresholds: Mapping[str, NDArray[np.float64]]
) -> Iterator[dict[str, Any]]:
    for name, values in columns.items():
        if values.dtype == object:
            yield from ({name: value} for value in _TEXTS)
        elif values.dtype == np.float64:
            yield from ({name: value} for value in _NUMBERS)
            yield from ({name: value} for value in _around(thresholds.get(name, np.empty(0))))
        else:
            yield {name: np.datetime64("NaT")}
    texts = [name for name, values in columns.items() if values.dtype == object]
    numbers = [name for name, values in columns.items() if values.dtype == np.float64]
    for number in (np.nan, 0.0, -1.0):
        for text in (None, "a category that nobody knows"):
            yield {**dict.fromkeys(numbers, number), **dict.fromkeys(texts, text)}


def _around(thresholds: NDArray[np.float64]) -> list[float]:
    """Some thresholds, and what lies next to them in float64 and in float32."""
    if len(thresholds) > _MOST_THRESHOLDS:
        thresholds = thresholds[np.linspace(0, len(thresholds) - 1, _MOST_THRESHOLDS).round().astype(int)]
    with np.errstate(over="ignore"):
        single = thresholds.astype(np.float32)
    near = [thresholds, np.nextafter(thresholds, np.inf), np.nextafter(thresholds, -np.inf)]
    near += [single, np.nextafter(single, np.float32(np.inf)), np.nextafter(single, np.float32(-np.inf))]
    found = np.concatenate([values.astype(np.float64) for values in near])
    numbers: list[float] = np.unique(found[np.isfinite(found)]).tolist()
    return numbers
