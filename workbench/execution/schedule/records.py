"""The rows of scheduled times: claimed once, and changed only by who holds them.

The unique constraint of a scheduled time is its claim: of all that insert it, one succeeds. From then on a
row is changed by compare-and-set on who holds it, in which attempt and in what state; a scheduler that was
away for so long that another took its place finds that its changes change nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Row, and_, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from workbench.store import tables
from workbench.store.database import hold
from workbench.store.texts import one_line

__all__ = [
    "OPEN",
    "ScheduledTime",
    "Status",
    "ahead",
    "busy",
    "change",
    "claim",
    "goes_on",
    "held_by",
    "history",
    "last_times",
    "newest",
    "open_times",
    "to_retry",
    "unchanged",
]

Status = Literal["claimed", "running", "finished", "failed", "killed", "skipped", "missed"]
#: With these it is not over.
OPEN: tuple[Status, ...] = ("claimed", "running")

_TABLE = tables.scheduled_times
_LONGEST_NOTE = 500


@dataclass(frozen=True)
class ScheduledTime:
    """A scheduled time and what became of it.

    Attributes
    ----------
    claimed_by : str
        The scheduler that holds it; empty when nobody does.
    attempt : int
        Counts from 1.
    status : str
        ``claimed`` until its run begins; then ``running``, and in the end the status of the run. ``skipped``
        and ``missed`` never ran, and ``note`` says why.
    next_try : datetime or None
        When one that failed runs again.
    """

    id: int
    project: str
    schedule: str
    scheduled_at: datetime
    claimed_by: str
    claimed_at: datetime
    attempt: int
    run_id: str | None
    report: str
    status: Status
    ended_at: datetime | None
    next_try: datetime | None
    note: str

    @property
    def mark(self) -> str:
        """What its run carries as a tag, attempt by attempt."""
        return f"{self.schedule}@{self.scheduled_at:%Y-%m-%dT%H:%M:%SZ}#{self.attempt}"

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def claim(
    connection: Connection,
    project: str,
    schedule: str,
    times: Sequence[datetime],
    *,
    by: str,
    at: datetime,
    status: Status = "claimed",
    note: str = "",
) -> list[ScheduledTime]:
    """Those of the times that nobody had claimed: they are ours now, oldest first."""
    if not times:
        return []
    about = {"project": project, "schedule": schedule, "claimed_by": by, "claimed_at": at, "attempt": 1}
    ended = None if status in OPEN else at
    values = {**about, "report": "", "status": status, "ended_at": ended, "note": note}
    dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = (
        dialect.insert(_TABLE)
        .values([{**values, "scheduled_at": moment} for moment in times])
        .on_conflict_do_nothing(index_elements=["project", "schedule", "scheduled_at"])
        .returning(_TABLE)
    )
    made = [_time(row) for row in connection.execute(statement)]
    return sorted(made, key=lambda each: each.scheduled_at)


def change(connection: Connection, seen: ScheduledTime, **values: Any) -> ScheduledTime | None:
    """The time with these values; None when it is no longer as it was ``seen``, and nothing was changed."""
    if "note" in values:
        values["note"] = one_line(values["note"], _LONGEST_NOTE)
    changed = connection.execute(update(_TABLE).where(_as_seen(seen)).values(values)).rowcount
    return replace(seen, **values) if changed == 1 else None


def unchanged(connection: Connection, seen: ScheduledTime) -> bool:
    """Whether nobody has taken it over, or ended it, since."""
    return connection.execute(select(_TABLE.c.id).where(_as_seen(seen))).first() is not None


def _as_seen(seen: ScheduledTime) -> ColumnElement[bool]:
    return and_(
        _TABLE.c.id == seen.id,
        _TABLE.c.claimed_by == seen.claimed_by,
        _TABLE.c.attempt == seen.attempt,
        _TABLE.c.status == seen.status,
    )


def last_times(connection: Connection, project: str, until: datetime) -> dict[str, datetime]:
    """The last scheduled time of each schedule, up to a moment, that anybody claimed."""
    query = (
        select(_TABLE.c.schedule, func.max(_TABLE.c.scheduled_at).label("last"))
        .where(_TABLE.c.project == project, _TABLE.c.scheduled_at <= until)
        .group_by(_TABLE.c.schedule)
    )
    return {row.schedule: row.last for row in connection.execute(query)}


def open_times(connection: Connection, project: str) -> list[ScheduledTime]:
    """All that are not over, whoever holds them, oldest first."""
    query = select(_TABLE).where(_TABLE.c.project == project, _TABLE.c.status.in_(OPEN))
    return _times(connection, query.order_by(_TABLE.c.scheduled_at, _TABLE.c.id))


def ahead(connection: Connection, project: str) -> dict[str, int]:
    """Whose turn it is of each schedule, by id: what runs, or else the oldest of what is not over.

    What runs is not always the oldest: a second attempt comes after times that came later.
    """
    newest_first = open_times(connection, project)[::-1]
    return {
        each.schedule: each.id for each in sorted(newest_first, key=lambda each: each.status == "running")
    }


def goes_on(connection: Connection, project: str, schedule: str) -> bool:
    """Whether a time of the schedule runs; nobody else begins one before the transaction ends."""
    hold(connection, "schedule", project, schedule)
    query = select(_TABLE.c.id).where(_TABLE.c.project == project, _TABLE.c.schedule == schedule)
    return connection.execute(query.where(_TABLE.c.status == "running").limit(1)).first() is not None


def busy(connection: Connection, project: str) -> set[str]:
    """The schedules of which a time is not over."""
    query = select(_TABLE.c.schedule).distinct()
    return set(connection.scalars(query.where(_TABLE.c.project == project, _TABLE.c.status.in_(OPEN))))


def held_by(connection: Connection, project: str, name: str) -> set[int]:
    """What a scheduler holds that is not over: the ids."""
    query = select(_TABLE.c.id).where(_TABLE.c.project == project, _TABLE.c.status.in_(OPEN))
    return set(connection.scalars(query.where(_TABLE.c.claimed_by == name)))


def to_retry(connection: Connection, project: str, now: datetime) -> list[ScheduledTime]:
    """Those that failed and are due to be tried again, oldest first."""
    query = select(_TABLE).where(
        _TABLE.c.project == project, _TABLE.c.status.in_(("failed", "killed")), _TABLE.c.next_try <= now
    )
    return _times(connection, query.order_by(_TABLE.c.next_try, _TABLE.c.id))


def history(
    connection: Connection,
    project: str,
    schedule: str = "",
    last: int = 20,
    *,
    statuses: Collection[Status] = (),
) -> list[ScheduledTime]:
    """The newest scheduled times first, of one schedule or of all, and with these statuses or with any."""
    query = select(_TABLE).where(_TABLE.c.project == project)
    if statuses:
        query = query.where(_TABLE.c.status.in_(statuses))
    if schedule:
        query = query.where(_TABLE.c.schedule == schedule)
    return _times(connection, query.order_by(_TABLE.c.scheduled_at.desc(), _TABLE.c.id.desc()).limit(last))


def newest(connection: Connection, project: str) -> dict[str, ScheduledTime]:
    """The newest scheduled time of each schedule."""
    last = (
        select(_TABLE.c.schedule, func.max(_TABLE.c.scheduled_at).label("at"))
        .where(_TABLE.c.project == project)
        .group_by(_TABLE.c.schedule)
        .subquery()
    )
    query = (
        select(_TABLE)
        .join(last, (_TABLE.c.schedule == last.c.schedule) & (_TABLE.c.scheduled_at == last.c.at))
        .where(_TABLE.c.project == project)
    )
    return {each.schedule: each for each in _times(connection, query)}


def _times(connection: Connection, query: Any) -> list[ScheduledTime]:
    rows: Iterable[Row[Any]] = connection.execute(query)
    return [_time(row) for row in rows]


def _time(row: Row[Any]) -> ScheduledTime:
    return ScheduledTime(**row._mapping)
