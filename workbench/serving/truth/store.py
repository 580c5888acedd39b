"""Ground truth read from the workbench database in columns, and the newest for each prediction."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import BigInteger, ColumnElement, Connection, String, cast, func, select, type_coerce

from workbench.serving.truth.business import BusinessKey, codes, match
from workbench.store.tables import ground_truth

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["Labels", "Told", "newest", "told"]

#: What was said last of a case: a number or None, a class or None, and since when it is known.
Told = tuple[float | None, str | None, datetime]

# Up to so many predictions are asked for by id; for more, all ground truth of the log is read at once.
_FEW = 20_000
_IDS_A_QUERY = 500
_ROWS_AT_ONCE = 50_000
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
    """Rows of the table in the order in which they were received."""

    id: NDArray[np.int64]
    name: NDArray[np.object_]
    value: NDArray[np.float64]
    label: NDArray[np.object_]
    known_at: NDArray[np.datetime64]


def newest(
    connection: Connection, log: str, frame: pd.DataFrame, key: BusinessKey, known_by: datetime | None
) -> Labels:
    """What was received last for each row of ``frame``: by prediction id, or by ``key`` if it has columns."""
    about = [_TABLE.log == log]
    if known_by is not None:
        about.append(_TABLE.known_at <= known_by)
    ids = frame["prediction_id"].to_numpy(object)
    found = _by_id(connection, about, ids)
    positions = _last(codes(ids, found.name), len(ids))
    labels = _taken(found, positions)
    if not key.columns or not len(ids):
        return labels
    keyed = _read(connection, _TABLE.business_key, [*about, _TABLE.prediction_id == ""])
    if not len(keyed.id):
        return labels
    logged, given = match(frame, key.columns_of(keyed.name.tolist()))
    positions_by_key = _last(np.concatenate((logged, given)), len(ids))
    later = _received(keyed, positions_by_key) > _received(found, positions)
    by_key = _taken(keyed, positions_by_key)
    return Labels(
        np.where(later, by_key.values, labels.values),
        np.where(later, by_key.labels, labels.labels),
        np.where(later, by_key.known_at, labels.known_at),
    )


def told(connection: Connection, log: str, ids: Collection[str], *, by_key: bool) -> dict[str, Told]:
    """What was received last of these predictions, or of all business keys, by name."""
    about = [_TABLE.log == log]
    if by_key:
        found = _read(connection, _TABLE.business_key, [*about, _TABLE.prediction_id == ""])
    else:
        found = _by_id(connection, about, np.array(list(ids), dtype=object))
    values: list[float | None] = [None if value != value else value for value in found.value.tolist()]
    times = [time.replace(tzinfo=UTC) for time in found.known_at.tolist()]
    # Of equal names the later stays.
    return dict(zip(found.name.tolist(), zip(values, found.label.tolist(), times, strict=True), strict=True))


def _by_id(connection: Connection, about: list[ColumnElement[bool]], ids: NDArray[Any]) -> _Rows:
    if len(ids) > _FEW:
        return _read(connection, _TABLE.prediction_id, [*about, _TABLE.prediction_id != ""])
    wanted = list(dict.fromkeys(ids.tolist()))
    parts = [
        _read(connection, _TABLE.prediction_id, [*about, _TABLE.prediction_id.in_(part)])
        for part in (wanted[at : at + _IDS_A_QUERY] for at in range(0, len(wanted), _IDS_A_QUERY))
    ]
    return _joined(parts)


def _read(connection: Connection, name: ColumnElement[Any], where: Sequence[ColumnElement[bool]]) -> _Rows:
    """Read in parts, so that no more than the arrays is ever held."""
    on_sqlite = connection.dialect.name == "sqlite"
    # As the database has it: to make a datetime of each would take longer than all else.
    known_at: ColumnElement[Any] = (
        type_coerce(_TABLE.known_at, String)
        if on_sqlite
        else cast(func.extract("epoch", _TABLE.known_at) * 1_000_000, BigInteger)
    )
    query = select(_TABLE.id, name, _TABLE.value, _TABLE.label, known_at).where(*where)
    result = connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(query)
    return _joined([_part(rows) for rows in result.partitions()])


def _part(rows: Sequence[Any]) -> _Rows:
    id, name, value, label, known_at = zip(*rows, strict=True) if rows else ((),) * 5
    return _Rows(
        np.array(id, dtype=np.int64),
        np.array(name, dtype=object),
        np.array(value, dtype=np.float64),  # NumPy makes NaN of None
        np.array(label, dtype=object),
        np.array(known_at, dtype="datetime64[us]"),
    )


def _joined(parts: Sequence[_Rows]) -> _Rows:
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


def _received(rows: _Rows, positions: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.where(positions >= 0, np.append(rows.id, -1)[positions], -1)


def _taken(rows: _Rows, positions: NDArray[np.int64]) -> Labels:
    """The rows at the positions; what stands behind the last, and so at -1, is unknown."""
    return Labels(
        np.append(rows.value, np.nan)[positions],
        np.concatenate((rows.label, np.array([None], object)))[positions],
        np.append(rows.known_at, np.datetime64("NaT"))[positions],
    )
