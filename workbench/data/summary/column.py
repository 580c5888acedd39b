"""What is known of every column, whatever it holds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Self

from workbench.data.summary.reading import Values
from workbench.errors import DataError

__all__ = ["ColumnSummary", "EmptySummary", "Kind", "added"]

Kind = Literal["number", "time", "category", "missing"]


@dataclass(frozen=True, eq=False, kw_only=True)
class ColumnSummary(ABC):
    """A column, counted.

    Attributes
    ----------
    kind : str
        ``number``, ``time``, ``category``, or ``missing`` if there is no value at all.
    rows : int
        All rows.
    missing : int
        Rows without a value: null, NaN or NaT.
    foreign : mapping of str to int
        Rows whose value is of another kind than the reference's, by that kind: a number turned text.
    """

    kind: Kind
    rows: int
    missing: int
    foreign: Mapping[str, int]

    @property
    def present(self) -> int:
        """Rows with a value that can be compared."""
        return self.rows - self.missing - sum(self.foreign.values())

    @property
    def missing_share(self) -> float:
        """Between 0 and 1; NaN without rows."""
        return self.missing / self.rows if self.rows else float("nan")

    @abstractmethod
    def count(self, values: Values) -> Self:
        """The summary of other values, in the bins or by the categories of this one."""

    @abstractmethod
    def alike(self, other: ColumnSummary) -> bool:
        """Whether both were counted in the same bins or by the same categories."""

    def refuse_apart(self, other: ColumnSummary) -> None:
        """Raise a DataError unless both were counted against one reference."""
        if not self.alike(other):
            raise DataError("these summaries were counted against different references")

    @abstractmethod
    def nothing(self, rows: int) -> Self:
        """The summary of so many rows without a value."""

    @abstractmethod
    def __add__(self, other: Self) -> Self:
        """The summary of the rows of both, which were counted against one reference.

        Raises
        ------
        DataError
            They were not.
        """


@dataclass(frozen=True, eq=False, kw_only=True)
class EmptySummary(ColumnSummary):
    """A column of which every value is missing; counted against it, every value is foreign."""

    kind: Kind = "missing"

    def count(self, values: Values) -> EmptySummary:
        return EmptySummary(rows=values.rows, missing=values.missing, foreign=values.foreign)

    def alike(self, other: ColumnSummary) -> bool:
        return isinstance(other, EmptySummary)

    def nothing(self, rows: int) -> EmptySummary:
        return EmptySummary(rows=rows, missing=rows, foreign={})

    def __add__(self, other: EmptySummary) -> EmptySummary:
        return EmptySummary(
            rows=self.rows + other.rows,
            missing=self.missing + other.missing,
            foreign=added(self.foreign, other.foreign),
        )


def added(first: Mapping[str, int], second: Mapping[str, int]) -> dict[str, int]:
    """Counts by name, summed."""
    return {name: first.get(name, 0) + second.get(name, 0) for name in {**first, **second}}
