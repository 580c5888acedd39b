"""What labelling is about: queues, rows, choices, places and events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

__all__ = [
    "ADJUDICATOR_SEAT",
    "CONTROLS",
    "PHASE",
    "Batch",
    "Cell",
    "Choice",
    "Event",
    "Guidelines",
    "How",
    "NewRow",
    "Person",
    "Place",
    "Queue",
    "Row",
    "Status",
]

How = Literal["random", "uncertainty", "disagreement", "alerts"]
Status = Literal["claimed", "labelled", "skipped", "lapsed"]
Cell = str | int | float | bool | None
#: Keys that mean the same in every queue, and so are no label's.
CONTROLS: Mapping[str, str] = {"s": "skip", "u": "undo", "b": "back"}
ADJUDICATOR_SEAT = 0
#: What stands in place of the phase for a dataset version of labels, which no run wrote.
PHASE = "label"


class Person(Protocol):
    """Who somebody is, as :class:`workbench.registry.identity.Identity` knows it."""

    @property
    def actor(self) -> str: ...
    @property
    def database_user(self) -> str | None: ...
    @property
    def person(self) -> str: ...


@dataclass(frozen=True)
class Choice:
    """A label that can be given.

    Attributes
    ----------
    key : str
        The key on the keyboard.
    value : str
        What is kept, such as ``1``.
    text : str
        What people read, such as ``late``.
    """

    key: str
    value: str
    text: str


@dataclass(frozen=True)
class Queue:
    """A queue of rows that people are asked the same question about."""

    id: int
    project: str
    name: str
    question: str
    choices: tuple[Choice, ...]
    made_at: datetime
    made_by: str

    def text(self, value: str | None) -> str:
        """What people read for a label."""
        return next((each.text for each in self.choices if each.value == value), value or "–")


@dataclass(frozen=True)
class NewRow:
    """A row to be asked about.

    Attributes
    ----------
    reference : mapping
        Which case it is: ``{"prediction_id": …}``, or the key columns of a dataset.
    cells : mapping
        What annotators see.
    why : str
        Why it was chosen; annotators do not see that.
    """

    reference: Mapping[str, Cell]
    cells: Mapping[str, Cell]
    why: str = ""


@dataclass(frozen=True)
class Row:
    """A row of a queue; ``number`` counts from 1, and ``wanted`` people label it."""

    id: int
    queue: int
    number: int
    batch: int
    reference: Mapping[str, Cell]
    cells: Mapping[str, Cell]
    why: str
    wanted: int


@dataclass(frozen=True)
class Batch:
    """Where some rows of a queue are from, and how they were chosen."""

    number: int
    source: Mapping[str, Any]
    how: How
    double_rate: float
    seed: int
    rows: int
    at: datetime
    actor: str
    database_user: str | None


@dataclass(frozen=True)
class Guidelines:
    """One version of what people are to go by, as Markdown; version 0 is none."""

    version: int
    text: str
    at: datetime | None = None
    actor: str = ""
    database_user: str | None = None


@dataclass(frozen=True)
class Place:
    """A person at a row, as it was when it was read.

    Attributes
    ----------
    seat : int or None
        1, 2, …; 0 for who decides a dispute; None when the row was skipped, or nothing came in time.
    label : str or None
        What they say, one of the choices' values.
    guidelines : int
        The version that they went by.
    revision : int
        Counts its events.
    """

    id: int
    row: Row
    person: str
    seat: int | None
    status: Status
    label: str | None
    guidelines: int
    labelled_at: datetime | None
    revision: int

    @property
    def adjudicates(self) -> bool:
        return self.seat == ADJUDICATOR_SEAT


@dataclass(frozen=True)
class Event:
    """What happened at a place.

    Attributes
    ----------
    what : str
        ``labelled``, ``changed``, ``undone``, ``skipped``, ``returned`` or ``adjudicated``.
    before, after : str or None
        Labels.
    """

    number: int
    at: datetime
    actor: str
    database_user: str | None
    what: str
    before: str | None
    after: str | None
    remark: str
    guidelines: int
