"""Queues, their rows and their guidelines."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from workbench.config.fields import NAME
from workbench.data.labels.model import (
    CONTROLS,
    Batch,
    Cell,
    Choice,
    Guidelines,
    How,
    NewRow,
    Person,
    Queue,
    Row,
)
from workbench.errors import LabelRefused, UnknownName, UsageError
from workbench.store import label_tables as tables
from workbench.store.database import hold
from workbench.store.hashing import hash_value
from workbench.store.texts import one_line, storable

__all__ = [
    "add_rows",
    "batches",
    "find",
    "guideline_versions",
    "guidelines",
    "listed",
    "make",
    "revise_guidelines",
    "row",
    "row_count",
    "row_of",
    "take_turn",
]

_QUEUES, _ROWS, _BATCHES, _GUIDELINES = (
    tables.label_queues,
    tables.label_rows,
    tables.label_batches,
    tables.label_guidelines,
)
_LONGEST_LABEL, _LONGEST_CELL, _LONGEST_NAME = 200, 2_000, 200
_LONGEST_GUIDELINES = 100_000
_AT_ONCE = 1_000


def make(
    connection: Connection,
    project: str,
    name: str,
    question: str,
    choices: Sequence[Choice],
    *,
    by: Person,
    at: datetime,
) -> Queue:
    """A new queue, or the one of that name if it asks the same.

    Raises
    ------
    UsageError
        The name is none, the choices are not two or more with keys of their own, or there is a queue of that
        name that asks something else. (An empty question is the one that is asked already.)
    """
    if not re.fullmatch(NAME, name) or len(name) > 100:
        raise UsageError(f"{name!r} is no name of a queue: small letters, digits, - and _, a letter first")
    _check(choices)
    asked = storable(" ".join(question.split())) or f"Which label is right for this row of {name}?"
    values = {
        "project": project,
        "name": name,
        "question": asked,
        "choices": [asdict(each) for each in choices],
        "made_at": at,
        "made_by": storable(by.person, _LONGEST_NAME),
    }
    dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
    once = dialect.insert(_QUEUES).on_conflict_do_nothing(index_elements=["project", "name"])
    connection.execute(once, values)
    found = find(connection, project, name)
    if question.strip() and found.question != asked:
        raise UsageError(f"queue {name!r} asks {found.question!r}, which stays; guidelines may change")
    if found.choices != tuple(choices):
        there = ", ".join(f"{each.key}={each.value}:{each.text}" for each in found.choices)
        raise UsageError(f"queue {name!r} has other labels ({there}); give them, or another name")
    return found


def _check(choices: Sequence[Choice]) -> None:
    if not 2 <= len(choices) <= 30:
        raise UsageError(
            f"a queue needs 2 to 30 labels, not {len(choices)}: --label KEY=VALUE:TEXT, repeated"
        )
    for name in ("key", "value"):
        given = [getattr(each, name) for each in choices]
        if twice := next((each for each in given if given.count(each) > 1), None):
            raise UsageError(f"two labels have the {name} {twice!r}; each needs its own")
    for each in choices:
        if len(each.key) != 1 or not each.key.isprintable() or each.key.isspace():
            raise UsageError(f"{each.key!r} is no key: one letter, digit or sign")
        if each.key in CONTROLS:
            raise UsageError(f"the key {each.key!r} is taken: it means {CONTROLS[each.key]}")
        for text in (each.value, each.text):
            if not text.strip() or text != one_line(text) or len(text) > _LONGEST_LABEL:
                raise UsageError(f"{text[:60]!r} is no label: a line of 1 to {_LONGEST_LABEL} characters")


def find(connection: Connection, project: str, name: str) -> Queue:
    """The queue of that name (:class:`UnknownName` if the project has none)."""
    query = select(_QUEUES).where(_QUEUES.c.project == project, _QUEUES.c.name == name)
    found = connection.execute(query).first()
    if found is None:
        raise UnknownName("queue", name, (each.name for each in listed(connection, project)))
    return _queue(found)


def listed(connection: Connection, project: str) -> list[Queue]:
    """The queues of a project, by name."""
    query = select(_QUEUES).where(_QUEUES.c.project == project).order_by(_QUEUES.c.name)
    return [_queue(each) for each in connection.execute(query)]


def take_turn(connection: Connection, queue: Queue) -> None:
    """Change nothing in a queue while somebody else does: two at several rows would lock each other."""
    hold(connection, "labels", queue.id)


def add_rows(
    connection: Connection,
    queue: Queue,
    rows: Sequence[NewRow],
    *,
    source: Mapping[str, Any],
    how: How,
    double_rate: float,
    seed: int,
    by: Person,
    at: datetime,
) -> Batch:
    """Add rows that are not in the queue yet; a drawn share of them is labelled twice.

    Parameters
    ----------
    double_rate : float
        The share, from 0 to 1, that two people label; of a few rows it is rounded to whole ones.
    seed : int
        Of the draw, and of the order in which rows are asked about.

    Returns
    -------
    Batch
        ``rows`` says how many were new; where none was, nothing is written.
    """
    if not 0 <= double_rate <= 1:
        raise UsageError(f"a double rate is a share from 0 to 1, not {double_rate}")
    take_turn(connection, queue)
    fresh = _fresh(connection, queue, rows)
    if not fresh:
        return Batch(0, source, how, double_rate, seed, 0, at, by.actor, by.database_user)
    chance = random.Random(seed)
    chance.shuffle(fresh)
    twice = set(chance.sample(range(len(fresh)), round(double_rate * len(fresh))))
    number = 1 + (connection.scalar(select(func.max(_BATCHES.c.number)).where(_of(_BATCHES, queue))) or 0)
    first = 1 + (connection.scalar(select(func.max(_ROWS.c.number)).where(_of(_ROWS, queue))) or 0)
    values = {
        "queue": queue.id,
        "number": number,
        "source": dict(source),
        "how": how,
        "double_rate": double_rate,
        "seed": seed,
        "rows": len(fresh),
        "at": at,
        "actor": storable(by.actor, _LONGEST_NAME),
    }
    connection.execute(insert(_BATCHES), values)
    made = [
        {
            "queue": queue.id,
            "number": first + place,
            "batch": number,
            "key": key,
            "reference": dict(each.reference),
            "cells": {storable(name, _LONGEST_NAME): _kept(cell) for name, cell in each.cells.items()},
            "why": storable(each.why),
            "wanted": 2 if place in twice else 1,
        }
        for place, (key, each) in enumerate(fresh)
    ]
    for start in range(0, len(made), _AT_ONCE):
        connection.execute(insert(_ROWS), made[start : start + _AT_ONCE])
    return batches(connection, queue)[-1]


def _fresh(connection: Connection, queue: Queue, rows: Iterable[NewRow]) -> list[tuple[str, NewRow]]:
    there = set(connection.scalars(select(_ROWS.c.key).where(_of(_ROWS, queue))))
    fresh: dict[str, NewRow] = {}
    for each in rows:
        key = hash_value(dict(each.reference))
        if key not in there:
            fresh.setdefault(key, each)
    return list(fresh.items())


def _kept(cell: Cell) -> Cell:
    return storable(cell, _LONGEST_CELL) if isinstance(cell, str) else cell


def batches(connection: Connection, queue: Queue) -> list[Batch]:
    """Where the rows of a queue are from, the oldest batch first."""
    columns = [_BATCHES.c[name] for name in Batch.__dataclass_fields__]
    query = select(*columns).where(_of(_BATCHES, queue)).order_by(_BATCHES.c.number)
    return [Batch(**each._mapping) for each in connection.execute(query)]


def row_count(connection: Connection, queue: Queue) -> int:
    """How many rows a queue has."""
    return connection.scalar(select(func.count()).select_from(_ROWS).where(_of(_ROWS, queue))) or 0


def row(connection: Connection, queue: Queue, number: int) -> Row:
    """The row of that number (:class:`UsageError` if the queue has none)."""
    found = connection.execute(select(_ROWS).where(_of(_ROWS, queue), _ROWS.c.number == number)).first()
    if found is None:
        count = row_count(connection, queue)
        raise UsageError(f"queue {queue.name!r} has no row {number}; it has {count}, counted from 1")
    return row_of(dict(found._mapping))


def row_of(values: Mapping[str, Any]) -> Row:
    """A row out of the columns of its table."""
    return Row(**{name: values[name] for name in Row.__dataclass_fields__})


def revise_guidelines(
    connection: Connection, queue: Queue, text: str, *, by: Person, at: datetime
) -> Guidelines:
    """A new version of the guidelines; the same text again makes none.

    Raises
    ------
    UsageError
        There is no text, or too much of it.
    LabelRefused
        Somebody else was quicker; nothing was written.
    """
    kept = storable(text.strip())
    if not kept or len(kept) > _LONGEST_GUIDELINES:
        raise UsageError(f"guidelines are a text of 1 to {_LONGEST_GUIDELINES:,} characters")
    present = guidelines(connection, queue)
    if present.text == kept:
        return present
    values = {"queue": queue.id, "version": present.version + 1, "text": kept, "at": at}
    dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
    once = dialect.insert(_GUIDELINES).on_conflict_do_nothing(index_elements=["queue", "version"])
    connection.execute(once, {**values, "actor": storable(by.actor, _LONGEST_NAME)})
    if guidelines(connection, queue).text != kept:
        raise LabelRefused(f"somebody else changed the guidelines of {queue.name!r} just now; look at theirs")
    return guidelines(connection, queue)


def guidelines(connection: Connection, queue: Queue) -> Guidelines:
    """The newest version; before there is one, version 0 without a text."""
    found = guideline_versions(connection, queue, newest=True)
    return found[0] if found else Guidelines(0, "")


def guideline_versions(connection: Connection, queue: Queue, *, newest: bool = False) -> list[Guidelines]:
    """All versions, the newest first."""
    columns = [_GUIDELINES.c[name] for name in Guidelines.__dataclass_fields__]
    query = select(*columns).where(_of(_GUIDELINES, queue)).order_by(_GUIDELINES.c.version.desc())
    return [Guidelines(**each._mapping) for each in connection.execute(query.limit(1) if newest else query)]


def _of(table: Any, queue: Queue) -> Any:
    return table.c.queue == queue.id


def _queue(found: Any) -> Queue:
    values = dict(found._mapping)
    return Queue(**{**values, "choices": tuple(Choice(**each) for each in values["choices"])})
