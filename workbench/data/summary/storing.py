"""A summary as bytes: an Arrow IPC stream, which other tools read, and after its end a SHA-256 of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.data.summary.categories import CategorySummary
from workbench.data.summary.column import EmptySummary
from workbench.data.summary.numbers import NumberSummary
from workbench.data.summary.summary import Column, Summary
from workbench.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["from_bytes", "to_bytes"]

_FORMAT = b"1"
_DIGEST = hashlib.sha256().digest_size


def to_bytes(summary: Summary) -> bytes:
    """See :meth:`Summary.to_bytes`."""
    import pyarrow as pa

    rows = [{"name": name, **_row(column)} for name, column in summary.columns.items()]
    about = {"workbench.summary": _FORMAT, "rows": str(summary.rows).encode()}
    table = pa.Table.from_pylist(rows, schema=_schema().with_metadata(about))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)
    stream: bytes = sink.getvalue().to_pybytes()
    return stream + hashlib.sha256(stream).digest()


def from_bytes(data: bytes) -> Summary:
    """See :meth:`Summary.from_bytes`."""
    import pyarrow as pa

    stream, digest = data[:-_DIGEST], data[-_DIGEST:]
    if hashlib.sha256(stream).digest() != digest:
        raise DataError("this summary is damaged; summarise the reference again")
    table = pa.ipc.open_stream(stream).read_all()
    about = table.schema.metadata or {}
    if about.get(b"workbench.summary") != _FORMAT:
        raise DataError("this summary was written by another version of the workbench; summarise again")
    return Summary(int(about[b"rows"]), dict(_columns(table)))


def _schema() -> pa.Schema:
    import pyarrow as pa

    counts, floats, texts = pa.list_(pa.int64()), pa.list_(pa.float64()), pa.list_(pa.string())
    fields = {
        "name": pa.string(),
        "kind": pa.string(),
        "rows": pa.int64(),
        "missing": pa.int64(),
        "foreign": pa.map_(pa.string(), pa.int64()),
        **dict.fromkeys(_MEASURED, pa.float64()),
        "infinite": pa.int64(),
        "exact": pa.bool_(),
        "edges": floats,
        "points": counts,
        "between": counts,
        "sums": floats,
        "strays": pa.map_(pa.float64(), pa.int64()),
        "values": texts,
        "counts": counts,
        "new": texts,
        "new_counts": counts,
        "rest": pa.int64(),
        "whole": pa.bool_(),
    }
    return pa.schema(list(fields.items()))


_MEASURED = ("minimum", "maximum", "mean", "std")
_SHARED = ("kind", "rows", "missing")
_OF_NUMBERS = (*_MEASURED, "infinite", "exact")
_ARRAYS = {"edges": np.float64, "points": np.int64, "between": np.int64, "sums": np.float64}
_OF_CATEGORIES = ("values", "counts", "new", "new_counts", "rest", "whole")


def _row(column: Column) -> dict[str, Any]:
    row: dict[str, Any] = {name: getattr(column, name) for name in _SHARED}
    row["foreign"] = list(column.foreign.items())
    if isinstance(column, NumberSummary):
        row |= {name: getattr(column, name) for name in (*_OF_NUMBERS, *_ARRAYS)}
        row["strays"] = None if column.strays is None else list(column.strays.items())
    elif isinstance(column, CategorySummary):
        row |= {name: getattr(column, name) for name in _OF_CATEGORIES}
    return row


def _columns(table: pa.Table) -> Iterator[tuple[str, Column]]:
    one = table.combine_chunks()
    plain = ("name", *_SHARED, "foreign", *_OF_NUMBERS, "strays", "rest", "whole")
    for place, row in enumerate(one.select(plain).to_pylist()):
        shared = {"rows": row["rows"], "missing": row["missing"], "foreign": dict(row["foreign"])}
        lists = {name: one[name][place].values for name in (*_ARRAYS, *_OF_CATEGORIES[:4])}
        if row["kind"] == "missing":
            yield row["name"], EmptySummary(**shared)
        elif row["kind"] == "category":
            yield (
                row["name"],
                CategorySummary(
                    **shared,
                    values=lists["values"],
                    counts=lists["counts"].to_numpy(),
                    new=lists["new"],
                    new_counts=lists["new_counts"].to_numpy(),
                    rest=row["rest"],
                    whole=row["whole"],
                ),
            )
        else:
            strays = None if row["strays"] is None else dict(row["strays"])
            measured = {name: row[name] for name in _OF_NUMBERS}
            arrays = {name: lists[name].to_numpy() for name in _ARRAYS}
            yield row["name"], NumberSummary(kind=row["kind"], **shared, **measured, **arrays, strays=strays)
