"""What a column may hold, and what is done about a value that is outside of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from workbench.serving.protocol.refused import Refused, shown

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.serving.protocol.cells import Cell

__all__ = ["Notes", "Outside", "Range", "unquoted"]

Outside = Literal["reject", "coerce", "flag"]
Notes = dict[int, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Range:
    """The values that a column is expected to hold. A missing value is never outside.

    Attributes
    ----------
    minimum, maximum : float, optional
        Of a column of numbers, both included.
    values : tuple of str, optional
        Of a column of categories.
    outside : {"reject", "coerce", "flag"}
        ``reject``: the request is refused with 400. ``coerce``: the number is taken as the nearest bound, the
        category as missing, with a note. ``flag``: the value is taken as it is, with a note.
    quoted : bool
        Whether the note, or the refusal, has the value.
    """

    minimum: float | None = None
    maximum: float | None = None
    values: tuple[str, ...] | None = None
    outside: Outside = "reject"
    quoted: bool = True

    def applied(self, name: str, column: NDArray[Any], notes: Notes) -> NDArray[Any]:
        """The column as it is taken; what was found is added to ``notes``, by row.

        Raises
        ------
        Refused
            With 400, when a value is outside and that is to be rejected.
        """
        if self.values is not None:
            return self._among(name, column, notes, self.values)
        low = -np.inf if self.minimum is None else self.minimum
        high = np.inf if self.maximum is None else self.maximum
        # Of NaN both comparisons are false.
        beyond = (column < low) | (column > high)
        if not beyond.any():
            return column
        for row in np.flatnonzero(beyond).tolist():
            value = column[row].item()
            below = value < low
            who = f"{value:g}" if self.quoted else "the value"
            what = f"column {shown(name)}: {who} is {'below' if below else 'above'} "
            self._note(row, what + f"{low if below else high:g}", f"{low if below else high:g}", notes)
        return np.clip(column, low, high) if self.outside == "coerce" else column

    def _among(self, name: str, column: NDArray[Any], notes: Notes, values: tuple[str, ...]) -> NDArray[Any]:
        known = {*values, None}
        beyond = [row for row, value in enumerate(column.tolist()) if value not in known]
        if not beyond:
            return column
        for row in beyond:
            value = f" {shown(column[row])}" if self.quoted else ""
            self._note(row, f"column {shown(name)}: unknown value{value}", "missing", notes)
        if self.outside == "coerce":
            column = column.copy()
            column[beyond] = None
        return column

    def _note(self, row: int, what: str, taken_as: str, notes: Notes) -> None:
        if self.outside == "reject":
            raise Refused(400, f"row {row}, {what}")
        if self.outside == "coerce":
            what += f"; taken as {taken_as}"
        notes[row] = (*notes.get(row, ()), what)

    def example(self, otherwise: Cell) -> Cell:
        """A value that is inside."""
        if self.values is not None:
            return self.values[0]
        if not isinstance(otherwise, int | float):
            return otherwise
        low = otherwise if self.minimum is None else max(otherwise, self.minimum)
        return low if self.maximum is None else min(low, self.maximum)


def unquoted(ranges: Mapping[str, Range], personal: Collection[str]) -> dict[str, Range]:
    """The ranges with nothing told of what stands in personal columns: notes are logged as they are."""
    return {
        name: replace(limits, quoted=False) if name in personal else limits for name, limits in ranges.items()
    }
