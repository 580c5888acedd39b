"""Many rows of ground truth at once, as from a file: all or none, and nothing that is known already."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workbench.errors import ServingError
from workbench.project import Project
from workbench.serving.log.read import PredictionLog
from workbench.serving.protocol.truth import TruthRow
from workbench.serving.truth import store as truth_store
from workbench.serving.truth.absent import absent
from workbench.serving.truth.business import BusinessKey
from workbench.serving.truth.recording import hold_truth, insert, values_of
from workbench.store.clock import Clock
from workbench.store.database import open_database

__all__ = ["Imported", "import_rows"]


@dataclass(frozen=True)
class Imported:
    """What became of the rows.

    Attributes
    ----------
    kept : int
        Written now.
    repeated : int
        Said already, and so not written again.
    unknown : int, optional
        Of all rows, those about a prediction that the log does not have (they are kept, it may still come);
        None when the log could not be read, and ``log_error`` says why.
    """

    kept: int
    repeated: int
    unknown: int | None
    log_error: str = ""


def import_rows(
    project: Project,
    log: PredictionLog,
    log_name: str,
    rows: Sequence[TruthRow],
    clock: Clock,
    *,
    undated: datetime | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> Imported:
    """Record rows in one transaction.

    Parameters
    ----------
    log, log_name
        What the predictions are looked up in, and what the ground truth is filed under.
    undated : datetime, optional
        The ``known_at`` of rows that did not say: they repeat an earlier one whatever its time.
    on_progress : callable, optional
        Told how many rows are written.

    Raises
    ------
    ServingError
        When the workbench database cannot be written; then nothing is.
    """
    from sqlalchemy.exc import SQLAlchemyError

    key = BusinessKey.open(project)
    values = [values_of(log_name, row, key) for row in rows]
    database = open_database(project)
    try:
        with database.write() as connection:
            hold_truth(connection, log_name)
            fresh = _fresh(connection, log_name, values, undated)
            kept = insert(connection, fresh, clock.now(), on_progress)
    except SQLAlchemyError as error:
        raise ServingError(f"the ground truth cannot be written: {str(error).splitlines()[0]}") from error
    finally:
        database.close()
    try:
        ids = [row["prediction_id"] for row in values if row["business_key"] is None]
        keys = [row["business_key"] for row in values if row["business_key"] is not None]
        unknown, log_error = absent(log, key, ids, keys), ""
    except ServingError as error:
        unknown, log_error = None, error.message
    return Imported(kept, len(values) - kept, unknown, log_error)


def _fresh(
    connection: Any, log_name: str, values: Sequence[dict[str, Any]], undated: datetime | None
) -> list[dict[str, Any]]:
    """The rows that say something else than what was said last of the same case."""
    ids = [row["prediction_id"] for row in values if row["business_key"] is None]
    told = {"prediction_id": truth_store.told(connection, log_name, ids, by_key=False) if ids else {}}
    by_key = len(ids) < len(values)
    told["business_key"] = truth_store.told(connection, log_name, (), by_key=True) if by_key else {}
    fresh = []
    for row in values:
        name = "prediction_id" if row["business_key"] is None else "business_key"
        before = told[name].get(row[name])
        says = (row["value"], row["label"], row["known_at"])
        if before is not None and says[:2] == before[:2] and says[2] in (before[2], undated):
            continue
        told[name][row[name]] = says
        fresh.append(row)
    return fresh
