"""One column of cells, as a client gave them, to one array of its kind.

===========  ==============================  =========================================
kind         from                            to
===========  ==============================  =========================================
number       numbers (NaN in arrays), null   float64, NaN for missing; always finite
category     text, null                      objects: ``str``, or None for missing
time         ISO text with a zone, null      datetime64[us] in UTC, NaT for missing
===========  ==============================  =========================================

Cells come as lists (JSON), as :class:`Texts` (a format that knows text only, so that numbers are read out of
it), or as arrays that have a type already (Arrow).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from workbench.serving.protocol.refused import Refused, shown

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Cell", "Kind", "Texts", "categories", "numbers", "read", "read_time", "times"]

Cell = str | int | float | bool | None
Kind = Literal["number", "category", "time"]


class Texts(list[str | None]):
    """Cells of a format that has text only, as CSV does: ``"3"`` may be a number or a category."""


_NUMBERS: frozenset[type] = frozenset((int, float, type(None)))
_NUMBERS_OR_BOOLEANS = _NUMBERS | {bool}
_TEXTS: frozenset[type] = frozenset((str, type(None)))
# What pandas, and so MLflow, reads as missing in a CSV column of numbers or times.
_MISSING_WORDS = frozenset(
    ("#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A")
) | {"NA", "NULL", "NaN", "None", "n/a", "nan", "null"}
_from_iso = datetime.fromisoformat
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
_NAT = -(2**63)
_EARLIEST = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
_LATEST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
_BOOLEAN_WORDS = {"True": 1.0, "true": 1.0, "TRUE": 1.0, "False": 0.0, "false": 0.0, "FALSE": 0.0}


def read(kind: Kind, name: str, cells: Sequence[Cell] | NDArray[Any], booleans: bool = False) -> NDArray[Any]:
    """The cells of a column as one array of its kind.

    Parameters
    ----------
    kind, name
        What the column holds, and what it is called in a refusal.
    cells : sequence of cells, Texts or ndarray
        One a row.
    booleans : bool
        Whether true and false are numbers in this column.

    Raises
    ------
    Refused
        With 400 and the first row that is wrong.
    """
    if kind == "number":
        return numbers(name, cells, booleans)
    return _READERS[kind](name, cells)


def numbers(name: str, cells: Sequence[Cell] | NDArray[Any], booleans: bool = False) -> NDArray[np.float64]:
    """Numbers as float64: NaN for missing, never infinite."""
    if isinstance(cells, np.ndarray):
        return _numbers_of_array(name, cells, booleans)
    if isinstance(cells, Texts):
        cells = [_number(name, row, cell, booleans) for row, cell in enumerate(cells)]
    allowed = _NUMBERS_OR_BOOLEANS if booleans else _NUMBERS
    if not allowed.issuperset(map(type, cells)):
        raise _wrong(name, cells, allowed, "a number")
    try:
        # NumPy makes NaN of None.
        return np.array(cells, dtype=np.float64)
    except OverflowError:
        raise Refused(400, f"column {shown(name)} has a number that is too large") from None


def categories(name: str, cells: Sequence[Cell] | NDArray[Any]) -> NDArray[np.object_]:
    """Text as objects: ``str``, or None for missing."""
    if isinstance(cells, np.ndarray):
        if cells.dtype.kind not in "OU":
            raise Refused(400, f"column {shown(name)}: expected text, got an array of {cells.dtype}")
        cells = cells.tolist()
    if not _TEXTS.issuperset(map(type, cells)):
        raise _wrong(name, cells, _TEXTS, "text")
    return np.array(cells, dtype=object)


def times(name: str, cells: Sequence[Cell] | NDArray[Any]) -> NDArray[np.datetime64]:
    """ISO text with a zone as datetime64[us] in UTC: NaT for missing."""
    if isinstance(cells, np.ndarray):
        if cells.dtype.kind == "M":
            return cells.astype("datetime64[us]", copy=False)
        if cells.dtype.kind not in "OU":
            raise Refused(400, f"column {shown(name)}: expected times, got an array of {cells.dtype}")
        cells = cells.tolist()
    if isinstance(cells, Texts):
        cells = [None if cell in _MISSING_WORDS else cell for cell in cells]
    texts = cast("Sequence[str | None]", cells)  # of anything else the reader says so
    try:
        # In integers: NumPy takes a hundred times as long for datetimes.
        read = [_NAT if cell is None else (_from_iso(cell) - _EPOCH) // _MICROSECOND for cell in texts]
    except (ValueError, TypeError, OverflowError):
        if not _TEXTS.issuperset(map(type, cells)):
            raise _wrong(name, cells, _TEXTS, "an ISO time") from None
        raise _no_time(f"column {shown(name)}", cells) from None
    # With its offset a time can lie before the year 1 or after 9999.
    if max(read) > _LATEST or (min(read) < _EARLIEST and any(_NAT < instant < _EARLIEST for instant in read)):
        raise _no_time(f"column {shown(name)}", cells)
    return np.array(read, dtype=np.int64).view("datetime64[us]")


def read_time(where: str, text: str) -> datetime:
    """ISO text as an aware time in UTC; ``where`` is what the refusal begins with."""
    try:
        time = datetime.fromisoformat(text)
        if time.tzinfo is None:
            raise Refused(400, f"{where}: {shown(text)} has no time zone; write it like 2013-08-01T10:00:00Z")
        return time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Refused(400, f"{where}: {shown(text)} is no ISO time like 2013-08-01T10:00:00Z") from None


def _no_time(where: str, cells: Any) -> Refused:
    """What is wrong with the first cell that is no time."""
    for row, cell in enumerate(cells):
        if cell is not None:
            try:
                read_time(f"{where}, row {row}", cell)
            except Refused as refused:
                return refused
    raise AssertionError(f"{where} has times only")


def _number(name: str, row: int, text: str | None, booleans: bool) -> float | None:
    if text is None or text in _MISSING_WORDS:
        return None
    if booleans and text in _BOOLEAN_WORDS:
        return _BOOLEAN_WORDS[text]
    try:
        # Python reads 1_000 and the digits of other scripts as numbers; no CSV writer means that.
        number = float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise Refused(400, f"column {shown(name)}, row {row}: expected a number, got {shown(text)}")
    return number


def _numbers_of_array(name: str, cells: NDArray[Any], booleans: bool) -> NDArray[np.float64]:
    if cells.dtype == object:
        return numbers(name, cells.tolist(), booleans)
    if cells.dtype.kind not in ("fiub" if booleans else "fiu"):
        raise Refused(400, f"column {shown(name)}: expected numbers, got an array of {cells.dtype}")
    read = cells.astype(np.float64, copy=False)
    if np.isinf(read).any():
        row = int(np.isinf(read).argmax())
        raise Refused(400, f"column {shown(name)}, row {row}: expected a finite number, got {read[row]}")
    return read


def _wrong(name: str, cells: Any, allowed: frozenset[type], expected: str) -> Refused:
    row, cell = next((row, cell) for row, cell in enumerate(cells) if type(cell) not in allowed)
    return Refused(400, f"column {shown(name)}, row {row}: expected {expected}, got {shown(cell)}")


_READERS: dict[Kind, Callable[[str, Any], NDArray[Any]]] = {"category": categories, "time": times}
