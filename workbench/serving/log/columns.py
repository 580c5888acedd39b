"""Tables that differ in columns put together: versions of a model differ in what they take and look up."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from workbench.serving.log.decoding import LEADING

__all__ = ["MEMORY", "as_type", "combined", "in_order", "in_time_order"]

#: Where rows are read into: the system's memory. Arrow's own asks for pages of 2 MB; where these are dear to
#: get, as in virtual machines, a new process waits for pages longer than for millions of rows.
MEMORY = pa.system_memory_pool()


def combined(tables: Sequence[pa.Table]) -> pa.Table:
    """One below the other; what a table does not have is missing in its rows.

    A column that has been a number and a category is text throughout.
    """
    types = _merged_types(tables)
    return pa.concat_tables([_unified(table, types) for table in tables])


def _merged_types(tables: Iterable[pa.Table]) -> dict[str, pa.DataType]:
    """The columns of all of them, each with a type that holds its values in each."""
    types: dict[str, pa.DataType] = {}
    for table in tables:
        for field in table.schema:
            known = types.get(field.name, pa.null())
            if pa.types.is_null(known):
                types[field.name] = field.type
            elif known != field.type and not pa.types.is_null(field.type):
                types[field.name] = pa.string()
    return types


def _unified(table: pa.Table, types: dict[str, pa.DataType]) -> pa.Table:
    """With just these columns, in this order."""
    have = set(table.column_names)
    return pa.table(
        {
            name: as_type(table[name], kind) if name in have else pa.nulls(table.num_rows, kind)
            for name, kind in types.items()
        }
    )


def as_type(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    if column.type == kind:
        return column
    if pa.types.is_floating(column.type) and pa.types.is_string(kind):
        column = pc.if_else(pc.is_nan(column), None, column)
    return column.cast(kind)


def in_time_order(table: pa.Table) -> pa.Table:
    """By the time of asking; what was asked at once stays as it is."""
    # Mostly it is only parts that have to change places, which copies nothing.
    parts = sorted(
        ((_moments(batch), batch) for batch in table.to_batches() if batch.num_rows),
        key=lambda part: int(part[0][0]),
    )
    if not parts:
        return table
    moments = [times for times, _ in parts]
    ordered = pa.Table.from_batches([batch for _, batch in parts])
    touching = itertools.pairwise(moments)
    if all((times[1:] >= times[:-1]).all() for times in moments) and all(
        one[-1] <= other[0] for one, other in touching
    ):
        return ordered
    return ordered.take(pa.array(np.argsort(np.concatenate(moments), kind="stable")))


def _moments(batch: pa.RecordBatch) -> np.ndarray[Any, Any]:
    moments: np.ndarray[Any, Any] = batch["asked_at"].cast(pa.int64()).to_numpy()
    return moments


def in_order(names: Iterable[str]) -> list[str]:
    """Names of columns as they are read: first what every log has, then answers, inputs and features."""
    given = list(dict.fromkeys(names))
    leading = [name for name in LEADING if name in given]
    own = [name for name in given if name not in LEADING]
    ranks = ("answer", "score.", "input.", "feature.")
    return leading + sorted(
        own, key=lambda name: next(n for n, rank in enumerate(ranks) if name.startswith(rank))
    )
