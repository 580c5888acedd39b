"""What a request may be: decoded, checked and brought to the types that the features are built from.

A project may say which columns a raw row has, beside its ``build`` function, under the name ``REQUEST``::

    REQUEST = {"carrier": "category", "distance": "number", "sched_dep": "time"}

If it does not, that is learnt from the recorded cases of the version that answers. A cell may be null,
which means missing.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, cast

import msgspec

from workbench.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Asked",
    "Cell",
    "Kind",
    "Refused",
    "RequestSchema",
    "TruthRow",
    "decode_invocation",
    "decode_truth",
]

Cell = str | int | float | bool | None
Kind = Literal["number", "category", "time"]
_EXAMPLES: dict[Kind, Cell] = {"number": 0, "category": "text", "time": "2013-07-01T10:00:00Z"}
_PREDICTION_ID_LENGTH = 64


class Refused(Exception):
    """A request that cannot be answered as it is: an HTTP status and one line that says why."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


@dataclass(frozen=True)
class RequestSchema:
    """The columns of a raw row and what they hold."""

    columns: Mapping[str, Kind]

    @classmethod
    def declared(cls, columns: object, where: str) -> RequestSchema:
        """Read a project's ``REQUEST``; :class:`ConfigError` when it is not what it has to be."""
        if not isinstance(columns, Mapping) or not columns:
            raise ConfigError(f"{where} has to name columns and their kinds: {', '.join(_EXAMPLES)}")
        for name, kind in columns.items():
            if kind not in _EXAMPLES:
                raise ConfigError(
                    f"{where}: column {name!r} is {kind!r}; known kinds: {', '.join(_EXAMPLES)}"
                )
        return cls(dict(columns))

    @classmethod
    def of(cls, rows: pd.DataFrame) -> RequestSchema:
        """What raw rows like these have."""
        from pandas.api import types

        columns: dict[str, Kind] = {}
        for name, column in rows.items():
            if types.is_datetime64_any_dtype(column.dtype):
                columns[str(name)] = "time"
            else:
                columns[str(name)] = "number" if types.is_numeric_dtype(column.dtype) else "category"
        return cls(columns)

    def example(self) -> str:
        """A request with one row, in JSON: for people to start from."""
        row = {name: _EXAMPLES[kind] for name, kind in self.columns.items()} or {"COLUMN": "value"}
        return msgspec.json.encode({"dataframe_records": [row]}).decode()

    def frame(self, raw: Mapping[str, list[Cell]]) -> pd.DataFrame:
        """The rows with every column in its type; :class:`Refused` when a column or a cell is wrong."""
        import pandas as pd

        for name in raw:
            if name not in self.columns:
                near = difflib.get_close_matches(name, self.columns, n=1)
                advice = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(self.columns)}"
                raise Refused(400, f"unknown column {_shown(name)}; {advice}")
        missing = [name for name in self.columns if name not in raw]
        if missing:
            raise Refused(
                400, f"missing column {', '.join(map(repr, missing))} (send null for a value that is missing)"
            )
        read = {name: _READERS[kind](name, raw[name]) for name, kind in self.columns.items()}
        # Without the copy that would put columns of one type together: this is the path of every request.
        return pd.DataFrame(read, copy=False)


@dataclass(frozen=True)
class Asked:
    """A decoded request: its columns, and what its ``params`` ask for."""

    columns: dict[str, list[Cell]]
    rows: int
    simulated_time: str | list[str] | None
    version: int | None

    @property
    def group(self) -> tuple[object, ...]:
        """Equal for requests that can be answered together."""
        return (self.version, self.simulated_time is None, *self.columns)

    @classmethod
    def merged(cls, group: Sequence[Asked]) -> Asked:
        """The rows of all requests of a group as one request.

        Raises
        ------
        Refused
            When one of them has not one simulated time for each row.
        """
        if len(group) == 1:
            return group[0]
        first = group[0]
        times = None
        if first.simulated_time is not None:
            times = [text for asked in group for text in asked.listed_times()]
        columns = {name: [cell for asked in group for cell in asked.columns[name]] for name in first.columns}
        return cls(columns, sum(asked.rows for asked in group), times, first.version)

    def times(self) -> list[datetime] | None:
        """The simulated time of each row."""
        if self.simulated_time is None:
            return None
        return [_time("params.simulated_time", text) for text in self.listed_times()]

    def listed_times(self) -> list[str]:
        """The simulated times as they were written, one a row."""
        given = self.simulated_time or []
        if isinstance(given, str):
            return [given] * self.rows
        if len(given) != self.rows:
            raise Refused(400, f"params.simulated_time has {len(given)} times for {self.rows} rows")
        return given


@dataclass(frozen=True)
class TruthRow:
    """What turned out to be true for one prediction, and when that became known."""

    prediction_id: str
    value: float
    known_at: datetime


class _Split(msgspec.Struct):
    columns: list[str]
    data: list[list[Cell]]


class _Params(msgspec.Struct, forbid_unknown_fields=True):
    simulated_time: str | list[str] | None = None
    version: int | str | None = None


class _Invocation(msgspec.Struct, forbid_unknown_fields=True):
    dataframe_split: _Split | None = None
    dataframe_records: list[dict[str, Cell]] | None = None
    params: _Params = msgspec.field(default_factory=_Params)


class _TruthRow(msgspec.Struct, forbid_unknown_fields=True):
    prediction_id: str
    value: float | bool
    known_at: str | None = None


class _Truth(msgspec.Struct, forbid_unknown_fields=True):
    rows: list[_TruthRow]


_INVOCATION = msgspec.json.Decoder(_Invocation)
_TRUTH = msgspec.json.Decoder(_Truth)


def decode_invocation(body: bytes, most_rows: int) -> Asked:
    """Decode a scoring request (``dataframe_split`` or ``dataframe_records``, and ``params``)."""
    given: _Invocation = _decode(_INVOCATION, body)
    if (given.dataframe_split is None) == (given.dataframe_records is None):
        raise Refused(400, "send either dataframe_split or dataframe_records")
    if given.dataframe_split is not None:
        rows, columns = len(given.dataframe_split.data), _from_split(given.dataframe_split)
    else:
        records = given.dataframe_records or []
        rows, columns = len(records), _from_records(records)
    if rows == 0:
        raise Refused(400, "no rows to predict")
    if rows > most_rows:
        raise Refused(413, f"{rows} rows in one request; at most {most_rows} are taken")
    return Asked(columns, rows, given.params.simulated_time, _version(given.params.version))


def decode_truth(body: bytes, most_rows: int, default_known_at: datetime | None) -> list[TruthRow]:
    """Decode ground truth; without a ``default_known_at`` every row has to say when it became known."""
    given: _Truth = _decode(_TRUTH, body)
    if len(given.rows) > most_rows:
        raise Refused(413, f"{len(given.rows)} rows in one request; at most {most_rows} are taken")
    known: list[TruthRow] = []
    for number, row in enumerate(given.rows):
        if not 0 < len(row.prediction_id) <= _PREDICTION_ID_LENGTH or not row.prediction_id.isprintable():
            raise Refused(400, f"rows[{number}].prediction_id is no prediction id")
        if row.known_at is None and default_known_at is None:
            raise Refused(400, f"rows[{number}].known_at is missing; this server was started for a replay")
        known_at = (
            default_known_at if row.known_at is None else _time(f"rows[{number}].known_at", row.known_at)
        )
        assert known_at is not None
        known.append(TruthRow(row.prediction_id, float(row.value), known_at))
    return known


def _decode(decoder: msgspec.json.Decoder[Any], body: bytes) -> Any:
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise Refused(400, str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(400, f"the body is not JSON in UTF-8: {error}") from None
    except RecursionError:
        raise Refused(400, "the body is nested too deeply") from None


def _from_split(split: _Split) -> dict[str, list[Cell]]:
    width = len(split.columns)
    if len(set(split.columns)) != width:
        twice = next(name for name in split.columns if split.columns.count(name) > 1)
        raise Refused(400, f"column {_shown(twice)} is given twice")
    for number, row in enumerate(split.data):
        if len(row) != width:
            raise Refused(400, f"row {number} has {len(row)} cells for {width} columns")
    return {
        name: list(cells) for name, cells in zip(split.columns, zip(*split.data, strict=True), strict=False)
    }


def _from_records(records: Sequence[dict[str, Cell]]) -> dict[str, list[Cell]]:
    names = list(records[0]) if records else []
    for number, record in enumerate(records):
        if record.keys() != records[0].keys():
            odd = sorted(record.keys() ^ records[0].keys())[0]
            raise Refused(
                400, f"row {number} and row 0 differ in column {_shown(odd)} (send null for a missing value)"
            )
    return {name: [record[name] for record in records] for name in names}


def _version(given: int | str | None) -> int | None:
    if given is None or isinstance(given, int):
        return given
    if given.isascii() and given.isdecimal() and len(given) < 10:
        return int(given)
    raise Refused(400, f"params.version {_shown(given)} is no version number")


def _numbers(name: str, cells: list[Cell]) -> Any:
    import numpy as np

    _only(name, cells, (int, float, type(None)), "a number")
    try:
        return np.array([np.nan if cell is None else cell for cell in cells], dtype=np.float64)
    except OverflowError:
        raise Refused(400, f"column {name!r} has a number that is too large") from None


def _categories(name: str, cells: list[Cell]) -> Any:
    import pandas as pd

    _only(name, cells, (str, type(None)), "text")
    return pd.array(cast("list[str | None]", cells), dtype="str")


def _times(name: str, cells: list[Cell]) -> Any:
    import pandas as pd

    _only(name, cells, (str, type(None)), "an ISO time")
    times = [None if cell is None else _time(f"column {name!r}", str(cell)) for cell in cells]
    return pd.Series(times, dtype="datetime64[us, UTC]")


_READERS = {"number": _numbers, "category": _categories, "time": _times}


def _only(name: str, cells: list[Cell], allowed: tuple[type, ...], expected: str) -> None:
    if set(map(type, cells)) <= set(allowed):
        return
    number, cell = next((i, cell) for i, cell in enumerate(cells) if type(cell) not in allowed)
    raise Refused(400, f"column {name!r}, row {number}: expected {expected}, got {_shown(cell)}")


def _time(where: str, text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
        if time.tzinfo is None:
            raise Refused(
                400, f"{where}: {_shown(text)} has no time zone; write it like 2013-08-01T10:00:00Z"
            )
        return time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Refused(400, f"{where}: {_shown(text)} is no ISO time like 2013-08-01T10:00:00Z") from None


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
