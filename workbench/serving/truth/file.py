"""Ground truth from a file: which case each row is about, and what turned out to be true of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from workbench.errors import DataError, UsageError
from workbench.project import Project
from workbench.serving.protocol.cells import Cell, read_time
from workbench.serving.protocol.refused import Refused
from workbench.serving.protocol.truth import TruthRow
from workbench.serving.truth.tables import TableFile

__all__ = ["ID", "KNOWN_AT", "TruthFile", "read_file"]

ID, KNOWN_AT = "prediction_id", "known_at"

_MISSING = frozenset(("", "na", "nan", "null"))
_WORDS = {"true": 1.0, "false": 0.0}
_LONGEST_ID, _LONGEST_CLASS = 64, 200


@dataclass(frozen=True)
class TruthFile:
    """What a file says.

    Attributes
    ----------
    rows : list of TruthRow
    without_value : int
        Rows that say nothing yet, which are left out.
    """

    rows: list[TruthRow]
    without_value: int


def read_file(
    project: Project, path: Path, *, column: str = "value", known_at: str = "", now: datetime
) -> TruthFile:
    """Read a file.

    Parameters
    ----------
    column : str
        The column of what turned out to be true.
    known_at : str
        The column of when that became known (aware ISO times); by default ``known_at``, if there is one.
    now : datetime
        When a row became known that does not say so.

    Raises
    ------
    UsageError
        The file cannot be read, or has not the columns.
    DataError
        A row is wrong; file, row and column are named.
    """
    key = project.config.serving.key
    file = TableFile.of(path)
    present = file.names()
    time = known_at or (KNOWN_AT if KNOWN_AT in present else "")
    named = [ID] if ID in present else list(key)
    for name in (column, *named, *filter(None, (time,))):
        if name not in present:
            raise UsageError(_without(path, name, column, known_at, key, present))
    if not named:
        raise UsageError(_without(path, ID, column, known_at, key, present))
    columns = file.columns([*named, column, *filter(None, (time,))])
    return _rows(project, path, columns, named, column, time, now)


def _without(
    path: Path, name: str, column: str, known_at: str, key: Sequence[str], present: Sequence[str]
) -> str:
    has = f"it has {', '.join(map(repr, present[:20]))}" if present else "it has no columns"
    if name == column:
        return f"{path} has no column {name!r} of what turned out to be true; name it with --column; {has}"
    if name == known_at:
        return f"{path} has no column {name!r}, which --known-at names; {has}"
    instead = f", nor all of the business key ({', '.join(key)})" if key else ""
    return f"{path} has no column {ID!r}{instead}; {has}"


def _rows(
    project: Project,
    path: Path,
    columns: Mapping[str, Sequence[Any]],
    named: Sequence[str],
    column: str,
    time: str,
    now: datetime,
) -> TruthFile:
    objective = project.config.objective
    binary = objective is not None and objective.task == "binary"
    rows, without = [], 0
    by_id = named == [ID]
    times = columns[time] if time else [None] * len(columns[column])
    for number, (cell, moment, *name) in enumerate(
        zip(columns[column], times, *(columns[each] for each in named), strict=True), start=1
    ):
        try:
            value = _value(cell, binary)
            if value is None:
                without += 1
                continue
            known = now if _is_missing(moment) else read_time(time, _text(moment))
            if by_id:
                rows.append(TruthRow(_id(name[0]), value, known))
            else:
                key = {each: _key_cell(each, part) for each, part in zip(named, name, strict=True)}
                rows.append(TruthRow("", value, known, key))
        except (Refused, ValueError) as error:
            where = f"{column!r} " if isinstance(error, _WrongValue) else ""
            raise DataError(f"{path}, row {number}: {where}{error}; nothing was recorded") from None
    return TruthFile(rows, without)


class _WrongValue(ValueError):
    """A value that cannot be what turned out to be true."""


def _value(cell: Any, binary: bool) -> float | str | None:
    if _is_missing(cell):
        return None
    value: float | str
    if isinstance(cell, bool | int | float | Decimal):
        value = float(cell)
    else:
        text = _text(cell).strip()
        try:
            value = _WORDS[text.lower()] if text.lower() in _WORDS else float(text)
        except ValueError:
            value = text
    if binary and value not in (0.0, 1.0):
        raise _WrongValue(
            f"is {_text(cell)[:60]!r}, which is neither 0 nor 1 (--column names another column)"
        )
    if isinstance(value, float) and not math.isfinite(value):
        raise _WrongValue(f"is {_text(cell)[:60]!r}, which is no finite number")
    if isinstance(value, str) and len(value) > _LONGEST_CLASS:
        raise _WrongValue(f"is no class of at most {_LONGEST_CLASS} characters")
    return value


def _id(cell: Any) -> str:
    if not isinstance(cell, str) or not 0 < len(cell) <= _LONGEST_ID or not cell.isprintable():
        raise ValueError(f"{'nothing' if cell is None else repr(cell)[:60]} is no {ID}")
    return cell


def _key_cell(name: str, cell: Any) -> Cell:
    if cell is None or cell == "" or cell != cell:
        raise ValueError(f"{name!r} is empty, which tells no case from others")
    if isinstance(cell, datetime) and cell.tzinfo is None:
        raise ValueError(f"{name!r} is a time without a zone")
    return cell if isinstance(cell, str | bool | int | float) else _text(cell)


def _is_missing(cell: Any) -> bool:
    return cell is None or cell != cell or (isinstance(cell, str) and cell.strip().lower() in _MISSING)


def _text(cell: Any) -> str:
    return cell.isoformat() if isinstance(cell, date) else str(cell)
