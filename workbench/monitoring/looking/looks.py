"""How far the monitor has looked at a log, as it is kept in the workbench database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from workbench.store import tables

__all__ = ["Look", "Place", "doubt", "read", "write"]

_TABLE = tables.looks


@dataclass(frozen=True)
class Place:
    """A place in what is said of a log's answers, row by row as it was received.

    Attributes
    ----------
    last : int
        The number of the last row.
    rows : int
        How many rows of the log there are up to it, where a row may appear before one with a smaller number.
    """

    last: int = 0
    rows: int = 0


@dataclass(frozen=True)
class Look:
    """What was known of a log when the monitor looked last.

    Attributes
    ----------
    as_of : datetime
        When that was.
    over_at : datetime
        When the window that was under way is over.
    judged_by : str
        What by, as a hash: thresholds, rules for alerts, versions that aliases name.
    truth, feedback : Place
        Up to where ground truth and feedback are in the findings.
    pending : datetime or None
        When the first of what was received by then becomes known.
    """

    as_of: datetime
    over_at: datetime
    judged_by: str
    truth: Place = Place()
    feedback: Place = Place()
    pending: datetime | None = None


def read(connection: Connection, log: str, model: str) -> Look | None:
    """How far one has looked; None when nobody has."""
    query = select(_TABLE).where(_TABLE.c.log == log, _TABLE.c.model == model)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    said = (Place(row.truth, row.truth_rows), Place(row.feedback, row.feedback_rows))
    return Look(row.as_of, row.over_at, row.judged_by, *said, row.pending)


def doubt(connection: Connection, log: str, model: str) -> None:
    """What was recorded is no longer what the last look left behind: the next one goes through all of it."""
    about = (_TABLE.c.log == log, _TABLE.c.model == model)
    connection.execute(update(_TABLE).where(*about).values(judged_by=""))


def write(connection: Connection, log: str, model: str, look: Look) -> None:
    """Record it; if somebody has looked later, doubt theirs: in a transaction that holds the log."""
    before = read(connection, log, model)
    if before is not None and before.as_of > look.as_of:
        doubt(connection, log, model)
        return
    values = {
        "as_of": look.as_of,
        "over_at": look.over_at,
        "judged_by": look.judged_by,
        "truth": look.truth.last,
        "truth_rows": look.truth.rows,
        "feedback": look.feedback.last,
        "feedback_rows": look.feedback.rows,
        "pending": look.pending,
    }
    if before is None:
        connection.execute(insert(_TABLE).values(log=log, model=model, **values))
    else:
        about = (_TABLE.c.log == log, _TABLE.c.model == model)
        connection.execute(update(_TABLE).where(*about).values(values))
