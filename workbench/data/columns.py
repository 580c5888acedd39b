"""Columns: rows as plain arrays, which is what a server has time for, and the way between them and a frame.

Of one row or of a million, one array a column, all of equal length:

- a **number** is float64, NaN where it is missing;
- a **category** is an object array of text, None where it is missing;
- a **time** is datetime64[us] in UTC, NaT where it is missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from workbench.data.features import Feature

__all__ = ["Columns", "columns_of", "frame_of", "moments_of"]

Columns = dict[str, NDArray[Any]]


def columns_of(rows: pd.DataFrame, kinds: Mapping[str, str | Mapping[str, Any]]) -> Columns:
    """The columns of a frame that ``kinds`` names, as plain arrays; one that the frame lacks is left out.

    Parameters
    ----------
    rows : DataFrame
        Times as UTC timestamps or ISO text.
    kinds : mapping
        By column: ``"number"``, ``"category"`` or ``"time"``, or a mapping whose ``kind`` is that. A
        project's ``REQUEST`` is such a one.
    """
    take = {"number": _numbers, "category": _categories, "time": _times}
    named = {name: kind if isinstance(kind, str) else kind["kind"] for name, kind in kinds.items()}
    return {name: take[kind](rows[name]) for name, kind in named.items() if name in rows.columns}


def moments_of(moments: pd.Series[Any] | pd.DatetimeIndex) -> NDArray[np.datetime64]:
    """Moments with a time zone as datetime64[us] in UTC."""
    import pandas as pd

    return pd.DatetimeIndex(moments).as_unit("us").asi8.view("datetime64[us]")


def frame_of(
    columns: Mapping[str, NDArray[Any]], features: Sequence[Feature], index: pd.Index[Any] | None = None
) -> pd.DataFrame:
    """A frame of exactly the ``features``, in their order: categories as text, numbers as float64.

    Raises
    ------
    DataError
        A feature was not built.
    """
    import pandas as pd

    for feature in features:
        if feature.name not in columns:
            raise DataError(f"the feature {feature.name!r} is in the catalogue, but is not built")
    rows = len(columns[features[0].name]) if features else 0
    numbers = [feature.name for feature in features if feature.kind == "number"]
    # One block of numbers: a frame of many single columns costs more than the lookups do.
    block = np.empty((rows, len(numbers)))
    for place, name in enumerate(numbers):
        block[:, place] = columns[name]
    frame = pd.DataFrame(block, columns=numbers, index=index, copy=False)
    for place, feature in enumerate(features):
        if feature.kind == "category":
            frame.insert(place, feature.name, pd.Series(columns[feature.name], index=index, dtype="str"))
    return frame


def _numbers(values: pd.Series[Any]) -> NDArray[np.float64]:
    return values.to_numpy(dtype="float64", na_value=np.nan)


def _categories(values: pd.Series[Any]) -> NDArray[np.object_]:
    text = values.astype("str")
    return text.astype(object).where(text.notna(), None).to_numpy()


def _times(values: pd.Series[Any]) -> NDArray[np.datetime64]:
    import pandas as pd

    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return moments_of(values)
    return moments_of(pd.DatetimeIndex(pd.to_datetime(values, utc=True, format="ISO8601")))
