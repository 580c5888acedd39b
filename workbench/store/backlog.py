"""The backlog: what somebody has to look at, who does, and what became of it.

Whoever changes an item hands in the item as they have seen it: when somebody else has changed it since, they
are told, and nothing is lost. Each change is also an event of the item's history, which only grows. All
functions work on a connection, so that an item is put here in the transaction of what it is about.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, case, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from workbench.errors import ItemMoved, UsageError
from workbench.store import tables
from workbench.store.hashing import hash_value
from workbench.store.texts import storable

__all__ = [
    "KINDS",
    "PRIORITIES",
    "Event",
    "Item",
    "Kind",
    "Priority",
    "add",
    "assign",
    "close",
    "find",
    "history",
    "items",
    "known",
    "link",
    "remark",
    "reopen",
]

Kind = Literal["alert", "gate", "review", "note"]
Priority = Literal["high", "normal", "low"]
KINDS: tuple[Kind, ...] = ("alert", "gate", "review", "note")
PRIORITIES: tuple[Priority, ...] = ("high", "normal", "low")

_TABLE = tables.backlog
_EVENTS = tables.backlog_events
_LONGEST_NAME = 200


@dataclass(frozen=True)
class Item:
    """One item, as it was when it was read.

    Attributes
    ----------
    subject : str
        What it is about, such as ``flights-late v3``.
    links : tuple of str
        Where the evidence is: a run's id, a model version, a URL.
    opened_by, closed_by, assignee : str
        Names as they were given, which are claims; the history tells who the database knows.
    revision : int
        Counts its events.
    """

    id: int
    project: str
    kind: Kind
    title: str
    subject: str
    links: tuple[str, ...]
    priority: Priority
    status: Literal["open", "closed"]
    assignee: str
    opened_at: datetime
    opened_by: str
    closed_at: datetime | None
    closed_by: str
    closed_why: str
    revision: int

    def to_dict(self) -> dict[str, Any]:
        times = {name: moment and moment.isoformat() for name, moment in self._times().items()}
        return {**asdict(self), "links": list(self.links), **times}

    def _times(self) -> dict[str, datetime | None]:
        return {"opened_at": self.opened_at, "closed_at": self.closed_at}


@dataclass(frozen=True)
class Event:
    """One line of an item's history.

    Attributes
    ----------
    number : int
        Counts the events of the item from 1.
    actor, database_user
        As in the ledger: a claim, and who PostgreSQL knows.
    what : str
        ``opened``, ``assigned``, ``closed``, ``reopened``, ``linked``, ``remark`` or ``exported``.
    """

    number: int
    at: datetime
    actor: str
    database_user: str | None
    what: str
    detail: str


def add(
    connection: Connection,
    project: str,
    title: str,
    *,
    by: str,
    at: datetime,
    kind: Kind = "note",
    subject: str = "",
    links: Iterable[str] = (),
    priority: Priority = "normal",
    assignee: str = "",
    once: tuple[str | int, ...] = (),
) -> Item:
    """Put something on the backlog; of items that are the same ``once``, there is one.

    Returns
    -------
    Item
        The one that was there already, open or closed, when there was one.

    Raises
    ------
    UsageError
        For an empty title.
    """
    line = storable(" ".join(title.split()))
    if not line:
        raise UsageError("an item of the backlog needs a title that says what there is to do")
    values = {
        "project": project,
        "kind": kind,
        "title": line,
        "subject": storable(subject),
        "links": [storable(each) for each in links],
        "priority": priority,
        "status": "open",
        "assignee": storable(assignee, _LONGEST_NAME),
        "opened_at": at,
        "opened_by": storable(by, _LONGEST_NAME),
        "closed_by": "",
        "closed_why": "",
        "revision": 1,
        "key": hash_value([project, *once]) if once else None,
    }
    dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(_TABLE).on_conflict_do_nothing(index_elements=["key"]).returning(_TABLE)
    made = connection.execute(statement, values).first()
    if made is None:
        return _item(connection.execute(select(_TABLE).where(_TABLE.c.key == values["key"])).one())
    _tell(connection, made.id, 1, by, at, "opened", line)
    return _item(made)


def items(connection: Connection, project: str, *, closed: bool = False, assignee: str = "") -> list[Item]:
    """The open items of a project, the most urgent and then the oldest first; ``closed`` ones follow."""
    urgency = case({name: number for number, name in enumerate(PRIORITIES)}, value=_TABLE.c.priority)
    query = select(_TABLE).where(_TABLE.c.project == project)
    if not closed:
        query = query.where(_TABLE.c.status == "open")
    if assignee:
        query = query.where(_TABLE.c.assignee == assignee)
    order = query.order_by(_TABLE.c.status.desc(), urgency, _TABLE.c.opened_at, _TABLE.c.id)
    return [_item(row) for row in connection.execute(order)]


def find(connection: Connection, project: str, number: int) -> Item:
    """The item of that number (:class:`UsageError` if the project has none)."""
    query = select(_TABLE).where(_TABLE.c.project == project, _TABLE.c.id == number)
    row = connection.execute(query).first()
    if row is None:
        raise UsageError(f"no item {number} on the backlog of {project}; workbench backlog --all lists them")
    return _item(row)


def known(connection: Connection, project: str, once: tuple[str | int, ...]) -> Item | None:
    """The item that was added with this ``once``; nobody else changes it before the transaction ends."""
    query = select(_TABLE).where(_TABLE.c.key == hash_value([project, *once]))
    row = connection.execute(query.with_for_update()).first()
    return _item(row) if row else None


def assign(connection: Connection, item: Item, to: str, *, by: str, at: datetime) -> Item:
    """Say who looks at it; an empty name is nobody (:class:`ItemMoved` as the head of this module says)."""
    name = storable(to.strip(), _LONGEST_NAME)
    if name == item.assignee:
        return item
    return _change(connection, item, by, at, "assigned", name or "nobody", assignee=name)


def close(connection: Connection, item: Item, why: str, *, by: str, at: datetime) -> Item:
    """Close it, and keep why.

    Raises
    ------
    UsageError
        It is closed already, or there is no reason.
    ItemMoved
        Somebody else has changed it since ``item`` was read.
    """
    if item.status == "closed":
        raise UsageError(
            f"item {item.id} is closed already, since {item.closed_at:%Y-%m-%d %H:%M} by {item.closed_by}: "
            f"{item.closed_why}"
        )
    reason = storable(why.strip())
    if not reason:
        raise UsageError(f"closing item {item.id} needs a reason: it is what others read")
    ended = {"closed_at": at, "closed_by": storable(by, _LONGEST_NAME), "closed_why": reason}
    return _change(connection, item, by, at, "closed", reason, status="closed", **ended)


def reopen(connection: Connection, item: Item, why: str = "", *, by: str, at: datetime) -> Item:
    """Open a closed item again (:class:`UsageError` if it is open)."""
    if item.status == "open":
        raise UsageError(f"item {item.id} is open")
    anew = {"status": "open", "closed_at": None, "closed_by": "", "closed_why": ""}
    return _change(connection, item, by, at, "reopened", storable(why.strip()), **anew)


def link(connection: Connection, item: Item, to: str, *, by: str, at: datetime) -> Item:
    """Add a link to evidence; one that is there already is not added again."""
    place = storable(to.strip())
    if not place:
        raise UsageError("a link needs something to lead to: a run's id, a model version, a URL")
    if place in item.links:
        return item
    return _change(connection, item, by, at, "linked", place, links=(*item.links, place))


def remark(
    connection: Connection, item: Item, text: str, *, by: str, at: datetime, what: str = "remark"
) -> Item:
    """Add to its history what somebody (or the monitor) has to say."""
    return _change(connection, item, by, at, what, storable(text.strip()))


def history(connection: Connection, item: Item) -> list[Event]:
    """What happened to it, the oldest first."""
    query = select(_EVENTS).where(_EVENTS.c.item == item.id).order_by(_EVENTS.c.number)
    return [
        Event(row.number, row.at, row.actor, row.database_user, row.what, row.detail)
        for row in connection.execute(query)
    ]


def _change(
    connection: Connection, item: Item, by: str, at: datetime, what: str, detail: str, **values: Any
) -> Item:
    changed = replace(item, revision=item.revision + 1, **values)
    stored = {**values, "links": list(changed.links), "revision": changed.revision}
    seen = (_TABLE.c.id == item.id) & (_TABLE.c.revision == item.revision)
    if connection.execute(update(_TABLE).where(seen).values(stored)).rowcount != 1:
        last = history(connection, item)[-1]
        raise ItemMoved(
            f"item {item.id} was changed by {last.actor} in the meantime ({last.what}); nothing was done; "
            f"look and try again: workbench backlog show {item.id}"
        )
    _tell(connection, item.id, changed.revision, by, at, what, detail)
    return changed


def _tell(
    connection: Connection, item: int, number: int, by: str, at: datetime, what: str, detail: str
) -> None:
    event = {"item": item, "number": number, "at": at, "actor": storable(by, _LONGEST_NAME)}
    connection.execute(insert(_EVENTS), {**event, "what": what, "detail": detail})


def _item(row: Row[Any]) -> Item:
    values = dict(row._mapping)
    values.pop("key")
    return Item(**{**values, "links": tuple(values["links"])})
