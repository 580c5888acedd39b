"""A prediction log for reading: what has been compacted, and what has not been yet, as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from workbench.errors import ServingError
from workbench.serving.log.batch import Role
from workbench.serving.log.streams import Stream, StreamGone, Streams, Window
from workbench.tracking.context import note_input
from workbench.tracking.logs import COMPACTED, log_identity

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from workbench.serving.log.table import CompactedTable

__all__ = ["PredictionLog"]

_T = TypeVar("_T")

_OWN = ("answer", "score.", "input.", "feature.")
# A stream can only be removed while it is read when it has just been compacted.
_ATTEMPTS = 20


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

        Returns
        -------
        DataFrame
            ``prediction_id``, ``asked_at``, ``score``, ``answered_at``, ``model``, ``model_version``,
            ``role``, ``code_version``, ``run_id``, ``datasets`` (as ``name=version name=version``),
            ``latency_ms``, ``request_id``, ``user_group``, ``note`` (what was coerced or flagged); of models
            of several classes ``answer`` and ``score.<class>``; then raw inputs as ``input.<name>`` and
            features as ``feature.<name>`` (see ``inputs`` and ``features`` of :mod:`workbench.serving`).

        Raises
        ------
        ServingError
            When something in it cannot be read (the message names it), or there is no such column.
        """
        from workbench.serving.log.decoding import LEADING

        for name in columns or ():
            if name not in LEADING and not name.startswith(_OWN):
                raise ServingError(f"a prediction log has no column {name!r}; it has {', '.join(LEADING)}")
        note_input("log", str(self.folder), "" if self.database else log_identity(self.folder))
        window = Window(start, end, role, version)
        # Times are needed to tell what lies in the window, and for the order.
        needed = None if columns is None else {"asked_at", *columns}

        def gathered(table: CompactedTable, streams: list[Stream]) -> pa.Table | None:
            return _gathered(table, streams, window, needed)

        return _frame(self._looked_at(gathered), columns)

    def count(self, *, role: Role | None = None) -> int:
        """How many predictions it holds."""
        window = Window(role=role)

        def counted(table: CompactedTable, streams: list[Stream]) -> int:
            return table.count(window) + sum(s.count(table.taken(s.name), window) for s in streams)

        return self._looked_at(counted)

    def _looked_at(self, look: Callable[[CompactedTable, list[Stream]], _T]) -> _T:
        from workbench.serving.log.table import CompactedTable

        for _ in range(_ATTEMPTS):
            try:
                # In this order: what is compacted after the listing is found in the table, or still there.
                with self.streams().listed() as streams:
                    return look(CompactedTable(self.table_uri), streams)
            except StreamGone:
                continue
        raise ServingError(f"prediction log {self.folder}: its files are removed faster than they are read")


def _gathered(
    table: CompactedTable, streams: list[Stream], window: Window, needed: set[str] | None
) -> pa.Table | None:
    from workbench.serving.log.columns import combined

    def wanted(name: str) -> bool:
        return needed is None or name in needed

    compacted = table.read(window, None if needed is None else list(needed))
    tables = [] if compacted is None else [compacted]
    for stream in streams:
        for chunk in stream.chunks(table.taken(stream.name), window, wanted):
            tables += [_within(part, window) for part in chunk.tables]
    return combined(tables) if tables else None


def _within(table: pa.Table, window: Window) -> pa.Table:
    """Rows of batches that lie partly in a window."""
    import pyarrow.compute as pc

    for bound, keeps in ((window.start, pc.greater_equal), (window.end, pc.less)):
        if bound is not None:
            table = table.filter(keeps(table["asked_at"], bound))
    return table


def _frame(table: pa.Table | None, columns: Sequence[str] | None) -> pd.DataFrame:
    import pyarrow as pa

    from workbench.serving.log.columns import in_order, in_time_order
    from workbench.serving.log.decoding import LEADING

    if table is None:
        table = pa.schema(list(LEADING.items())).empty_table()
    table = in_time_order(table)
    have = table.column_names
    names = in_order(have) if columns is None else list(columns)
    nothing = pa.nulls(table.num_rows, pa.float64())
    chosen = pa.table({name: table[name] if name in have else nothing for name in names})
    del table
    frame: pd.DataFrame = chosen.to_pandas(self_destruct=True, split_blocks=True)
    return frame
