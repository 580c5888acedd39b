"""Labels as they stood before anybody could have seen the other's: what agreement is measured on.

Once all who label a row have done so, its history is open, and they may still change what they said. Those
changes count for the row, but not for how far people agree: that goes by the moment at which the last of them
had labelled it. It is found in the events, which nobody can change.
"""

from __future__ import annotations

from sqlalchemy import Connection, select

from workbench.data.labels.model import Queue
from workbench.data.labels.queues import row_of
from workbench.data.labels.results import Given, Result
from workbench.store import label_tables as tables

__all__ = ["blind_results"]

_PLACES, _ROWS, _EVENTS = tables.label_places, tables.label_rows, tables.label_events
_DECIDES = "adjudicated"


def blind_results(connection: Connection, queue: Queue) -> list[Result]:
    """The rows that several people have labelled, each as it was when the last of them had."""
    several = select(_ROWS).where(_ROWS.c.queue == queue.id, _ROWS.c.wanted > 1).order_by(_ROWS.c.number)
    rows = {found.id: row_of(dict(found._mapping)) for found in connection.execute(several)}
    query = (
        select(_EVENTS, _PLACES.c.person)
        .join(_PLACES, _PLACES.c.id == _EVENTS.c.place)
        .where(_EVENTS.c.queue == queue.id, _EVENTS.c.what != _DECIDES)
        .order_by(_EVENTS.c.id)
    )
    standing: dict[int, dict[int, Given]] = {row: {} for row in rows}
    complete: dict[int, tuple[Given, ...]] = {}
    for event in connection.execute(query):
        if event.row not in rows or event.row in complete:
            continue
        labels = standing[event.row]
        if event.after is None:
            labels.pop(event.place, None)
        else:
            labels[event.place] = Given(event.person, event.after, event.at, event.guidelines)
        if len(labels) >= rows[event.row].wanted:
            complete[event.row] = tuple(labels.values())
    return [Result(row, complete[number], None) for number, row in rows.items() if number in complete]
