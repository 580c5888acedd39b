"""What came of each row, and who did how much."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, func, select

from workbench.data.labels.model import ADJUDICATOR_SEAT, Queue, Row
from workbench.data.labels.queues import row_of
from workbench.store import label_tables as tables

__all__ = ["Given", "Progress", "Result", "State", "complete", "counted", "progress", "results"]

State = Literal["open", "settled", "disputed", "adjudicated"]
_PLACES, _ROWS = tables.label_places, tables.label_rows


@dataclass(frozen=True)
class Given:
    """A label that stands: whose it is, when it was given, and under which version of the guidelines."""

    person: str
    label: str
    at: datetime
    guidelines: int


@dataclass(frozen=True)
class Result:
    """What stands of a row.

    Attributes
    ----------
    labels : tuple of Given
        By those who label it, in the order of their seats.
    decision : Given or None
        By who decided between them.
    skipped : int
        How many people left it to others.
    claimed : int
        How many are at it at this moment.
    """

    row: Row
    labels: tuple[Given, ...]
    decision: Given | None
    skipped: int = 0
    claimed: int = 0

    @property
    def state(self) -> State:
        """``open`` while people are missing; then whether they agree, or who settled it."""
        if self.decision is not None:
            return "adjudicated"
        if len(self.labels) < self.row.wanted:
            return "open"
        return "settled" if len({each.label for each in self.labels}) == 1 else "disputed"

    @property
    def final(self) -> Given | None:
        """The label that counts, with the newest of those who agree on it; None while there is none."""
        if self.decision is not None:
            return self.decision
        return max(self.labels, key=lambda each: each.at) if self.state == "settled" else None

    @property
    def guidelines(self) -> tuple[int, ...]:
        """The versions of the guidelines that what counts was said under, lowest first."""
        counted = self.labels if self.decision is None else (self.decision,)
        return tuple(sorted({each.guidelines for each in counted}))


@dataclass(frozen=True)
class Progress:
    """How far a queue is.

    Attributes
    ----------
    states : mapping of str to int
        Rows by their state.
    labels : mapping of str to int
        Rows that have a label that counts, by that label.
    people : mapping of str to (int, int, int)
        How many rows each has labelled, skipped and decided.
    wanted, given : int
        Labels asked for, and there.
    """

    rows: int
    doubled: int
    wanted: int
    given: int
    states: Mapping[str, int]
    labels: Mapping[str, int]
    people: Mapping[str, tuple[int, int, int]]

    @property
    def done(self) -> int:
        """Rows with a label that counts."""
        return self.states["settled"] + self.states["adjudicated"]

    def to_dict(self) -> dict[str, Any]:
        people = {
            who: dict(zip(("labelled", "skipped", "decided"), counts, strict=True))
            for who, counts in self.people.items()
        }
        return {
            "rows": self.rows,
            "doubled": self.doubled,
            "labels_wanted": self.wanted,
            "labels_given": self.given,
            "states": dict(self.states),
            "labels": dict(self.labels),
            "people": people,
        }


def results(connection: Connection, queue: Queue, row: int | None = None) -> list[Result]:
    """What stands of each row of a queue, in its order; or of the one with this id."""
    one = [] if row is None else [_ROWS.c.id == row]
    rows = connection.execute(
        select(_ROWS).where(_ROWS.c.queue == queue.id, *one).order_by(_ROWS.c.number)
    ).all()
    of = [] if row is None else [_PLACES.c.row == row]
    by_row: dict[int, list[Any]] = defaultdict(list)
    query = select(_PLACES).where(_PLACES.c.queue == queue.id, *of).order_by(_PLACES.c.seat)
    for found in connection.execute(query):
        by_row[found.row].append(found)
    return [_result(row_of(dict(found._mapping)), by_row[found.id]) for found in rows]


def progress(connection: Connection, queue: Queue, found: Sequence[Result] | None = None) -> Progress:
    """How far a queue is, out of its results if they are at hand."""
    every = results(connection, queue) if found is None else found
    states = Counter(each.state for each in every)
    final = Counter(each.final.label for each in every if each.final is not None)
    return Progress(
        rows=len(every),
        doubled=sum(each.row.wanted > 1 for each in every),
        wanted=sum(each.row.wanted for each in every),
        given=sum(len(each.labels) for each in every),
        states={state: states[state] for state in ("open", "settled", "disputed", "adjudicated")},
        labels={choice.value: final[choice.value] for choice in queue.choices},
        people=_people(connection, queue),
    )


def counted(connection: Connection, queue: Queue) -> tuple[int, int]:
    """How many labels a queue has of how many that it wants, which is quick."""
    given = select(func.count()).where(
        _PLACES.c.queue == queue.id, _PLACES.c.status == "labelled", _PLACES.c.seat > ADJUDICATOR_SEAT
    )
    wanted = select(func.sum(_ROWS.c.wanted)).where(_ROWS.c.queue == queue.id)
    return connection.scalar(given) or 0, connection.scalar(wanted) or 0


def complete(connection: Connection, queue: Queue) -> set[int]:
    """The ids of the rows that nobody has to label any more: as many have as are wanted."""
    labelled = (_PLACES.c.status == "labelled") & (_PLACES.c.seat > ADJUDICATOR_SEAT)
    query = (
        select(_ROWS.c.id)
        .join(_PLACES, _PLACES.c.row == _ROWS.c.id)
        .where(_ROWS.c.queue == queue.id, labelled)
        .group_by(_ROWS.c.id, _ROWS.c.wanted)
        .having(func.count() >= _ROWS.c.wanted)
    )
    return set(connection.scalars(query))


def _people(connection: Connection, queue: Queue) -> dict[str, tuple[int, int, int]]:
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    columns = (_PLACES.c.person, _PLACES.c.status, _PLACES.c.seat)
    for person, status, seat in connection.execute(select(*columns).where(_PLACES.c.queue == queue.id)):
        if status == "labelled":
            counts[person][2 if seat == ADJUDICATOR_SEAT else 0] += 1
        elif status == "skipped":
            counts[person][1] += 1
    return {who: (had[0], had[1], had[2]) for who, had in sorted(counts.items())}


def _result(row: Row, places: Sequence[Any]) -> Result:
    labels, decision, skipped, claimed = [], None, 0, 0
    for found in places:
        if found.status == "labelled":
            given = Given(found.person, found.label, found.labelled_at, found.guidelines)
            if found.seat == ADJUDICATOR_SEAT:
                decision = given
            else:
                labels.append(given)
        skipped += found.status == "skipped"
        claimed += found.status == "claimed"
    return Result(row, tuple(labels), decision, skipped, claimed)
