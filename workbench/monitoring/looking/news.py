"""What was said of a log's answers since the monitor looked last, and which answers that is about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import ColumnElement, Connection, Table, func, select

from workbench.monitoring.looking.looks import Look, Place
from workbench.registry.cases import INPUT
from workbench.serving.truth.business import BusinessKey, match
from workbench.store import tables

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from workbench.serving import PredictionLog

__all__ = ["News", "nobody_spoke", "read_news"]

_DAY = timedelta(days=1)
_NEVER = np.array([], dtype="datetime64[us]")


@dataclass(frozen=True)
class News:
    """What is new.

    Attributes
    ----------
    truth, feedback : Place
        Up to where it was read.
    ids, keys : frozenset of str
        The predictions, by their ids and by business keys, of which something is known that was not.
    since : datetime or None
        When one had looked last.
    pending : datetime or None
        When the first of what is not known yet becomes known.
    everything : bool
        All that was ever said counts as new, and is not in ``ids`` and ``keys``.
    """

    truth: Place
    feedback: Place
    ids: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()
    since: datetime | None = None
    pending: datetime | None = None
    everything: bool = False

    @property
    def told(self) -> int:
        """A number that grows with whatever is said."""
        return self.truth.last + self.feedback.last

    def asked(
        self, log: PredictionLog, key: BusinessKey, start: datetime, end: datetime
    ) -> tuple[NDArray[np.datetime64], int]:
        """When the answers that it is about were asked for, in UTC, and how many of them are not there.

        Labels are mostly of what was asked lately, so ids are looked for backwards, and no further than they
        are found; a key may be that of several answers, and all are gone through.
        """
        lately = max(_DAY, 2 * (end - self.since)) if self.since is not None else end - start
        found, ids = _by_id(log, self.ids, start, end, lately)
        if not self.keys:
            return found, ids
        by_key, keys = _by_key(log, sorted(self.keys), key, start, end)
        return np.concatenate((found, by_key)), ids + keys


def nobody_spoke(connection: Connection, log: str) -> bool:
    """Whether nobody has ever said anything of the answers in a log."""
    said = (said.table.c for said in (_TRUTH, _FEEDBACK))
    return all(connection.scalar(select(row.id).where(row.log == log).limit(1)) is None for row in said)


def read_news(connection: Connection, log: str, look: Look | None, now: datetime) -> News:
    """What is known ``now`` and was not when one had looked that far.

    All is new to who has never looked, or looks as of an earlier time, or whose place is not there any more.
    """
    truth, feedback = new = [said.since(connection, log, look, now) for said in (_TRUTH, _FEEDBACK)]
    everything = truth.everything or feedback.everything
    return News(
        truth.place,
        feedback.place,
        ids=frozenset() if everything else truth.ids | feedback.ids,
        keys=frozenset() if everything else truth.keys,
        since=look.as_of if look is not None else None,
        pending=min((each.pending for each in new if each.pending), default=None),
        everything=everything,
    )


@dataclass(frozen=True)
class _New:
    """What is new of one table."""

    place: Place
    everything: bool = False
    ids: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()
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
    """

    name: str
    table: Table
    moment: str
    after: timedelta

    def since(self, connection: Connection, log: str, look: Look | None, now: datetime) -> _New:
        row, moment, known_by = self.table.c, self.table.c[self.moment], now - self.after
        before: Place | None = getattr(look, self.name, None)
        place, whole = self._place(connection, log, before)
        if look is None or before is None or not whole or now < look.as_of:
            pending = self._earliest(connection, (row.log == log, moment > known_by))
            return _New(place, everything=True, pending=pending)
        known: list[tuple[ColumnElement[bool], ...]] = []
        later: list[datetime | None] = []
        if place != before:
            # By the plain name SQLite would take the index of the log, and go through all that was ever said.
            new = (row.id > before.last, row.log.concat("") == log)
            known.append((*new, moment <= known_by))
            later.append(self._earliest(connection, (*new, moment > known_by)))
        if look.pending is not None and look.pending <= known_by:
            old = (row.log == log, row.id <= before.last)
            known.append((*old, moment > look.as_of - self.after, moment <= known_by))
            later.append(self._earliest(connection, (*old, moment > known_by)))
        else:
            later.append(look.pending)
        return _New(
            place,
            ids=self._names(connection, row.prediction_id, known),
            keys=self._names(connection, row.business_key, known) if "business_key" in row else frozenset(),
            pending=min(filter(None, later), default=None),
        )

    def _earliest(self, connection: Connection, where: Sequence[ColumnElement[bool]]) -> datetime | None:
        found: datetime | None = connection.scalar(select(func.min(self.table.c[self.moment])).where(*where))
        return found

    def _names(
        self, connection: Connection, name: ColumnElement[str], known: Sequence[Sequence[ColumnElement[bool]]]
    ) -> frozenset[str]:
        queries = (select(name).where(*where, name != "") for where in known)
        return frozenset(chain.from_iterable(connection.scalars(query).all() for query in queries))

    def _place(self, connection: Connection, log: str, before: Place | None) -> tuple[Place, bool]:
        """Where the newest row is, and whether the rows before the place are those that were there."""
        row = self.table.c
        if connection.dialect.name == "sqlite":  # where one transaction writes after the other
            last = connection.scalar(select(func.max(row.id))) or 0
            return Place(last), before is None or before.last <= last
        last, rows = connection.execute(select(func.max(row.id), func.count()).where(row.log == log)).one()
        up_to = select(func.count()).where(row.log == log, row.id <= (before.last if before else 0))
        return Place(last or 0, rows), before is None or before.rows == connection.scalar(up_to)


_TRUTH = _Said("truth", tables.ground_truth, "known_at", timedelta(0))
_FEEDBACK = _Said("feedback", tables.feedback, "given_at", timedelta(microseconds=1))


def _by_id(
    log: PredictionLog, ids: frozenset[str], start: datetime, end: datetime, lately: timedelta
) -> tuple[NDArray[np.datetime64], int]:
    import pyarrow as pa
    import pyarrow.compute as pc

    found = [_NEVER]
    left = pa.array(list(ids), pa.string())
    for begin, finish in _backwards(start, end, lately):
        if not len(left):
            break
        there = []
        for table in log.batches(begin, finish, columns=("prediction_id", "asked_at")):
            named = table["prediction_id"].cast(pa.string())
            here = pc.is_in(named, value_set=left)
            found.append(_moments(table.filter(here)))
            there.append(named.filter(here))
        if there:
            names = pa.chunked_array([chunk for column in there for chunk in column.chunks], pa.string())
            left = left.filter(pc.invert(pc.is_in(left, value_set=names.combine_chunks())))
    return np.concatenate(found), len(left)


def _by_key(
    log: PredictionLog, keys: list[str], key: BusinessKey, start: datetime, end: datetime
) -> tuple[NDArray[np.datetime64], int]:
    import pyarrow as pa

    found = [_NEVER]
    left = set(range(len(keys)))
    given = key.columns_of(keys)
    columns = ["asked_at", *(INPUT + name for name in key.columns)]
    for table in log.batches(start, end, columns=columns) if key.columns else ():
        asked, said = match(table.to_pandas(), given)
        here = np.isin(asked, said[said >= 0])
        found.append(_moments(table.filter(pa.array(here))))
        left -= set(np.flatnonzero(np.isin(said, asked[here])).tolist())
    return np.concatenate(found), len(left)


def _moments(table: pa.Table) -> NDArray[np.datetime64]:
    moments: NDArray[np.int64] = table["asked_at"].cast("int64").to_numpy()
    return moments.astype("datetime64[us]")


def _backwards(start: datetime, end: datetime, step: timedelta) -> Iterator[tuple[datetime, datetime]]:
    """Stretches of time from the newest to the oldest, each twice as long as the one before."""
    while end > start:
        begin = max(start, end - step)
        yield begin, end
        end, step = begin, 2 * step
