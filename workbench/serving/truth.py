"""Ground truth: what turned out to be true (late, repeated, corrected), joined to predictions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from workbench.errors import ServingError
from workbench.project import Project
from workbench.serving.protocol.request import TruthRow
from workbench.store.clock import Clock
from workbench.store.database import Database, open_database
from workbench.store.tables import ground_truth

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["labelled", "record"]


def record(database: Database, log: str, rows: Sequence[TruthRow], clock: Clock) -> int:
    """Keep ground truth for the predictions of a log; all of it, durably, or none.

    Raises
    ------
    ServingError
        When the workbench database cannot be written.
    """
    from sqlalchemy.exc import SQLAlchemyError

    if not rows:
        return 0
    received_at = clock.now()
    values = [
        {
            "log": log,
            "prediction_id": row.prediction_id,
            "value": row.value,
            "known_at": row.known_at,
            "received_at": received_at,
        }
        for row in rows
    ]
    try:
        with database.write() as connection:
            connection.execute(ground_truth.insert(), values)
    except SQLAlchemyError as error:
        raise ServingError(f"the ground truth cannot be written: {str(error).splitlines()[0]}") from error
    return len(rows)


def labelled(
    project: Project, log_name: str, frame: pd.DataFrame, known_by: datetime | None = None
) -> pd.DataFrame:
    """Join ground truth to predictions that were read from a log.

    Parameters
    ----------
    log_name : str
        ``Server.log_name``, or :func:`workbench.serving.settings.log_name` of the log's folder.
    frame : DataFrame
        As :meth:`PredictionLog.read <workbench.serving.log.writer.PredictionLog.read>` returns it.
    known_by : datetime, optional
        Only what was known by then; an aware time.

    Returns
    -------
    DataFrame
        ``frame`` with the columns ``truth`` (NaN while unknown) and ``known_at``. Of several values for one
        prediction the one received last counts.
    """
    import pandas as pd
    from sqlalchemy import func, select

    newest = select(func.max(ground_truth.c.id)).where(ground_truth.c.log == log_name)
    if known_by is not None:
        newest = newest.where(ground_truth.c.known_at <= known_by)
    newest = newest.group_by(ground_truth.c.prediction_id)
    columns = (ground_truth.c.prediction_id, ground_truth.c.value, ground_truth.c.known_at)
    database = open_database(project)
    try:
        with database.read() as connection:
            rows = connection.execute(select(*columns).where(ground_truth.c.id.in_(newest))).all()
    finally:
        database.close()
    truth = pd.DataFrame(
        {
            "prediction_id": pd.Series([row[0] for row in rows], dtype="str"),
            "truth": pd.Series([row[1] for row in rows], dtype="float64"),
            "known_at": pd.Series([row[2] for row in rows], dtype="datetime64[us, UTC]"),
        }
    )
    return frame.merge(truth, on="prediction_id", how="left", validate="many_to_one")
