"""Feedback: what users think of answers (a rating, a remark); kept apart from what is true.

Whoever sends the same request again, with its request id, adds nothing: what it says replaces what it said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from workbench.errors import ServingError
from workbench.project import Project
from workbench.serving.protocol.truth import FeedbackRow
from workbench.store.clock import Clock
from workbench.store.database import Database, open_database
from workbench.store.tables import feedback as table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["by_group", "read", "record", "with_feedback"]

_COLUMNS = ("prediction_id", "rating", "remark", "user_group", "given_at", "received_at", "request_id")
_LONGEST = 200


def record(
    database: Database, log: str, rows: Sequence[FeedbackRow], clock: Clock, *, request_id: str
) -> int:
    """Keep what one request says of predictions of a log; all of it, durably, or none.

    Raises
    ------
    ServingError
        When the workbench database cannot be written.
    """
    from sqlalchemy.dialects import postgresql, sqlite
    from sqlalchemy.exc import SQLAlchemyError

    if not rows:
        return 0
    dialect: Any = postgresql if database.engine.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table)
    again = {name: statement.excluded[name] for name in ("rating", "remark", "user_group")}
    statement = statement.on_conflict_do_update(
        index_elements=["log", "prediction_id", "request_id", "number"], set_=again
    )
    try:
        with database.write() as connection:
            connection.execute(statement, _values(log, rows, clock, request_id[:_LONGEST]))
    except SQLAlchemyError as error:
        raise ServingError(f"the feedback cannot be written: {str(error).splitlines()[0]}") from error
    return len(rows)


def _values(log: str, rows: Sequence[FeedbackRow], clock: Clock, request_id: str) -> list[dict[str, Any]]:
    received_at, said = clock.now(), Counter[str]()
    values = []
    for row in rows:
        values.append(
            {
                "log": log,
                "prediction_id": row.prediction_id,
                "request_id": request_id,
                "number": said[row.prediction_id],
                "rating": row.rating,
                # PostgreSQL takes no zero byte in a text.
                "remark": row.remark.replace("\0", "\ufffd"),
                "user_group": row.user_group.replace("\0", "\ufffd")[:_LONGEST],
                "given_at": row.at,
                "received_at": received_at,
            }
        )
        said[row.prediction_id] += 1
    return values


def read(
    project: Project, log_name: str, start: datetime | None = None, end: datetime | None = None
) -> pd.DataFrame:
    """The feedback on the predictions of a log, in the order in which it was given.

    Parameters
    ----------
    start, end : datetime, optional
        Only what was given in ``[start, end)``, whenever the prediction was made; aware times.

    Returns
    -------
    DataFrame
        ``prediction_id``, ``rating`` (NaN without one), ``remark``, ``user_group`` (empty for none),
        ``given_at``, ``received_at``, ``request_id``.
    """
    import pandas as pd
    from sqlalchemy import select

    query = select(*(table.c[name] for name in _COLUMNS)).where(table.c.log == log_name)
    if start is not None:
        query = query.where(table.c.given_at >= start)
    if end is not None:
        query = query.where(table.c.given_at < end)
    database = open_database(project)
    try:
        with database.read() as connection:
            rows = connection.execute(query.order_by(table.c.given_at, table.c.id)).all()
    finally:
        database.close()
    columns = zip(*rows, strict=True) if rows else ((),) * len(_COLUMNS)
    frame = pd.DataFrame(dict(zip(_COLUMNS, columns, strict=True)))
    times = dict.fromkeys(("given_at", "received_at"), "datetime64[us, UTC]")
    texts = dict.fromkeys(("prediction_id", "remark", "user_group", "request_id"), "str")
    typed: pd.DataFrame = frame.astype({**texts, **times, "rating": "float64"})
    return typed


def with_feedback(project: Project, log_name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Join feedback to predictions that were read from a log.

    Returns
    -------
    DataFrame
        ``frame`` with ``rating`` (the mean; NaN without one), ``feedback`` (how many gave any) and
        ``remarks`` (a list of texts, oldest first; empty without one).
    """
    import pandas as pd

    found = read(project, log_name)
    found = found[found["prediction_id"].isin(frame["prediction_id"])]
    groups = found.groupby("prediction_id", sort=False)
    ids = frame["prediction_id"]
    remarks = found[found["remark"] != ""].groupby("prediction_id", sort=False)["remark"].agg(list).to_dict()
    return frame.assign(
        rating=ids.map(groups["rating"].mean()).astype("float64"),
        feedback=ids.map(groups.size()).fillna(0).astype("int64"),
        remarks=pd.Series([remarks.get(name, []) for name in ids], index=frame.index, dtype=object),
    )


def by_group(found: pd.DataFrame) -> pd.DataFrame:
    """What each user group thinks.

    Parameters
    ----------
    found : DataFrame
        As :func:`read` returns it.

    Returns
    -------
    DataFrame
        Indexed by ``user_group``: ``feedback`` (how often any was given), ``predictions`` (on how many),
        ``rating`` (the mean), ``remarks`` (how many).
    """
    has_remark = found["remark"] != ""
    return (
        found.assign(has_remark=has_remark)
        .groupby("user_group")
        .agg(
            feedback=("prediction_id", "size"),
            predictions=("prediction_id", "nunique"),
            rating=("rating", "mean"),
            remarks=("has_remark", "sum"),
        )
    )
