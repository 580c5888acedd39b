"""What the compare panel looks at: a filter, an order, a page, chosen runs; and what comes of it.

No widget is in here, so all of it is tested without a browser.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UnknownName
from workbench.panels.compare.filtering import matching, parse
from workbench.tracking.rows import PIPELINE
from workbench.tracking.run_table import Column, RunTable

__all__ = ["PAGE", "Group", "Shown", "View", "look"]

PAGE = 20  # rows
_MOST_COLUMNS = 40
_ALWAYS = ("run_id", "started_at")
# Of what every run has, these are shown when they differ; the others differ nearly always and tell little.
_TELLING = ("model", "phase", "status", "draft", "trial", "who", "code_version", "seconds")


@dataclass(frozen=True)
class View:
    """What somebody wants to see.

    Attributes
    ----------
    where : str
        Conditions, as :mod:`~workbench.panels.compare.filtering` reads them.
    sort : str
        A column's name. Runs that have no value there come last, in either direction.
    group : str
        A column by whose values runs are taken together; empty for none.
    page : int
        From 0.
    chosen : tuple of str
        Ids of the runs that are looked at closely, in the order in which they were chosen.
    metric : str
        The metric that is drawn over the parameters; empty where none was measured yet.
    """

    where: str = ""
    sort: str = "started_at"
    descending: bool = True
    group: str = ""
    page: int = 0
    chosen: tuple[str, ...] = ()
    metric: str = ""


@dataclass(frozen=True)
class Group:
    """Runs with the same value in a column; ``means`` by column of metrics, NaN where unknown."""

    value: Any
    count: int
    means: dict[str, float]


@dataclass(frozen=True, eq=False)
class Shown:
    """What a view comes to on a table of runs.

    Attributes
    ----------
    rows : ndarray of int
        All that match, in their order; :attr:`page_rows` are those of the page.
    columns : tuple of Column
        Those that say which run it is, then those that differ.
    same : tuple of Column
        Those that all these runs have alike.
    left_out : tuple of Column
        Those that differ and for which there is no room.
    """

    table: RunTable
    view: View
    rows: NDArray[np.intp]
    columns: tuple[Column, ...]
    same: tuple[Column, ...]
    left_out: tuple[Column, ...]

    def with_view(self, view: View) -> Shown | None:
        """The same runs looked at otherwise; None when they would be others, or in another order."""
        asked, before = ((each.where, each.sort, each.descending) for each in (view, self.view))
        if asked != before or view.group not in ("", *self.table.columns):
            return None
        found = replace(self, view=view)
        return found if view.page < found.pages else None

    def with_metric(self, metric: str) -> Shown:
        """The same with charts of another metric."""
        return replace(self, view=replace(self.view, metric=metric))

    @property
    def pages(self) -> int:
        lines = len(self.groups) if self.view.group else len(self.rows)
        return max(1, math.ceil(lines / PAGE))

    @property
    def page_rows(self) -> list[int]:
        return [int(row) for row in self.rows[self.view.page * PAGE : (self.view.page + 1) * PAGE]]

    @property
    def page_groups(self) -> tuple[Group, ...]:
        return self.groups[self.view.page * PAGE : (self.view.page + 1) * PAGE]

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The groups, ordered by their means in the column that is sorted by, else by their values."""
        column = self.table.columns[self.view.group]
        by_value: dict[Any, list[int]] = {}
        for row, value in zip(self.rows.tolist(), column.values[self.rows].tolist(), strict=True):
            by_value.setdefault(value, []).append(row)
        metrics = [item for item in self.columns if item.kind == "metrics"]
        found = [
            Group(value, len(rows), {item.name: _mean(item, rows) for item in metrics})
            for value, rows in by_value.items()
        ]
        if self.view.sort in {item.name for item in metrics}:
            sign = -1 if self.view.descending else 1

            def place(group: Group) -> tuple[bool, float]:
                mean = group.means[self.view.sort]
                return math.isnan(mean), sign * mean

            return tuple(sorted(found, key=place))
        first = {value: float(column.places[rows[0]]) for value, rows in by_value.items()}
        return tuple(sorted(found, key=lambda group: (math.isnan(first[group.value]), first[group.value])))

    @property
    def metrics(self) -> list[str]:
        """The names of the metrics that any of these runs has."""
        return [item.label for item in (*self.columns, *self.left_out, *self.same) if item.kind == "metrics"]


def look(table: RunTable, view: View, *, first: str = "") -> Shown:
    """What a view comes to.

    Parameters
    ----------
    first : str
        The metric that is shown before all others.

    Raises
    ------
    UsageError
        The filter cannot be read, or a column is not there.
    """
    rows = matching(table, parse(view.where))
    rows = rows[
        table.columns["phase"].values[rows] != PIPELINE
    ]  # the parents of those that measured something
    for name in filter(None, (view.sort, view.group)):
        if name not in table.columns:
            raise UnknownName("column", name, [*table.columns], where="these runs")
    places = table.columns[view.sort].places[rows] if view.sort != "started_at" else None
    if places is not None:
        order = np.argsort(-places if view.descending else places, kind="stable")  # NaN comes last
        rows = rows[order]
    elif not view.descending:
        rows = rows[::-1]
    differing = [column for column in _candidates(table, first) if column.differs(rows)]
    alike = [
        column
        for column in _candidates(table, first)
        if len(rows) and column not in differing and column.values[rows[0]] is not None
    ]
    room = _MOST_COLUMNS - len(_ALWAYS)
    always = [table.columns[name] for name in _ALWAYS]
    if view.sort not in (*_ALWAYS, *(column.name for column in differing[:room])):
        always.append(table.columns[view.sort])
    columns = (*always, *differing[:room])
    left_out = [column for column in differing[room:] if column not in always]
    found = Shown(table, view, rows, columns, tuple(alike), tuple(left_out))
    if view.page >= found.pages:
        return look(table, replace(view, page=found.pages - 1), first=first)
    return found


def _candidates(table: RunTable, first: str) -> Iterator[Column]:
    """Columns in the order in which they are read: what it is, how good it is, what made it so."""
    yield from (table.columns[name] for name in _TELLING if name in table.columns)
    by_kind: dict[str, list[Column]] = {}
    for column in table.columns.values():
        by_kind.setdefault(column.kind, []).append(column)
    metrics = sorted(by_kind.get("metrics", []), key=lambda column: column.label != first)
    leading = [column for column in metrics if column.label == first]
    yield from leading
    yield from by_kind.get("params", [])
    yield from metrics[len(leading) :]
    yield from by_kind.get("datasets", [])
    yield from by_kind.get("tags", [])


def _mean(column: Column, rows: list[int]) -> float:
    """Of what is a finite number; NaN where nothing is."""
    assert column.numbers is not None
    values = column.numbers[rows]
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else math.nan
