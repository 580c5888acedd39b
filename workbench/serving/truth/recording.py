"""Ground truth: what turned out to be true (late, repeated, corrected), joined to predictions.

It comes by prediction id or by business key, for one log; it is kept although nobody may know the prediction
yet, since another worker's log may have it. Of several values for one prediction the one received last
counts, however it came.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from workbench.errors import ServingError
from workbench.project import Project
from workbench.registry.cases import INPUT
from workbench.serving.protocol.truth import TruthRow
from workbench.serving.truth.business import BusinessKey
from workbench.store.clock import Clock
from workbench.store.database import Database, hold, open_database
from workbench.store.tables import ground_truth

if TYPE_CHECKING:
    import pandas as pd
    from sqlalchemy import Connection

__all__ = ["hold_truth", "insert", "labelled", "record", "values_of"]

_CHUNK = 10_000
_NO_KEY = BusinessKey()


def record(
    database: Database, log: str, rows: Sequence[TruthRow], clock: Clock, key: BusinessKey = _NO_KEY
) -> int:
    """Keep ground truth for the predictions of a log; all of it, durably, or none.

    Parameters
    ----------
    key : BusinessKey
        The project's, for rows that come by it.

    Raises
    ------
    Refused
        A row's key is not the project's.
    ServingError
        When the workbench database cannot be written.
    """
    from sqlalchemy.exc import SQLAlchemyError

    if not rows:
        return 0
    values = [values_of(log, row, key) for row in rows]
    try:
        with database.write() as connection:
            hold_truth(connection, log, shared=True)
            return insert(connection, values, clock.now())
    except SQLAlchemyError as error:
        raise ServingError(f"the ground truth cannot be written: {str(error).splitlines()[0]}") from error


def hold_truth(connection: Connection, log: str, *, shared: bool = False) -> None:
    """Let nothing be told of a log's predictions, before the transaction ends, but by others who share this.

    Who writes what they are told shares it; who looks first at what is known does not.
    """
    hold(connection, "truth", log, shared=shared)


def insert(
    connection: Connection,
    values: Iterable[Mapping[str, Any]],
    received_at: datetime,
    on_progress: Callable[[int], None] | None = None,
) -> int:
    """Write rows of the table within somebody's transaction; how many they were."""
    written = 0
    for chunk in _chunks(values):
        _insert(connection, chunk, received_at)
        written += len(chunk)
        if on_progress is not None:
            on_progress(written)
    return written


def _insert(connection: Connection, rows: Sequence[Mapping[str, Any]], received_at: datetime) -> None:
    dialect, statement = connection.dialect, ground_truth.insert()
    if dialect.name != "sqlite":
        connection.execute(statement, [{**row, "received_at": received_at} for row in rows])
        return
    # The driver takes what it is given: to prepare each value of each row would take three times as long.
    names = [*rows[0], "received_at"]
    compiled = statement.compile(dialect=dialect, column_keys=names)
    as_stored: Any = ground_truth.c.known_at.type.dialect_impl(dialect).bind_processor(dialect)
    constant = {"received_at": as_stored(received_at)}
    given = ({**row, **constant, "known_at": as_stored(row["known_at"])} for row in rows)
    order = compiled.positiontup or names
    connection.exec_driver_sql(str(compiled), [tuple(row[name] for name in order) for row in given])


def _chunks(values: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    left = iter(values)
    while chunk := list(islice(left, _CHUNK)):
        yield chunk


def values_of(log: str, row: TruthRow, key: BusinessKey) -> dict[str, Any]:
    """A row of the table, but for when it was received (errors as of :func:`record`)."""
    is_label = isinstance(row.value, str)
    return {
        "log": log,
        "prediction_id": row.prediction_id if row.key is None else "",
        "business_key": None if row.key is None else key.text(row.key),
        "value": None if is_label else row.value,
        # PostgreSQL takes no zero byte in a text.
        "label": str(row.value).replace("\0", "\ufffd") if is_label else None,
        "known_at": row.known_at,
    }


def labelled(
    project: Project, log_name: str, frame: pd.DataFrame, known_by: datetime | None = None
) -> pd.DataFrame:
    """Join ground truth to predictions that were read from a log.

    Parameters
    ----------
    log_name : str
        ``Server.log_name``, or :func:`workbench.serving.settings.log_name` of the log's folder.
    frame : DataFrame
        As it was read from the log. Ground truth that came by business key needs its ``input.<name>`` columns
        of the key, and labels all predictions that share the key.
    known_by : datetime, optional
        Only what was known by then; an aware time.

    Returns
    -------
    DataFrame
        ``frame`` with the columns ``truth`` (a number; NaN while unknown, or where a class is named),
        ``known_at`` and ``truth_label`` (a class's name; missing where none is known).
    """
    import numpy as np
    import pandas as pd

    from workbench.serving.truth import store as truth_store

    key = project.config.serving.key
    by_key = bool(key) and all(f"{INPUT}{name}" in frame for name in key)
    database = open_database(project)
    try:
        with database.read() as connection:
            found = truth_store.newest(
                connection, log_name, frame, BusinessKey(key) if by_key else _NO_KEY, known_by
            )
    finally:
        database.close()
    return frame.assign(
        truth=found.values,
        known_at=pd.Series(found.known_at, index=frame.index).dt.tz_localize("UTC"),
        truth_label=pd.Series(np.asarray(found.labels, dtype=object), index=frame.index, dtype="str"),
    )
