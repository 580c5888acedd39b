"""The compacted part of a log: one Delta table, with how far each stream has been taken into it.

The numbers of the last batches taken stand in the same commits as the rows (Delta's application
transactions), so that a row is in the table exactly when its batch is counted as taken.

Columns are named as in the log. One that has been a number and is now a category, or that differs from
another by capitals only, gets a place of its own (``input.size:text``), since a Delta table takes neither.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import deltalake
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake.transaction import Transaction

from workbench.serving.log.columns import MEMORY, as_type, combined, in_order, in_time_order
from workbench.serving.log.decoding import LEADING
from workbench.serving.log.streams import Window
from workbench.store.files import sync

__all__ = ["CompactedTable"]

# Which of its own columns a row's model had: what it did not have and what was missing look alike.
_LAYOUT = "layout"
_PROPERTY = "workbench.layout."
_SETTINGS = {
    # Of hundreds of columns only these are searched by.
    "delta.dataSkippingStatsColumns": "asked_at,role,model_version",
}
_KINDS = {pa.float64(): "number", pa.string(): "text"}
_SMALL_FILES, _SMALL_BYTES, _FILE_BYTES = 24, 32 * 2**20, 256 * 2**20
# A few batches are decoded ahead of who reads them, whatever the size of a file.
_BATCH_ROWS, _READ_AHEAD = 131_072, 4
# How long somebody may go on reading files that were merged into others.
_KEEP_HOURS = 24


class CompactedTable:
    """A log's table at one version; :meth:`append` and :meth:`tidy` move it on.

    Parameters
    ----------
    uri : str
        A folder, or an address in object storage. There need be no table yet.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        exists = (Path(uri) / "_delta_log").is_dir() if self._is_local() else True
        is_table = exists and deltalake.DeltaTable.is_deltatable(uri)
        self._table = deltalake.DeltaTable(uri) if is_table else None

    def taken(self, stream: str) -> int:
        """The number of the last batch of a stream that is in the table; 0 for none."""
        found = None if self._table is None else self._table.transaction_version(stream)
        return found or 0

    def count(self, window: Window) -> int:
        if self._table is None:
            return 0
        if window == Window():
            return sum(pa.table(self._table.get_add_actions())["num_records"].to_pylist())
        dataset = self._table.to_pyarrow_dataset()
        return int(dataset.count_rows(filter=_filter(window, dataset.schema.names)))

    def batches(self, window: Window, columns: Sequence[str] | None) -> Iterator[pa.Table]:
        """Rows of a window, some at a time, with all columns of their models or those chosen that there are.

        Of the columns chosen ``asked_at`` has to be one.
        """
        if self._table is None:
            return
        dataset = self._table.to_pyarrow_dataset()
        places = _places(dataset.schema.names)
        chosen = list(places) if columns is None else [name for name in places if name in columns]
        physical = [place for name in chosen for place in places[name]]
        scanner = dataset.scanner(
            physical if columns is not None else [*physical, _LAYOUT],
            filter=_filter(window, dataset.schema.names),
            batch_size=_BATCH_ROWS,
            batch_readahead=_READ_AHEAD,
            fragment_readahead=1,
            memory_pool=MEMORY,
        )
        for batch in scanner.to_batches():
            if not batch.num_rows:
                continue
            table = pa.Table.from_batches([batch])
            names = chosen
            if columns is None:
                present = self._own_columns(pc.unique(table[_LAYOUT]).to_pylist())
                names = [*LEADING, *(chosen if present is None else present)]
            nothing = pa.nulls(table.num_rows)  # in a column of which nothing was ever known
            yield pa.table(
                {
                    name: _together(table, places[name]) if name in places else nothing
                    for name in in_order(names)
                }
            )

    def append(self, tables: Sequence[pa.Table], taken: Mapping[str, int]) -> None:
        """Add rows, and count the batches up to these numbers of their streams as taken: both, or neither.

        Raises
        ------
        deltalake.exceptions.CommitFailedError
            When somebody else took batches of the same streams meanwhile.
        """
        # In one piece, since several are written in any order.
        rows = in_time_order(self._with_layouts(tables)).combine_chunks()
        transactions = [Transaction(stream, last) for stream, last in sorted(taken.items())]
        deltalake.write_deltalake(
            self._made(),
            rows,
            mode="append",
            schema_mode="merge",
            writer_properties=deltalake.WriterProperties(compression="ZSTD", compression_level=1),
            commit_properties=deltalake.CommitProperties(app_transactions=transactions),
        )
        self._table = deltalake.DeltaTable(self.uri)

    def tidy(self) -> None:
        """Merge its small files once there are many, and remove what was merged a while ago."""
        if self._table is None:
            return
        sizes = pa.table(self._table.get_add_actions())["size_bytes"].to_pylist()
        if sum(size < _SMALL_BYTES for size in sizes) < _SMALL_FILES:
            return
        properties = deltalake.WriterProperties(compression="ZSTD", compression_level=1)
        self._table.optimize.compact(
            target_size=_FILE_BYTES, max_concurrent_tasks=1, writer_properties=properties
        )
        self._table.vacuum(
            retention_hours=_KEEP_HOURS, dry_run=False, enforce_retention_duration=False, full=True
        )

    def sync(self) -> None:
        """Have it on disk, before what was taken is removed: Delta leaves that to the system."""
        if self._table is None or not self._is_local():
            return
        log = Path(self.uri) / "_delta_log"
        files = [Path(unquote(urlsplit(uri).path)) for uri in self._table.file_uris()]
        for path in (*files, *log.iterdir(), log, Path(self.uri), Path(self.uri).parent):
            sync(path)

    def _made(self) -> deltalake.DeltaTable:
        if self._table is None:
            columns = LEADING | {_LAYOUT: pa.int64()}
            empty = pa.schema(list(columns.items())).empty_table()
            deltalake.write_deltalake(self.uri, empty, mode="append", configuration=_SETTINGS)
            self._table = deltalake.DeltaTable(self.uri)
        return self._table

    def _is_local(self) -> bool:
        return "://" not in self.uri

    def _own_columns(self, layouts: list[int]) -> list[str] | None:
        """The columns of models with these layouts, in their order; None when one is not known."""
        assert self._table is not None
        known = self._table.metadata().configuration
        found = [known.get(f"{_PROPERTY}{layout}") for layout in layouts]
        if None in found:
            return None
        return [name for text in found if text for name in json.loads(text)]

    def _with_layouts(self, tables: Sequence[pa.Table]) -> pa.Table:
        """The rows in the columns of the Delta table, and their layouts made known to it."""
        delta = self._made()
        there = pa.schema(delta.schema().to_arrow())
        used = {field.name.lower(): (field.name, field.type) for field in there}
        marked, layouts = [], {}
        for table in tables:
            text = json.dumps([name for name in table.column_names if name not in LEADING])
            layout = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=7).digest())
            layouts[f"{_PROPERTY}{layout}"] = text
            known = [name for name in table.column_names if not pa.types.is_null(table[name].type)]
            placed = table.select(known)
            placed = placed.rename_columns([_free_place(field, used) for field in placed.schema])
            columns = pa.repeat(pa.scalar(layout, pa.int64()), table.num_rows)
            marked.append(placed.append_column(_LAYOUT, columns))
        there_already = delta.metadata().configuration
        new = {name: text for name, text in layouts.items() if name not in there_already}
        if new:
            delta.alter.set_table_properties(new, raise_if_not_exists=False)
        return combined(marked)


def _free_place(field: pa.Field, used: dict[str, tuple[str, pa.DataType]]) -> str:
    """The column of the Delta table of the same name and type, or a new one."""
    place, number = _place(field.name), 1
    while used.setdefault(place.lower(), (place, field.type)) != (place, field.type):
        suffix = "" if number == 1 else f":{number}"
        place = f"{_place(field.name)}:{_KINDS.get(field.type, 'time')}{suffix}"
        number += 1
    return place


def _place(name: str) -> str:
    return name.replace("%", "%25").replace(":", "%3A")


def _places(physical: Sequence[str]) -> dict[str, list[str]]:
    """Where the columns of the log are in the table."""
    places: dict[str, list[str]] = {}
    for name in physical:
        if name != _LAYOUT:
            places.setdefault(unquote(name.split(":")[0]), []).append(name)
    return places


def _together(table: pa.Table, places: list[str]) -> pa.ChunkedArray:
    """A column from its places: where it has been a number and a category, as text."""
    filled = [place for place in places if table[place].null_count < table.num_rows] or places[:1]
    columns = [table[place] for place in filled]
    if len({column.type for column in columns}) > 1:
        columns = [as_type(column, pa.string()) for column in columns]
    return reduce(pc.coalesce, columns)


def _filter(window: Window, names: Sequence[str]) -> Any:
    answered = ds.field("error").is_null() if "error" in names else ds.scalar(True)  # none failed then
    bounds = [None if at is None else pa.scalar(at, LEADING["asked_at"]) for at in (window.start, window.end)]
    clauses = [
        *([ds.field("asked_at") >= bounds[0]] if bounds[0] is not None else []),
        *([ds.field("asked_at") < bounds[1]] if bounds[1] is not None else []),
        *([ds.field("role") == window.role] if window.role is not None else []),
        *([ds.field("model_version") == window.version] if window.version is not None else []),
        *([~answered if window.failed else answered] if window.failed is not None else []),
    ]
    return reduce(lambda one, other: one & other, clauses) if clauses else None
