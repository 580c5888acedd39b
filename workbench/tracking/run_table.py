"""All runs of a project column by column: what ten thousand of them are filtered, sorted and drawn from.

One query and one pass of the JSON parser; making a :class:`~workbench.tracking.rows.RunInfo` of each row
would take several times as long, so that is done for those that somebody looks at.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Text, cast

from workbench.tracking import rows
from workbench.tracking.collecting import no_collection
from workbench.tracking.rows import RunInfo

__all__ = ["ABOUT", "Column", "RunTable", "read"]

#: What is known of every run, beside what it logged.
ABOUT = (
    *("run_id", "phase", "status", "started_at", "seconds", "who", "draft", "code_version", "parent_run_id"),
    *("trial", "cpu_seconds", "peak_memory_bytes", "cost"),
)
_DOCUMENTS = ("params", "metrics", "datasets")
_WRITTEN_AS_NUMBERS = {int, float, str}  # a boolean is none
_FEW = 1000  # of so many values some differ, as a rule, if any do


@dataclass(frozen=True, eq=False)
class Column:
    """One value of each run, in the order of the table's rows.

    Attributes
    ----------
    name : str
        Such as ``phase``, ``params.learning_rate``, ``metrics.roc_auc`` or ``datasets.prepared``.
    values : ndarray of object
        None where a run has none.
    """

    name: str
    values: NDArray[Any]

    @property
    def kind(self) -> str:
        """``params``, ``metrics``, ``datasets``, or an empty string for what every run has."""
        return self.name.partition(".")[0] if "." in self.name else ""

    @property
    def label(self) -> str:
        """The name without its kind."""
        return self.name.partition(".")[2] or self.name

    @cached_property
    def numbers(self) -> NDArray[np.float64] | None:
        """The values as numbers, NaN where there is none; None for a column that holds something else."""
        values = self.values.tolist()
        types = set(map(type, values)) - {type(None)}
        if self.kind != "metrics" and (not types or not types <= _WRITTEN_AS_NUMBERS):
            return None
        try:
            return np.array([math.nan if value is None else float(value) for value in values], dtype=float)
        except ValueError:
            return None

    @cached_property
    def places(self) -> NDArray[np.float64]:
        """Where each value comes when they are sorted; NaN for those that come last, whichever way."""
        if self.numbers is not None:
            return self.numbers
        known = sorted({str(value) for value in self.values.tolist() if value is not None})
        place: dict[str | None, float] = {text: float(at) for at, text in enumerate(known)}
        texts = (None if value is None else str(value) for value in self.values.tolist())
        return np.array([math.nan if text is None else place[text] for text in texts], dtype=float)

    def differs(self, among: NDArray[np.intp] | None = None) -> bool:
        """Whether these rows (default: all) have more than one value; to have none is one, too."""
        values = self.values if among is None else self.values[among]
        if not len(values):
            return False
        if len(values) > _FEW and self._differ(values[:_FEW]):
            return True
        return self._differ(values)

    @staticmethod
    def _differ(values: NDArray[Any]) -> bool:
        other = values != values[0]
        if isinstance(values[0], float) and math.isnan(values[0]):
            return any(not _is_nan(value) for value in values.tolist())
        return bool(other.any())


@dataclass(frozen=True, eq=False)
class RunTable:
    """Runs column by column, the newest first.

    Attributes
    ----------
    columns : dict
        Name to column: what every run has, then parameters, metrics and dataset versions by name.
    away : str
        Why the tracking store could not be asked; what is here is then what was known before.
    """

    columns: dict[str, Column]
    away: str = ""
    _documents: tuple[Sequence[dict[str, Any]], ...] = field(default=((), (), ()), repr=False)
    _other: dict[str, NDArray[Any]] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.columns["run_id"].values)

    def column(self, name: str) -> Column | None:
        """By its full name, or by one without kind: then a parameter comes before a metric."""
        names = (name, *(f"{kind}.{name}" for kind in _DOCUMENTS))
        return next((self.columns[known] for known in names if known in self.columns), None)

    def with_column(self, column: Column) -> RunTable:
        """The same runs with one more thing known of each."""
        return RunTable({**self.columns, column.name: column}, self.away, self._documents, self._other)

    @classmethod
    def empty(cls) -> RunTable:
        """No runs at all."""
        return cls({name: Column(name, _array(())) for name in ABOUT})

    def measured(self, row: int) -> bool:
        """Whether that run logged any metric."""
        return bool(self._documents[1][row])

    @cached_property
    def row_of(self) -> Mapping[str, int]:
        """The row of each run, by its id."""
        return {run_id: row for row, run_id in enumerate(self.columns["run_id"].values.tolist())}

    def find(self, prefix: str) -> int | None:
        """The row of the one run whose id begins like that."""
        found = [row for run_id, row in self.row_of.items() if run_id.startswith(prefix)] if prefix else []
        return found[0] if len(found) == 1 else None

    def run(self, row: int) -> RunInfo:
        """One of them with all that the index knows of it."""
        params, metrics, datasets = (documents[row] for documents in self._documents)
        known = {name: self.columns[name].values[row] for name in ABOUT if name != "seconds"}
        known |= {name: values[row] for name, values in self._other.items()}
        numbers = {name: float(value) for name, value in metrics.items()}
        return RunInfo(**known, params=params, metrics=numbers, datasets=datasets)


def read(connection: Connection, experiments: Sequence[str], *, away: str = "") -> RunTable:
    """All runs of these experiments that are not deleted."""
    # In the order of the file, since a database sorts whole rows; and documents as text, since all of one
    # kind are parsed at once.
    chosen = rows.select_runs(experiments).order_by(None)
    selected = [
        cast(column, Text).label(column.name) if column.name in _DOCUMENTS else column
        for column in chosen.selected_columns
    ]
    names = [column.name for column in selected]
    with no_collection():
        found = connection.execute(chosen.with_only_columns(*selected)).all()
        by_name = {
            name: _array(values) for name, values in zip(names, _across(found, len(names)), strict=True)
        }
        started = np.array([moment.timestamp() for moment in by_name["started_at"]], dtype=float)
        newest = np.lexsort((by_name["run_id"].astype(str), -started))
        by_name = {name: values[newest] for name, values in by_name.items()}
        documents = tuple(_parsed(by_name.pop(name)) for name in _DOCUMENTS)
        _mend(documents[_DOCUMENTS.index("metrics")])
        by_name["seconds"] = _array(list(map(_seconds, by_name["started_at"], by_name["ended_at"])))
        columns = {name: Column(name, by_name.pop(name)) for name in ABOUT}
        for kind, each in zip(_DOCUMENTS, documents, strict=True):
            columns |= {column.name: column for column in _columns(kind, each)}
    return RunTable(columns, away, documents, by_name)


def _across(found: Sequence[Any], count: int) -> Iterable[Sequence[Any]]:
    return zip(*found, strict=True) if found else [()] * count


def _columns(kind: str, documents: Sequence[dict[str, Any]]) -> Iterator[Column]:
    """A column for each name that occurs in any of the documents."""
    values: dict[str, list[Any]] = {}
    for row, document in enumerate(documents):
        for name, value in document.items():
            if name not in values:
                values[name] = [None] * len(documents)
            values[name][row] = value
    for name in sorted(values):
        yield Column(f"{kind}.{name}", _array(values[name]))


def _parsed(texts: Iterable[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(f"[{','.join(texts)}]")
    return found


def _mend(metrics: Iterable[dict[str, Any]]) -> None:
    """Make infinities of the largest numbers: an index that was written before may hold them."""
    largest = sys.float_info.max
    for document in metrics:
        for name, value in document.items():
            if value.__class__ is float and (value >= largest or value <= -largest):
                document[name] = str(rows.metric_of(value))


def _array(values: Sequence[Any]) -> NDArray[Any]:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _seconds(started_at: Any, ended_at: Any) -> float | None:
    return (ended_at - started_at).total_seconds() if ended_at else None


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)
