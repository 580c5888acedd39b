"""What a raw row has: its columns, their kinds, and what is done about values out of range.

A project may say it beside its ``build`` function, under the name ``REQUEST``::

    REQUEST = {
        "carrier": "category",
        "sched_dep": "time",
        "distance": {"kind": "number", "minimum": 0, "maximum": 6000, "outside": "flag"},
    }

If it does not, that is learnt from the recorded cases of the version that answers. A cell may be null, which
means missing, and which is never out of range. How ``REQUEST`` is read: :mod:`.declared`.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np

from workbench.data.columns import Columns, columns_of
from workbench.serving.protocol import cells
from workbench.serving.protocol.cells import Cell, Kind
from workbench.serving.protocol.ranges import Notes, Outside, Range
from workbench.serving.protocol.refused import Refused, shown

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["Cell", "Columns", "Kind", "Notes", "Outside", "Range", "Refused", "RequestSchema", "Typed"]

EXAMPLES: dict[Kind, Cell] = {"number": 0, "category": "text", "time": "2013-07-01T10:00:00Z"}
_MOST_NAMED = 8


@dataclass(frozen=True)
class Typed:
    """Rows whose columns have their types.

    Attributes
    ----------
    columns : dict of ndarray
        One entry for each column of the schema, in its order and all of one length.
    notes : dict
        For rows of which a value was coerced or flagged: what, in one line each.
    """

    columns: Columns
    notes: Notes = field(default_factory=dict)


@dataclass(frozen=True)
class RequestSchema:
    """The columns of a raw row and what they hold.

    Attributes
    ----------
    columns : mapping of str to Kind
        In the order in which rows without names have them.
    ranges : mapping of str to Range
        For the columns that have one.
    booleans : frozenset of str
        Columns of numbers in which true and false stand for 1 and 0. In others they are refused.
    unknown : {"reject", "ignore"}
        What is done about columns that are not among these: refused with the nearest name, or left out with
        a note, as MLflow does. A typo in a name cannot pass either way, since then a column is missing.
    """

    columns: Mapping[str, Kind]
    ranges: Mapping[str, Range] = field(default_factory=dict)
    booleans: frozenset[str] = frozenset()
    unknown: Literal["reject", "ignore"] = "reject"

    @classmethod
    def declared(cls, columns: object, where: str) -> RequestSchema:
        """Read a project's ``REQUEST``; ``ConfigError`` when it is not what it has to be."""
        from workbench.serving.protocol.declared import read_declared

        return cls(**read_declared(columns, where))

    @classmethod
    def of(cls, rows: pd.DataFrame) -> RequestSchema:
        """What raw rows like these have."""
        from pandas.api import types

        columns: dict[str, Kind] = {}
        booleans: set[str] = set()
        for name, column in rows.items():
            if types.is_datetime64_any_dtype(column.dtype):
                columns[str(name)] = "time"
                continue
            columns[str(name)] = "number" if types.is_numeric_dtype(column.dtype) else "category"
            if types.is_bool_dtype(column.dtype):
                columns[str(name)] = "number"
                booleans.add(str(name))
        return cls(columns, booleans=frozenset(booleans))

    def example(self) -> str:
        """A request with one row, in JSON: for people to start from."""
        return msgspec.json.encode({"dataframe_records": [self.example_row()]}).decode()

    def example_row(self) -> dict[str, Cell]:
        """A row that is taken."""
        row = {name: self._example_of(name, kind) for name, kind in self.columns.items()}
        return row or {"COLUMN": "value"}

    def _example_of(self, name: str, kind: Kind) -> Cell:
        limits = self.ranges.get(name)
        return EXAMPLES[kind] if limits is None else limits.example(EXAMPLES[kind])

    def typed(self, raw: Mapping[str, Sequence[Cell] | NDArray[Any]]) -> Typed:
        """Bring raw columns to their types.

        Parameters
        ----------
        raw : mapping
            For every column its cells, one a row: a sequence of JSON values,
            :class:`~workbench.serving.protocol.cells.Texts`, or an array.

        Raises
        ------
        Refused
            With 400, when a column is missing, unknown or of another length than the others, or a cell is not
            of its kind or out of a range that rejects.
        """
        if raw.keys() != self.columns.keys():
            self._check_names(raw)
        booleans = self.booleans
        columns = {
            name: cells.read(kind, name, raw[name], name in booleans) for name, kind in self.columns.items()
        }
        rows = len(next(iter(columns.values()), ()))
        for name, column in columns.items():
            if len(column) != rows:
                raise Refused(400, f"column {shown(name)} has {len(column)} rows, the first one has {rows}")
        notes: Notes = {}
        for name, limits in self.ranges.items():
            columns[name] = limits.applied(name, columns[name], notes)
        if len(raw) > len(self.columns):
            self._note_unknown(raw, rows, notes)
        return Typed(columns, notes)

    def columns_of(self, rows: pd.DataFrame) -> Columns:
        """Raw rows that are a frame already; a column that they lack is missing in all of them."""
        missing: dict[Kind, NDArray[Any]] = {
            "number": np.full(len(rows), np.nan),
            "category": np.full(len(rows), None, dtype=object),
            "time": np.full(len(rows), np.datetime64("NaT"), dtype="datetime64[us]"),
        }
        given = columns_of(rows, self.columns)
        return {name: given.get(name, missing[kind]) for name, kind in self.columns.items()}

    def frame(self, columns: Columns) -> pd.DataFrame:
        """Typed columns as a DataFrame: numbers as float64, categories as ``str``, times with UTC."""
        import pandas as pd

        zoned = pd.DatetimeTZDtype("us", "UTC")
        series: dict[str, Any] = {}
        for name, kind in self.columns.items():
            values = columns[name]
            if kind == "category":
                series[name] = pd.array(values, dtype="str")
            elif kind == "time":
                series[name] = pd.array(values, dtype=zoned)
            else:
                series[name] = values
        # Without the copy that would put columns of one type together: this is the path of every request.
        return pd.DataFrame(series, copy=False)

    def _check_names(self, raw: Mapping[str, Any]) -> None:
        missing = [name for name in self.columns if name not in raw]
        unknown = [name for name in raw if name not in self.columns]
        if unknown and (missing or self.unknown == "reject"):
            near = difflib.get_close_matches(unknown[0][:200], self.columns, n=1)
            advice = f"did you mean {near[0]!r}?" if near else f"known are {_named(list(self.columns))}"
            raise Refused(400, f"unknown column {shown(unknown[0])}; {advice}")
        if missing:
            raise Refused(400, f"missing column {_named(missing)} (send null for a value that is missing)")

    def _note_unknown(self, raw: Mapping[str, Any], rows: int, notes: Notes) -> None:
        for name in [name for name in raw if name not in self.columns][:_MOST_NAMED]:
            note = (f"unknown column {shown(name)} was left out",)
            for row in range(rows):
                notes[row] = notes.get(row, ()) + note


def _named(names: list[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(map(shown, names[:_MOST_NAMED])) + (f" and {more} more" if more > 0 else "")
