"""What people say at their places: labels given, changed and taken back, rows skipped, disputes decided.

Who says something hands in the place as they have seen it: when it has changed since (in another of their
browsers, or because their time was over and somebody else has the seat), they are told, and nothing is
written. Each time, what stands at the place and the event that tells how it came there are one transaction.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, select, update

from workbench.data.labels.model import ADJUDICATOR_SEAT, Event, Person, Place, Queue, Row
from workbench.data.labels.places import claim_dispute, place
from workbench.data.labels.queues import take_turn
from workbench.errors import LabelRefused, UsageError
from workbench.store import label_tables as tables
from workbench.store.texts import storable

__all__ = ["decide", "give", "history", "skip", "undo"]

_PLACES, _EVENTS = tables.label_places, tables.label_events
_LONGEST_NAME, _LONGEST_REMARK = 200, 2_000
_FINDING = "look at the queue anew"


def give(
    connection: Connection,
    queue: Queue,
    seen: Place,
    label: str,
    *,
    by: Person,
    at: datetime,
    guidelines: int,
    remark: str = "",
) -> Place:
    """Label a row, or change what one has said of it.

    Parameters
    ----------
    seen : Place
        As it was read.
    label : str
        One of the choices' values.
    guidelines : int
        The version that they were shown.

    Raises
    ------
    UsageError
        There is no such label.
    LabelRefused
        It is not their place, it has changed since, somebody else has the seat by now, or a third person has
        decided about the row. Nothing was written.
    """
    check_label(queue, label)
    _own(seen, by)
    take_turn(connection, queue)
    present = place(connection, queue, seen.id)
    if present.revision != seen.revision:
        raise LabelRefused(f"row {seen.row.number} was changed in another window; {_FINDING}")
    if present.status == "labelled" and present.label == label and not remark:
        return present
    if present.adjudicates and present.status != "labelled":
        _disputed(connection, present.row)
    _undecided(connection, present)
    present = _seated(connection, queue, present)
    what = "adjudicated" if present.adjudicates else "changed" if present.label is not None else "labelled"
    values = {
        "status": "labelled",
        "label": label,
        "guidelines": guidelines,
        "labelled_at": at,
        "until": None,
    }
    return _write(connection, queue, present, values, what, by, at, remark, guidelines)


def skip(
    connection: Connection,
    queue: Queue,
    seen: Place,
    *,
    by: Person,
    at: datetime,
    guidelines: int,
    remark: str = "",
) -> Place:
    """Leave a row to others: it does not come to this person again (:class:`LabelRefused` as for `give`)."""
    _own(seen, by)
    take_turn(connection, queue)
    present = place(connection, queue, seen.id)
    if present.status == "labelled":
        raise LabelRefused(f"row {seen.row.number} is labelled; take that back first")
    if present.status == "skipped":
        return present
    values = {"status": "skipped", "seat": None, "until": None}
    return _write(connection, queue, present, values, "skipped", by, at, remark, guidelines)


def undo(
    connection: Connection,
    queue: Queue,
    seen: Place,
    *,
    by: Person,
    at: datetime,
    until: datetime,
    remark: str = "",
) -> Place:
    """Take back what one has said: the row is claimed again until then (:class:`LabelRefused` as for `give`).

    Of a row that was skipped, only while nobody else has the seat.
    """
    _own(seen, by)
    take_turn(connection, queue)
    present = place(connection, queue, seen.id)
    if present.status not in ("labelled", "skipped"):
        raise LabelRefused(f"there is nothing to take back of row {seen.row.number}")
    _undecided(connection, present)
    what = "undone" if present.status == "labelled" else "returned"
    present = _seated(connection, queue, present)
    values = {"status": "claimed", "label": None, "labelled_at": None, "until": until}
    return _write(connection, queue, present, values, what, by, at, remark, present.guidelines)


def decide(
    connection: Connection,
    queue: Queue,
    row: Row,
    label: str,
    *,
    by: Person,
    at: datetime,
    now: datetime,
    guidelines: int,
    why: str = "",
) -> Place:
    """Decide between the people who labelled a row; who has decided it may change that.

    Raises
    ------
    UsageError
        There is no such label.
    LabelRefused
        The person labelled the row, somebody else is at it or decided it, or nobody disagrees.
    """
    check_label(queue, label)
    claimed = claim_dispute(connection, queue, row, by, now=now, lease=timedelta(minutes=1))
    return give(connection, queue, claimed, label, by=by, at=at, guidelines=guidelines, remark=why)


def history(connection: Connection, queue: Queue, row: Row, *, of: Collection[int] = ()) -> list[Event]:
    """What happened at a row, the oldest first; ``of`` some of its places only."""
    columns = [_EVENTS.c[name] for name in Event.__dataclass_fields__]
    query = select(*columns).where(_EVENTS.c.queue == queue.id, _EVENTS.c.row == row.id)
    if of:
        query = query.where(_EVENTS.c.place.in_(of))
    return [Event(**found._mapping) for found in connection.execute(query.order_by(_EVENTS.c.id))]


def check_label(queue: Queue, label: str) -> None:
    """Refuse what is no label of the queue (:class:`UsageError`)."""
    if label not in (each.value for each in queue.choices):
        there = ", ".join(f"{each.value} ({each.text})" for each in queue.choices)
        raise UsageError(f"{label!r} is no label of queue {queue.name!r}; there is: {there}")


def _disputed(connection: Connection, row: Row) -> None:
    """Refuse to decide where nobody disagrees."""
    seats = (_PLACES.c.row == row.id) & (_PLACES.c.seat > ADJUDICATOR_SEAT)
    given = select(_PLACES.c.label).where(seats, _PLACES.c.status == "labelled")
    found = list(connection.scalars(given))
    if len(found) < row.wanted:
        raise LabelRefused(f"row {row.number} waits for labels: {len(found)} of {row.wanted}")
    if len(set(found)) < 2:
        raise LabelRefused(f"nobody disagrees about row {row.number}; nothing was done")


def _own(seen: Place, by: Person) -> None:
    if seen.person != by.person:
        raise LabelRefused(
            f"row {seen.row.number} is {seen.person}'s, and you are {by.person}: nobody labels for others"
        )


def _undecided(connection: Connection, present: Place) -> None:
    if present.adjudicates:
        return
    decided = (_PLACES.c.row == present.row.id) & (_PLACES.c.seat == ADJUDICATOR_SEAT)
    if connection.execute(select(_PLACES.c.id).where(decided, _PLACES.c.status == "labelled")).first():
        raise LabelRefused(f"a third person has decided about row {present.row.number}; it stays as it is")


def _seated(connection: Connection, queue: Queue, present: Place) -> Place:
    """With a seat: one that was given up or lost is taken again, unless the row has enough people."""
    if present.seat is not None:
        return present
    row = present.row
    had = set(connection.scalars(select(_PLACES.c.seat).where(_PLACES.c.row == row.id)))
    free = next((seat for seat in range(1, row.wanted + 1) if seat not in had), None)
    if free is None:
        raise LabelRefused(
            f"your time for row {row.number} was over, and others have it now; go on with the next"
        )
    connection.execute(update(_PLACES).where(_PLACES.c.id == present.id).values(seat=free))
    return place(connection, queue, present.id)


def _write(
    connection: Connection,
    queue: Queue,
    present: Place,
    values: dict[str, Any],
    what: str,
    by: Person,
    at: datetime,
    remark: str,
    guidelines: int,
) -> Place:
    number = present.revision + 1
    as_seen = (_PLACES.c.id == present.id) & (_PLACES.c.revision == present.revision)
    change = update(_PLACES).where(as_seen).values({**values, "revision": number})
    if connection.execute(change).rowcount != 1:
        raise LabelRefused(f"row {present.row.number} was changed in another window; {_FINDING}")
    event = {
        "queue": queue.id,
        "row": present.row.id,
        "place": present.id,
        "number": number,
        "at": at,
        "actor": storable(by.actor, _LONGEST_NAME),
        "what": what,
        "before": present.label,
        "after": values.get("label"),
        "remark": storable(remark.strip(), _LONGEST_REMARK),
        "guidelines": guidelines,
    }
    connection.execute(insert(_EVENTS), event)
    return place(connection, queue, present.id)
