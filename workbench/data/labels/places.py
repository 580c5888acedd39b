"""Who is at which row: claims that end by time, so that who goes away frees them.

Of two people who want a seat one gets it, since they take turns and a row has each seat once; and a person is
at a row once, however many browsers they sit at. Both are unique constraints, on every database. Claims last
by the machine's clock: one that was set back makes a claim seem to last for longer than it was taken for, and
then it lasts for its whole length once more, counted from now.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, exists, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from workbench.data.labels.model import ADJUDICATOR_SEAT, Person, Place, Queue, Row
from workbench.data.labels.queues import row_of, take_turn
from workbench.errors import LabelRefused
from workbench.store import label_tables as tables

__all__ = [
    "claim",
    "claim_dispute",
    "free_claims",
    "next_dispute",
    "place",
    "places",
    "recent",
    "take_seat",
]

_PLACES, _ROWS, _EVENTS = tables.label_places, tables.label_rows, tables.label_events


def claim(
    connection: Connection, queue: Queue, who: Person, count: int, *, now: datetime, lease: timedelta
) -> list[Place]:
    """The next rows for a person: what they have claimed already, then free seats in the order of the queue.

    Parameters
    ----------
    count : int
        How many rows they are to have, so that the next are there when the first is labelled.
    now : datetime
        By the machine's clock.

    Returns
    -------
    list of Place
        Fewer than ``count`` when no more rows are free for them.
    """
    take_turn(connection, queue)
    free_claims(connection, queue, now=now, lease=lease, but=who)
    mine = (_PLACES.c.queue == queue.id) & (_PLACES.c.person == who.person) & (_PLACES.c.status == "claimed")
    mine &= _PLACES.c.seat != ADJUDICATOR_SEAT
    connection.execute(update(_PLACES).where(mine).values(until=now + lease))
    held = places(connection, queue, mine)
    for row, seat in _free(connection, queue, who, count - len(held)):
        taken = take_seat(connection, queue, row, who, seat, until=now + lease)
        held += [taken] if taken else []
    return held


def free_claims(
    connection: Connection, queue: Queue, *, now: datetime, lease: timedelta, but: Person | None = None
) -> None:
    """End the claims whose time is over."""
    claimed = (_PLACES.c.queue == queue.id) & (_PLACES.c.status == "claimed")
    if but is not None:
        claimed &= _PLACES.c.person != but.person
    too_long = claimed & (_PLACES.c.until > now + lease)
    connection.execute(update(_PLACES).where(too_long).values(until=now + lease))
    over = claimed & (_PLACES.c.until <= now)
    connection.execute(update(_PLACES).where(over).values(status="lapsed", seat=None, until=None))


def next_dispute(
    connection: Connection, queue: Queue, who: Person, *, after: int, now: datetime
) -> Row | None:
    """The next row behind this number, else from the first on, that others disagree about.

    None of those that the person labelled, that are decided, or that somebody else is deciding; nothing is
    claimed yet. The database stops at the first such row: a queue may have tens of thousands.
    """
    of_row = _PLACES.c.row == _ROWS.c.id
    labels = (_PLACES.c.seat > ADJUDICATOR_SEAT) & (_PLACES.c.status == "labelled")
    differ = func.count() >= _ROWS.c.wanted, func.min(_PLACES.c.label) < func.max(_PLACES.c.label)
    disputed = select(and_(*differ)).where(of_row, labels).scalar_subquery()
    mine = exists().where(of_row, _PLACES.c.person == who.person, _PLACES.c.seat > ADJUDICATOR_SEAT)
    at_it = (_PLACES.c.status == "claimed") & (_PLACES.c.person != who.person) & (_PLACES.c.until > now)
    decided = or_(_PLACES.c.status == "labelled", at_it)
    taken = exists().where(of_row, _PLACES.c.seat == ADJUDICATOR_SEAT, decided)
    several = (_ROWS.c.queue == queue.id) & (_ROWS.c.wanted > 1)
    query = select(_ROWS).where(several, ~mine, ~taken, disputed).order_by(_ROWS.c.number).limit(1)
    for where in (_ROWS.c.number > after, _ROWS.c.number <= after):
        if found := connection.execute(query.where(where)).first():
            return row_of(dict(found._mapping))
    return None


def claim_dispute(
    connection: Connection, queue: Queue, row: Row, who: Person, *, now: datetime, lease: timedelta
) -> Place:
    """The seat of who decides between the people who labelled a row.

    Raises
    ------
    LabelRefused
        They labelled it themselves, or somebody else is at it.
    """
    take_turn(connection, queue)
    free_claims(connection, queue, now=now, lease=lease, but=who)
    found = places(connection, queue, (_PLACES.c.row == row.id) & (_PLACES.c.person == who.person))
    if found and found[0].seat is not None:
        if not found[0].adjudicates:
            raise LabelRefused(f"row {row.number} is for a third person to decide: {who.person} labelled it")
        return found[0]
    taken = take_seat(connection, queue, row, who, ADJUDICATOR_SEAT, until=now + lease)
    if taken is None:
        raise LabelRefused(f"somebody else is deciding row {row.number}; nothing was done")
    return taken


def take_seat(
    connection: Connection, queue: Queue, row: Row, who: Person, seat: int, *, until: datetime
) -> Place | None:
    """Claim a seat; None when somebody was quicker. Who had been at the row before is there again."""
    values = {"seat": seat, "status": "claimed", "until": until, "label": None, "labelled_at": None}
    new = {"queue": queue.id, "row": row.id, "person": who.person, "guidelines": 0, "revision": 0, **values}
    dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
    connection.execute(dialect.insert(_PLACES).on_conflict_do_nothing(), new)
    here = (_PLACES.c.row == row.id) & (_PLACES.c.person == who.person)
    found = places(connection, queue, here)
    if not found:
        return None
    if found[0].seat is None:
        try:
            with connection.begin_nested():
                connection.execute(update(_PLACES).where(here, _PLACES.c.seat.is_(None)).values(values))
        except IntegrityError:
            return None
        found = places(connection, queue, here)
    return found[0] if found[0].seat == seat and found[0].status == "claimed" else None


def _free(connection: Connection, queue: Queue, who: Person, count: int) -> Iterator[tuple[Row, int]]:
    """Rows with a seat that nobody has, which they neither labelled nor skipped, and that seat."""
    if count <= 0:
        return
    of_row = _PLACES.c.row == _ROWS.c.id
    taken = select(func.count()).where(of_row, _PLACES.c.seat > ADJUDICATOR_SEAT).scalar_subquery()
    been = exists().where(of_row, _PLACES.c.person == who.person, _PLACES.c.status != "lapsed")
    query = select(_ROWS).where(_ROWS.c.queue == queue.id, taken < _ROWS.c.wanted, ~been)
    for found in connection.execute(query.order_by(_ROWS.c.number).limit(count)).all():
        row = row_of(dict(found._mapping))
        had = set(connection.scalars(select(_PLACES.c.seat).where(_PLACES.c.row == row.id)))
        free = next((seat for seat in range(1, row.wanted + 1) if seat not in had), None)
        if free is not None:
            yield row, free


def places(connection: Connection, queue: Queue, where: Any) -> list[Place]:
    """Places with their rows, in the order of the queue."""
    query = (
        select(_PLACES, _ROWS)
        .join(_ROWS, _ROWS.c.id == _PLACES.c.row)
        .where(_PLACES.c.queue == queue.id, where)
        .order_by(_ROWS.c.number, _PLACES.c.seat, _PLACES.c.id)
    )
    return [_place(found) for found in connection.execute(query)]


def place(connection: Connection, queue: Queue, number: int) -> Place:
    """A place as it is now (:class:`LabelRefused` when there is none any more)."""
    found = places(connection, queue, _PLACES.c.id == number)
    if not found:
        raise LabelRefused(f"queue {queue.name!r} does not have this place any more; look at it anew")
    return found[0]


def recent(connection: Connection, queue: Queue, who: Person, limit: int) -> list[Place]:
    """Where a person labelled or skipped last, the newest first, by the order in which it was written."""
    newest = select(func.max(_EVENTS.c.id)).where(_EVENTS.c.place == _PLACES.c.id).scalar_subquery()
    labelled = and_(_PLACES.c.status == "labelled", _PLACES.c.seat != ADJUDICATOR_SEAT)
    query = (
        select(_PLACES, _ROWS)
        .join(_ROWS, _ROWS.c.id == _PLACES.c.row)
        .where(_PLACES.c.queue == queue.id, _PLACES.c.person == who.person)
        .where(or_(labelled, _PLACES.c.status == "skipped"))
        .order_by(newest.desc())
        .limit(limit)
    )
    return [_place(found) for found in connection.execute(query)]


def _place(found: Any) -> Place:
    place, row = ({column: found._mapping[column] for column in table.c} for table in (_PLACES, _ROWS))
    named = {column.name: value for column, value in place.items()}
    its_row = row_of({column.name: value for column, value in row.items()})
    return Place(**{**{name: named[name] for name in Place.__dataclass_fields__}, "row": its_row})
