"""A prediction log for reading: what has been compacted, and what has not been yet, as one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import ServingError
from workbench.serving.log.answerers import Answerer, Tally
from workbench.serving.log.batch import Role
from workbench.serving.log.streams import Stream, Streams, Window
from workbench.tracking.context import note_input
from workbench.tracking.logs import COMPACTED, log_identity

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from workbench.serving.log.table import CompactedTable

__all__ = ["PredictionLog"]

_OWN = ("answer", "score.", "input.", "feature.")
# A caller's work on a table costs as much for one row as for thousands.
_FEW_ROWS = 65_536


@dataclass(frozen=True)
class PredictionLog:
    """A log, for reading.

    Attributes
    ----------
    folder : Path
        Where its files are, and the table that they are compacted into.
    database : str
        ``postgresql://…#NAME`` of a log whose new rows are in a database.
    table : str
        Address of the compacted table, if that is elsewhere, such as in object storage.
    """

    folder: Path
    database: str = ""
    table: str = ""

    @property
    def table_uri(self) -> str:
        return self.table or str(self.folder / COMPACTED)

    def streams(self) -> Streams:
        """What may not be compacted yet."""
        if self.database:
            from workbench.serving.log.postgres_streams import DatabaseStreams

            return DatabaseStreams(self.database)
        from workbench.serving.log.files import FileStreams

        return FileStreams(self.folder)

    def files(self) -> list[Path]:
        """The files that are not compacted, or not wholly."""
        return sorted(self.folder.glob("*.sqlite"))

    def read(
        self,
        start: datetime | None = None,
        end: datetime | None = None,
        *,
        role: Role | None = None,
        version: int | None = None,
        columns: Sequence[str] | None = None,
        failed: bool | None = False,
    ) -> pd.DataFrame:
        """All predictions asked in ``[start, end)``, in the order of asking; empty when there are none.

        Parameters
        ----------
        start, end : datetime, optional
            Aware times.
        role, version : optional
            Only what was answered in that role, by that model version.
        columns : sequence of str, optional
            Only these, which takes much less time and memory. An answer, score, input or feature that no
            row has is missing (NaN) in all of them.
        failed : bool or None
            True for what was asked and could not be answered, None for both.

        Returns
        -------
        DataFrame
            ``prediction_id``, ``asked_at``, ``score``, ``answered_at``, ``model``, ``model_version``,
            ``role``, ``code_version``, ``run_id``, ``datasets`` (as ``name=version name=version``),
            ``latency_ms``, ``request_id``, ``user_group``, ``note`` (what was coerced or flagged), ``error``
            (why there is no answer); of models of several classes ``answer`` and ``score.<class>``; then raw
            inputs as ``input.<name>`` and features as ``feature.<name>`` (see ``inputs`` and ``features`` of
            :mod:`workbench.serving`).

        Raises
        ------
        ServingError
            When something in it cannot be read (the message names it), or there is no such column.
        """
        window = self._asked(Window(start, end, role, version, failed), columns)
        # Times are needed for the order.
        needed = None if columns is None else {"asked_at", *columns}
        return _frame(list(self._tables(window, needed)), columns)

    def batches(
        self,
        start: datetime | None = None,
        end: datetime | None = None,
        *,
        role: Role | None = None,
        version: int | None = None,
        columns: Sequence[str] | None = None,
        failed: bool | None = False,
    ) -> Iterator[pa.Table]:
        """What :meth:`read` reads, as Arrow tables of some 100,000 rows, in any order and in bounded memory.

        All are of the log as it is when the first is asked for; what is compacted while they are read is
        neither lost nor there twice. Files of the log are kept open until the last has come, or the iterator
        is closed.

        Parameters
        ----------
        start, end, role, version, failed
            As for :meth:`read`.
        columns : sequence of str, optional
            Each table has just these, in this order; what none of its rows has is missing (NaN). By default
            each has the columns that the models of its rows have. A column that has been a number and a
            category is in each table what it was there.

        Raises
        ------
        ServingError
            As for :meth:`read`.
        """
        window = self._asked(Window(start, end, role, version, failed), columns)
        needed = None if columns is None else {"asked_at", *columns}
        return _portions(
            _just(table, columns) if columns is not None else table for table in self._tables(window, needed)
        )

    def answerers(self, start: datetime | None = None, end: datetime | None = None) -> list[Answerer]:
        """Who answered, or failed to, what was asked in ``[start, end)``; the champions first, by time.

        Their numbers of rows also tell whether anything was added to a window since it was looked at.
        """
        window = self._asked(Window(start, end), None)
        tally = Tally()
        for table in self._tables(window, set(Tally.COLUMNS)):
            tally.add(_just(table, Tally.COLUMNS))
        return tally.answerers()

    def tally(self, since: datetime) -> tuple[list[Answerer], int]:
        """Who answered, or failed to, what was asked from then on, and how many rows were asked before.

        Both are of one state of the log, and the rows before are not read for it.
        """
        window, tally = self._asked(Window(since), None), Tally()
        with self._snapshot() as (table, streams):
            rows = table.count(Window()) + sum(s.count(table.taken(s.name), Window()) for s in streams)
            for part in _of(table, streams, window, set(Tally.COLUMNS)):
                rows -= part.num_rows
                tally.add(_just(part, Tally.COLUMNS))
        return tally.answerers(), rows

    def count(self, *, role: Role | None = None) -> int:
        """How many predictions it holds; that grows when some are added, and never changes else."""
        window = Window(role=role, failed=False)
        with self._snapshot() as (table, streams):
            return table.count(window) + sum(s.count(table.taken(s.name), window) for s in streams)

    def _asked(self, window: Window, columns: Sequence[str] | None) -> Window:
        from workbench.serving.log.decoding import LEADING

        for name in columns or ():
            if name not in LEADING and not name.startswith(_OWN):
                raise ServingError(f"a prediction log has no column {name!r}; it has {', '.join(LEADING)}")
        note_input("log", str(self.folder), lambda: "" if self.database else log_identity(self.folder))
        return window

    def _tables(self, window: Window, needed: set[str] | None) -> Iterator[pa.Table]:
        """Rows of a window; of the columns needed, of which ``asked_at`` is one, those that there are."""

        with self._snapshot() as (table, streams):
            yield from _of(table, streams, window, needed)

    @contextmanager
    def _snapshot(self) -> Iterator[tuple[CompactedTable, list[Stream]]]:
        from workbench.serving.log.table import CompactedTable

        # In this order, in which a row that is compacted meanwhile is in one of the two and counted as taken.
        with self.streams().listed() as streams:
            yield CompactedTable(self.table_uri), streams


def _of(
    table: CompactedTable, streams: Sequence[Stream], window: Window, needed: set[str] | None
) -> Iterator[pa.Table]:
    def wanted(name: str) -> bool:
        return needed is None or name in needed

    yield from table.batches(window, None if needed is None else list(needed))
    for stream in streams:
        for chunk in stream.chunks(table.taken(stream.name), window, wanted):
            yield from (_within(part, window) for part in chunk.tables)


def _within(table: pa.Table, window: Window) -> pa.Table:
    """Rows of batches that lie partly in a window."""
    import pyarrow.compute as pc

    for bound, keeps in ((window.start, pc.greater_equal), (window.end, pc.less)):
        if bound is not None:
            table = table.filter(keeps(table["asked_at"], bound))
    return table


def _just(table: pa.Table, columns: Sequence[str]) -> pa.Table:
    """With these columns, whether there are such ones or not."""
    import pyarrow as pa

    have = table.column_names
    nothing = pa.nulls(table.num_rows, pa.float64())
    return pa.table({name: table[name] if name in have else nothing for name in columns})


def _portions(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """The same rows, small tables that follow each other put together where they are alike."""
    import pyarrow as pa

    small: list[pa.Table] = []
    for table in tables:
        if small and (sum(map(len, small)) >= _FEW_ROWS or table.schema != small[0].schema):
            yield pa.concat_tables(small)
            small = []
        if table.num_rows:
            small.append(table)
    if small:
        yield pa.concat_tables(small)


def _frame(tables: list[pa.Table], columns: Sequence[str] | None) -> pd.DataFrame:
    import pyarrow as pa

    from workbench.serving.log.columns import MEMORY, combined, in_order, in_time_order
    from workbench.serving.log.decoding import LEADING

    table = combined(tables) if tables else pa.schema(list(LEADING.items())).empty_table()
    tables.clear()
    table = in_time_order(table)
    table = _just(table, in_order(table.column_names) if columns is None else columns)
    frame: pd.DataFrame = table.to_pandas(memory_pool=MEMORY, self_destruct=True, split_blocks=True)
    return frame
