"""Rows of logs that older versions of the workbench wrote: one Arrow stream a batch, compressed with zstd."""

from __future__ import annotations

import zlib
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from workbench.errors import ServingError
from workbench.serving.log.decoding import LEADING, MOMENT, Row, Wanted

__all__ = ["ABOUT", "decode"]

#: What stood in columns of the row: where a table of today has it, and where a row had it then.
ABOUT = {
    "model": "model",
    "model_version": "model_version",
    "role": "role",
    "code_version": "code_version",
    "run_id": "run_id",
    "datasets": "memory",
    "latency_ms": "latency_ms",
}


def decode(place: str, row: Row, about: tuple[Any, ...], wanted: Wanted) -> pa.Table:
    """One batch, in the columns and types of today.

    Raises
    ------
    ServingError
        When it is damaged; the message names it.
    """
    where = f"prediction log {place}, row {row.number}"
    if zlib.crc32(row.blob) != row.crc32:
        raise ServingError(f"{where}: damaged (its checksum differs); restore the file")
    try:
        table = pa.ipc.open_stream(pa.CompressedInputStream(pa.BufferReader(row.blob), "zstd")).read_all()
    except (pa.ArrowInvalid, OSError) as error:
        raise ServingError(f"{where}: cannot be decoded: {error}") from error
    if table.num_rows != row.rows:
        raise ServingError(f"{where}: {table.num_rows} rows where {row.rows} are stated")
    values = dict(zip(ABOUT, about, strict=True)) | {"user_group": ""}
    columns: dict[str, Any] = {}
    for name, kind in LEADING.items():
        if wanted(name):
            if name in table.column_names:
                columns[name] = table[name].cast(kind)
            elif name == "answered_at":
                columns[name] = pa.repeat(pa.scalar(row.answered_at, pa.int64()).cast(MOMENT), row.rows)
            else:
                columns[name] = pa.repeat(pa.scalar(values.get(name), kind), row.rows)
    for name in table.column_names:
        if name not in LEADING and wanted(name):
            columns[name] = _of_today(table[name])
    return pa.table(columns or {"asked_at": table["asked_at"]})


def _of_today(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Numbers as float64, times as microseconds in UTC, all else as text; nothing known stays untyped."""
    kind = column.type
    if pa.types.is_null(kind):
        return column
    if pa.types.is_timestamp(kind):
        return (column if kind.tz else column.cast(pa.timestamp(kind.unit, "UTC"))).cast(MOMENT, safe=False)
    if pa.types.is_boolean(kind):
        return column.cast(pa.int8()).cast(pa.float64())
    try:
        return column.cast(pa.float64() if _is_number(kind) else pa.string())
    except pa.ArrowInvalid:  # integers that a float64 would round
        return pc.cast(column, pa.string())


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))
