"""Encoding of frames into requests, on the client's side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from workbench.errors import ServingError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ROWS_A_REQUEST", "cells", "encode_invocation", "encode_truth", "requests_for"]

ROWS_A_REQUEST = 5_000

_ENCODER = msgspec.json.Encoder()


def cells(frame: pd.DataFrame) -> dict[str, list[Any]]:
    """Every column as a list of JSON values: null for missing, ISO text for times.

    Raises
    ------
    ServingError
        For a time without a zone.
    """
    return {str(name): _cells(str(name), column) for name, column in frame.items()}


def requests_for(
    rows: pd.DataFrame,
    *,
    simulated_time: pd.Series[Any] | pd.Timestamp | None = None,
    version: int | None = None,
) -> Iterator[bytes]:
    """Scoring requests for raw rows, as many as it takes; arguments as for ``Server.predict``."""
    import pandas as pd

    columns = cells(rows)
    times: list[Any] | None = None
    if simulated_time is not None:
        given = (
            list(simulated_time) if isinstance(simulated_time, pd.Series) else [simulated_time] * len(rows)
        )
        times = _cells("simulated_time", pd.Series(given, dtype="datetime64[us, UTC]"))
    for first in range(0, len(rows), ROWS_A_REQUEST):
        part = slice(first, first + ROWS_A_REQUEST)
        yield encode_invocation(columns, part, None if times is None else times[part], version)


def encode_invocation(
    columns: Mapping[str, Sequence[Any]], part: slice, times: Sequence[str] | None, version: int | None
) -> bytes:
    """A scoring request for the rows in ``part``."""
    data = list(zip(*(values[part] for values in columns.values()), strict=True))
    params: dict[str, Any] = {}
    if times is not None:
        params["simulated_time"] = times
    if version is not None:
        params["version"] = version
    return _ENCODER.encode({"dataframe_split": {"columns": list(columns), "data": data}, "params": params})


def encode_truth(columns: Mapping[str, Sequence[Any]], part: slice) -> bytes:
    """Ground truth for the rows in ``part`` of ``prediction_id``, ``value``, ``known_at``."""
    rows = zip(*(columns[name][part] for name in ("prediction_id", "value", "known_at")), strict=True)
    return _ENCODER.encode(
        {"rows": [{"prediction_id": i, "value": value, "known_at": at} for i, value, at in rows]}
    )


def _cells(name: str, column: pd.Series[Any]) -> list[Any]:
    import numpy as np
    import pandas as pd

    if isinstance(column.dtype, pd.DatetimeTZDtype):
        naive = column.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy(dtype="datetime64[us]")
        missing = np.isnat(naive)
        texts = np.char.add(np.datetime_as_string(naive, unit="us"), "Z").tolist()
        return (
            [None if absent else text for absent, text in zip(missing, texts, strict=True)]
            if missing.any()
            else texts
        )
    if pd.api.types.is_datetime64_dtype(column.dtype):
        raise ServingError(f'column {name!r} has times without a zone; use .dt.tz_localize("UTC")')
    if isinstance(column.dtype, np.dtype) and column.dtype.kind == "f":
        if np.isinf(column.to_numpy()).any():
            raise ServingError(f"column {name!r} has an infinite number, which JSON cannot say")
        values: list[Any] = column.tolist()  # the encoder writes NaN as null
        return values
    plain: list[Any] = column.astype(object).where(column.notna(), None).tolist()
    return plain
