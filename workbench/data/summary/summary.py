"""The summary of a table: of a reference once, of windows batch by batch against it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.data.summary.categories import CategorySummary, summarize_categories
from workbench.data.summary.column import EmptySummary
from workbench.data.summary.numbers import NumberSummary, summarize_numbers
from workbench.data.summary.reading import Values, read_arrow, read_series
from workbench.errors import DataError, UnknownName

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["PREDICTION", "Column", "Summary", "names_of", "read_column", "summarize"]

#: The name under which the scores stand among the features.
PREDICTION = "(score)"
Column = NumberSummary | CategorySummary | EmptySummary


@dataclass(frozen=True, eq=False)
class Summary:
    """A table, column by column.

    Attributes
    ----------
    rows : int
    columns : mapping of str to NumberSummary, CategorySummary or EmptySummary
        A window has those of its reference that were there.
    """

    rows: int
    columns: Mapping[str, Column]

    def __add__(self, other: Summary) -> Summary:
        """Both together; a column that one of them lacks is missing in its rows.

        Raises
        ------
        DataError
            They were counted against different references.
        """
        if not self.columns and not self.rows:
            return other
        columns: dict[str, Column] = {}
        for name in {**self.columns, **other.columns}:
            one, another = self.columns.get(name), other.columns.get(name)
            if one is None or another is None:
                columns[name] = _beside(one or another, other.rows if another is None else self.rows)
            elif one.alike(another):
                columns[name] = one + another  # type: ignore[operator]
            else:
                raise DataError(f"column {name!r}: these summaries were counted against different references")
        return Summary(self.rows + other.rows, columns)

    def to_bytes(self) -> bytes:
        """An Arrow IPC stream with a row for each column, and after it a SHA-256 of it."""
        from workbench.data.summary.storing import to_bytes

        return to_bytes(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> Summary:
        """A summary from what :meth:`to_bytes` gave.

        Raises
        ------
        DataError
            It is damaged, or was written by another version of the workbench.
        """
        from workbench.data.summary.storing import from_bytes

        return from_bytes(data)


def summarize(
    table: pd.DataFrame | pa.Table | pa.RecordBatch, columns: Sequence[str] | None = None
) -> Summary:
    """Summarise a reference, which is in memory.

    Parameters
    ----------
    table : DataFrame, Table or RecordBatch
    columns : sequence of str, optional
        Only these.

    Raises
    ------
    UnknownName
        There is no such column.
    """
    have = names_of(table)
    for name in columns or ():
        if name not in have:
            raise UnknownName("column", name, have, where="the rows to summarise")
    chosen = have if columns is None else columns
    return Summary(len(table), {name: _summarized(read_column(table, have[name])) for name in chosen})


def names_of(table: Any) -> dict[str, int]:
    """The place of each column; of two with one name, of the first."""
    labels = list(table.columns) if hasattr(table, "iloc") else table.schema.names
    found: dict[str, int] = {}
    for place, label in enumerate(labels):
        found.setdefault(str(label), place)
    return found


def read_column(table: Any, place: int) -> Values:
    """The column at that place."""
    return read_series(table.iloc[:, place]) if hasattr(table, "iloc") else read_arrow(table.column(place))


def _summarized(values: Values) -> Column:
    if values.rows == values.missing:
        return EmptySummary(rows=values.rows, missing=values.missing, foreign={})
    if values.kind == "category":
        return summarize_categories(values)
    assert values.numbers is not None
    return summarize_numbers(values.kind, values.numbers)


def _beside(column: Any, rows: int) -> Column:
    found: Column = column + column.nothing(rows)
    return found
