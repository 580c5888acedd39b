"""What was said of a log's answers since the monitor looked last, and which answers that is about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, Table, func, null, select

from workbench.monitoring.looking.looks import Look, Place
from workbench.registry.cases import INPUT
from workbench.serving.truth.business import BusinessKey, match
from workbench.store import tables

if TYPE_CHECKING:
    from workbench.serving import PredictionLog

__all__ = ["News", "read_news"]

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class News:
    """What is new.

    Attributes
    ----------
    truth, feedback : Place
        Up to where it was read.
    ids, keys : frozenset of str
        The predictions, by their ids and by business keys, of which something is known that was not.
    pending : datetime or None
        When the first of what is not known yet becomes known.
    everything : bool
        All that was ever said counts as new, and is not in ``ids`` and ``keys``.
    silent : bool
        Nobody has ever said anything.
    """

    truth: Place
    feedback: Place
    ids: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()
    pending: datetime | None = None
    everything: bool = False
    silent: bool = False

    @property
    def told(self) -> int:
        """A number that grows with whatever is said."""
        return self.truth.last + self.feedback.last

    def asked(
        self, log: PredictionLog, key: BusinessKey, start: datetime, end: datetime
    ) -> tuple[list[datetime], int]:
        """When the answers that it is about were asked for, and how many of them are not there.

        Labels are mostly of what was asked lately, so ids are looked for backwards, and no further than they
        are found; a key may be that of several answers, and all are gone through.
        """
        found, ids = _by_id(log, self.ids, start, end)
        if not self.keys:
            return found, ids
        by_key, keys = _by_key(log, sorted(self.keys), key, start, end)
        return found + by_key, ids + keys


def read_news(connection: Connection, log: str, look: Look | None, now: datetime) -> News:
    """What is known ``now`` and was not when one had looked that far.

    All is new to who has never looked, or looks as of an earlier time, or whose place is not there any more.
    """
    truth, feedback = new = [said.since(connection, log, look, now) for said in (_TRUTH, _FEEDBACK)]
    everything = any(each.everything for each in new)
    about = [pair for each in new for pair in each.about if not everything]
    return News(
        truth.place,
        feedback.place,
        ids=frozenset(name for name, _ in about if name),
        keys=frozenset(key for _, key in about if key),
        pending=min((each.pending for each in new if each.pending), default=None),
        everything=everything,
        silent=all(each.silent for each in new),
    )


@dataclass(frozen=True)
class _New:
    """What is new of one table: pairs of a prediction's id and a business key."""

    place: Place
    silent: bool
    everything: bool = False
    about: tuple[tuple[str, str | None], ...] = ()
    pending: datetime | None = None


@dataclass(frozen=True)
class _Said:
    """A table of what is said.

    Attributes
    ----------
    name : str
        Of the place in it, as a look has it.
    moment : str
        The column that tells when it is known; it is, as long after that.
    key : ColumnElement
        The business key.
    """

    name: str
    table: Table
    moment: str
    after: timedelta
    key: ColumnElement[Any]

    def since(self, connection: Connection, log: str, look: Look | None, now: datetime) -> _New:
        row, moment, known_by = self.table.c, self.table.c[self.moment], now - self.after
        before: Place | None = getattr(look, self.name, None)
        place, whole = self._place(connection, log, before)
        silent = connection.scalar(select(row.id).where(row.log == log).limit(1)) is None
        unknown = select(func.min(moment)).where(row.log == log, moment > known_by)
        if look is None or before is None or not whole or now < look.as_of:
            return _New(place, silent, everything=True, pending=connection.scalar(unknown))
        columns = select(row.prediction_id, self.key.label("key"), moment.label("moment"))
        # SQLite would rather go by the name of the log, which is that of all rows.
        received = columns.with_hint(self.table, "NOT INDEXED", "sqlite")
        new = connection.execute(received.where(row.id > before.last, row.log == log)).all()
        pending = [one.moment for one in new if one.moment > known_by]
        if look.pending is not None and look.pending > known_by:
            pending.append(look.pending)
        elif look.pending is not None:
            ripened = (row.log == log, row.id <= before.last, moment > look.as_of - self.after)
            new = [*new, *connection.execute(columns.where(*ripened, moment <= known_by))]
            pending += filter(None, [connection.scalar(unknown)])
        about = tuple((one.prediction_id, one.key) for one in new if one.moment <= known_by)
        return _New(place, silent, about=about, pending=min(pending, default=None))

    def _place(self, connection: Connection, log: str, before: Place | None) -> tuple[Place, bool]:
        """Where the newest row is, and whether the rows before the place are those that were there."""
        row = self.table.c
        if connection.dialect.name == "sqlite":  # where one transaction writes after the other
            last = connection.scalar(select(func.max(row.id))) or 0
            return Place(last), before is None or before.last <= last
        last, rows = connection.execute(select(func.max(row.id), func.count()).where(row.log == log)).one()
        up_to = select(func.count()).where(row.log == log, row.id <= (before.last if before else 0))
        return Place(last or 0, rows), before is None or before.rows == connection.scalar(up_to)


_TRUTH = _Said("truth", tables.ground_truth, "known_at", timedelta(0), tables.ground_truth.c.business_key)
_FEEDBACK = _Said("feedback", tables.feedback, "given_at", timedelta(microseconds=1), null())


def _by_id(
    log: PredictionLog, ids: frozenset[str], start: datetime, end: datetime
) -> tuple[list[datetime], int]:
    import pyarrow as pa
    import pyarrow.compute as pc

    found: list[datetime] = []
    left = set(ids)
    for begin, finish in _backwards(start, end):
        if not left:
            break
        wanted = pa.array(sorted(left), pa.string())
        for table in log.batches(begin, finish, columns=("prediction_id", "asked_at")):
            here = table.filter(pc.is_in(table["prediction_id"].cast(pa.string()), value_set=wanted))
            found += here["asked_at"].to_pylist()
            left.difference_update(here["prediction_id"].to_pylist())
    return found, len(left)


def _by_key(
    log: PredictionLog, keys: list[str], key: BusinessKey, start: datetime, end: datetime
) -> tuple[list[datetime], int]:
    import numpy as np
    import pyarrow as pa

    found: list[datetime] = []
    left = set(range(len(keys)))
    given = key.columns_of(keys)
    columns = ["asked_at", *(INPUT + name for name in key.columns)]
    for table in log.batches(start, end, columns=columns) if key.columns else ():
        asked, said = match(table.to_pandas(), given)
        here = np.isin(asked, said[said >= 0])
        found += table["asked_at"].filter(pa.array(here)).to_pylist()
        left -= set(np.flatnonzero(np.isin(said, asked[here])).tolist())
    return found, len(left)


def _backwards(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Stretches of time from the newest to the oldest, each twice as long as the one before."""
    step = _DAY
    while end > start:
        begin = max(start, end - step)
        yield begin, end
        end, step = begin, 2 * step
