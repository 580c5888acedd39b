"""Columns as the server holds them, and frames as scikit-learn takes them.

Columns are ``dict[str, ndarray]``: numbers are float64 (NaN missing), categories are objects (text, or None
missing), times are datetime64[us] in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Columns", "columns_of", "frame_of"]

Columns = Mapping[str, NDArray[Any]]


def columns_of(frame: pd.DataFrame) -> dict[str, NDArray[Any]]:
    """The columns of a frame of features.

    Raises
    ------
    ValueError
        A column holds something else than numbers, truth values, text or times.
    """
    return {str(name): _column(str(name), frame[name]) for name in frame.columns}


def _column(name: str, series: pd.Series[Any]) -> NDArray[Any]:
    import pandas as pd

    kind = series.dtype
    if isinstance(kind, pd.CategoricalDtype):
        series = series.astype(kind.categories.dtype if len(kind.categories) else object)
        kind = series.dtype
    if pd.api.types.is_datetime64_any_dtype(kind):
        aware = series if getattr(series.dt, "tz", None) is not None else series.dt.tz_localize("UTC")
        times: NDArray[Any] = aware.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy(dtype="datetime64[us]")
        return times
    if pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_bool_dtype(kind):
        return series.to_numpy(dtype=np.float64, na_value=np.nan)
    missing = series.isna().to_numpy()
    values = series.to_numpy(dtype=object, copy=True)
    values[missing] = None
    for value in values:
        if not (value is None or isinstance(value, str)):
            raise ValueError(f"column {name!r} holds a {type(value).__name__}, neither a number nor text")
    return values


def frame_of(columns: Columns) -> pd.DataFrame:
    """A frame as the server's plain path makes it: categories as pandas text, times with their zone."""
    import pandas as pd

    return pd.DataFrame({name: _typed(values) for name, values in columns.items()})


def _typed(values: NDArray[Any]) -> Any:
    import pandas as pd

    if values.dtype == object:
        return pd.array(values, dtype="str")
    if values.dtype.kind == "M":
        return pd.array(values.astype("datetime64[us]", copy=False), dtype=pd.DatetimeTZDtype("us", "UTC"))
    return values
