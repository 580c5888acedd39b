"""Ground truth read from the workbench database in columns, and the newest for each prediction."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    String,
    cast,
    func,
    literal_column,
    select,
    type_coerce,
)

from workbench.serving.truth.business import BusinessKey, match
from workbench.store.tables import ground_truth

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["Labels", "Told", "newest", "told"]

#: What was said last of a case: a number or None, a class or None, and since when it is known.
Told = tuple[float | None, str | None, datetime]

# Up to so many predictions are asked for by id. For more it depends on how many labels the log has.
_FEW = 20_000
_IDS_A_QUERY = 500
# Of more, Python's garbage collector goes through the same rows again and again: half as long again.
_ROWS_AT_ONCE = 1_000
# To look up one row takes as long as to read so many of the log, or to pass so many of other logs.
_READ_FOR_A_JUMP, _PASSED_FOR_A_JUMP = 4, 20
_TABLE = ground_truth.c


@dataclass(frozen=True)
class Labels:
    """What is true of each prediction of a frame.

    Attributes
    ----------
    values : ndarray of float64
        NaN where nothing is known, or a class is named.
    labels : ndarray of object
        Names of classes, or None.
    known_at : ndarray of datetime64[us]
        In UTC; NaT where nothing is known.
    """

    values: NDArray[np.float64]
    labels: NDArray[np.object_]
    known_at: NDArray[np.datetime64]


@dataclass(frozen=True)
class _Rows:
    """Rows of the table."""

    id: NDArray[np.int64]
    name: NDArray[np.object_]
    value: NDArray[np.float64]
    label: NDArray[np.object_]
    known_at: NDArray[np.datetime64]


class _Newest:
    """What was received last of each of some names, from rows in any order; no more than that is held."""

    def __init__(self, names: NDArray[np.object_]) -> None:
        import pandas as pd

        self._code, different = pd.factorize(names)
        self._index = pd.Index(different, dtype=object)
        # One more, which is never filled, for a name that is missing (-1).
        count = len(different) + 1
        self._id = np.full(count, -1, dtype=np.int64)
        self._value = np.full(count, np.nan)
        self._label = np.full(count, None, dtype=object)
        self._known_at = np.full(count, np.datetime64("NaT", "us"))

    def add(self, rows: _Rows) -> None:
        import pandas as pd

        place = self._index.get_indexer(pd.Index(rows.name, dtype=object))
        later = np.flatnonzero((place >= 0) & (rows.id > self._id[place]))
        later = later[np.argsort(rows.id[later], kind="stable")]
        at = place[later]  # of equal places NumPy keeps the last
        self._id[at], self._value[at] = rows.id[later], rows.value[later]
        self._label[at], self._known_at[at] = rows.label[later], rows.known_at[later]

    def received(self) -> NDArray[np.int64]:
        """A number for each name, the higher the later; -1 where nothing is known."""
        return self._id[self._code]

    def labels(self) -> Labels:
        return Labels(self._value[self._code], self._label[self._code], self._known_at[self._code])


def newest(
    connection: Connection, log: str, frame: pd.DataFrame, key: BusinessKey, known_by: datetime | None
) -> Labels:
    """What was received last for each row of ``frame``: by prediction id, or by ``key`` if it has columns."""
    about = [] if known_by is None else [_TABLE.known_at <= known_by]
    ids = frame["prediction_id"].to_numpy(object)
    found = _Newest(ids)
    for part in _of(connection, log, ids, about):
        found.add(part)
    labels = found.labels()
    if not key.columns or not len(ids):
        return labels
    keyed = _joined(
        _read(connection, _TABLE.business_key, [_TABLE.log == log, _TABLE.prediction_id == "", *about])
    )
    if not len(keyed.id):
        return labels
    logged, given = match(frame, key.columns_of(keyed.name.tolist()))
    positions = _last(np.concatenate((logged, given)), len(ids))
    later = np.where(positions >= 0, np.append(keyed.id, -1)[positions], -1) > found.received()
    by_key = _taken(keyed, positions)
    return Labels(
        np.where(later, by_key.values, labels.values),
        np.where(later, by_key.labels, labels.labels),
        np.where(later, by_key.known_at, labels.known_at),
    )


def told(connection: Connection, log: str, ids: Collection[str], *, by_key: bool) -> dict[str, Told]:
    """What was received last of these predictions, or of all business keys, by name."""
    about = [_TABLE.log == log]
    if by_key:
        found = _joined(_read(connection, _TABLE.business_key, [*about, _TABLE.prediction_id == ""]))
    else:
        found = _joined(_of(connection, log, np.array(list(ids), dtype=object), ()))
    values: list[float | None] = [None if value != value else value for value in found.value.tolist()]
    times = [time.replace(tzinfo=UTC) for time in found.known_at.tolist()]
    # Of equal names the later stays.
    return dict(zip(found.name.tolist(), zip(values, found.label.tolist(), times, strict=True), strict=True))


def _of(
    connection: Connection, log: str, ids: NDArray[Any], about: Sequence[ColumnElement[bool]]
) -> Iterator[_Rows]:
    """Rows about these predictions, and perhaps about others of the log, in parts and any order."""
    if len(ids) <= _FEW:
        yield from _by_id(connection, [_TABLE.log == log, *about], ids)
        return
    rows = connection.scalar(select(func.count()).where(_TABLE.log == log)) or 0
    if rows > _READ_FOR_A_JUMP * len(ids):
        yield from _by_id(connection, [_TABLE.log == log, *about], ids)
        return
    of_log = _TABLE.log == log
    if connection.dialect.name == "sqlite":
        # It would take its index, and with it jump to each row: 7 s instead of 1.7 s for a million.
        every = connection.scalar(select(func.max(_TABLE.id))) or 0
        of_log = _unindexed(log) if rows * _PASSED_FOR_A_JUMP >= every else of_log
    yield from _read(connection, _TABLE.prediction_id, [of_log, _TABLE.prediction_id != "", *about])


def _unindexed(log: str) -> ColumnElement[bool]:
    """The log's rows, by an expression that SQLite finds no index for."""
    name: ColumnElement[str] = literal_column("+ground_truth.log", String)
    return name == log


def _by_id(
    connection: Connection, where: Sequence[ColumnElement[bool]], ids: NDArray[Any]
) -> Iterator[_Rows]:
    wanted = sorted({name for name in ids.tolist() if isinstance(name, str)})
    if connection.dialect.name == "sqlite":  # to name each of them takes longer than to find them
        names = func.json_each(json.dumps(wanted)).table_valued("value")
        yield from _read(
            connection, _TABLE.prediction_id, [*where, _TABLE.prediction_id.in_(select(names.c.value))]
        )
        return
    for at in range(0, len(wanted), _IDS_A_QUERY):
        part = wanted[at : at + _IDS_A_QUERY]
        yield from _read(connection, _TABLE.prediction_id, [*where, _TABLE.prediction_id.in_(part)])


def _read(
    connection: Connection, name: ColumnElement[Any], where: Sequence[ColumnElement[bool]]
) -> Iterator[_Rows]:
    """In parts, so that no more is ever held."""
    on_sqlite = connection.dialect.name == "sqlite"
    # As the database has it: to make a datetime of each would take longer than all else.
    known_at: ColumnElement[Any] = (
        type_coerce(_TABLE.known_at, String)
        if on_sqlite
        else cast(func.extract("epoch", _TABLE.known_at) * 1_000_000, BigInteger)
    )
    query = select(_TABLE.id, name, _TABLE.value, _TABLE.label, known_at).where(*where)
    if on_sqlite:
        # The driver's own rows: to make SQLAlchemy's of them takes half as long again.
        cursor = connection.execute(query).cursor
        while cursor is not None and (rows := cursor.fetchmany(_ROWS_AT_ONCE)):
            yield _part(rows)
        return
    # Of the query, not of the connection, which would keep it: PostgreSQL can write through no such cursor.
    result = connection.execute(query.execution_options(yield_per=_ROWS_AT_ONCE))
    for some in result.partitions():
        yield _part(some)


def _part(rows: Sequence[Any]) -> _Rows:
    id, name, value, label, known_at = zip(*rows, strict=True) if rows else ((),) * 5
    return _Rows(
        np.array(id, dtype=np.int64),
        np.array(name, dtype=object),
        np.array(value, dtype=np.float64),  # NumPy makes NaN of None
        np.array(label, dtype=object),
        np.array(known_at, dtype="datetime64[us]"),
    )


def _joined(parts: Iterable[_Rows]) -> _Rows:
    """All parts in the order in which they were received."""
    every = [_part([]), *parts]
    order = np.argsort(np.concatenate([part.id for part in every]), kind="stable")
    return _Rows(
        *(np.concatenate([getattr(part, field.name) for part in every])[order] for field in fields(_Rows))
    )


def _last(numbers: NDArray[np.int64], rows: int) -> NDArray[np.int64]:
    """For each of the first ``rows`` the last position behind them that has its number; -1 for none."""
    asked, given = numbers[:rows], numbers[rows:]
    # One more, which is never filled, for what is missing (-1).
    position = np.full(max(numbers.max(initial=-1), -1) + 2, -1, dtype=np.int64)
    known = np.flatnonzero(given >= 0)
    position[given[known]] = known  # of equal indices NumPy keeps the last
    return position[asked]


def _taken(rows: _Rows, positions: NDArray[np.int64]) -> Labels:
    """The rows at the positions; what stands behind the last, and so at -1, is unknown."""
    return Labels(
        np.append(rows.value, np.nan)[positions],
        np.concatenate((rows.label, np.array([None], object)))[positions],
        np.append(rows.known_at, np.datetime64("NaT"))[positions],
    )
