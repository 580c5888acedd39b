"""What the label panel does in the store: what it writes is a transaction, and durable when it returns.

What it only reads waits for nobody, and on SQLite keeps nobody waiting.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from workbench.data.labels import places, queues, results, saying
from workbench.data.labels.agreement import Agreement, agreement
from workbench.data.labels.blind import blind_results
from workbench.data.labels.model import Guidelines, Place, Queue, Row
from workbench.errors import LabelRefused
from workbench.project import Project
from workbench.registry.identity import Identity, identify
from workbench.store.clock import Clock, SystemClock, project_clock
from workbench.store.database import Database, open_database

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["Desk"]

_T = TypeVar("_T")


@dataclass
class Desk:
    """Who is logged in, at a queue.

    Attributes
    ----------
    name : str
        The queue's.
    clock : Clock
        By which labels are given; claims last by the machine's own, ``machine``.
    """

    project: Project
    name: str
    clock: Clock
    machine: Clock

    @classmethod
    def open(cls, project: Project, queue: str) -> Desk:
        """At the queue of that name; nothing is read yet."""
        return cls(project, queue, project_clock(), SystemClock())

    @cached_property
    def queue(self) -> Queue:
        """The queue as it was read first (:class:`UnknownName` if there is none)."""
        return self._read(lambda c: queues.find(c, self.project.name, self.name))

    @property
    def known(self) -> bool:
        """Whether the queue was ever read."""
        return "queue" in self.__dict__

    @cached_property
    def identity(self) -> Identity:
        """Who labels."""
        return self._read(identify)

    def find(self) -> None:
        """Read the queue anew (:class:`UnknownName` if it is not there any more)."""
        self.queue = self._read(lambda c: queues.find(c, self.project.name, self.name))

    def claim(self, count: int) -> list[Place]:
        """The next rows, kept for this person for a while."""
        lease = self.project.config.labelling.lease
        return self._do(
            lambda c: places.claim(c, self.queue, identify(c), count, now=self.machine.now(), lease=lease)
        )

    def give(self, place: Place, value: str, guidelines: int, remark: str) -> Place:
        """Label a row, or decide about it."""
        about = (self.queue, place, value)
        at = self.clock.now()
        return self._do(
            lambda c: saying.give(c, *about, by=identify(c), at=at, guidelines=guidelines, remark=remark)
        )

    def skip(self, place: Place, guidelines: int, remark: str) -> Place:
        """Leave a row to others."""
        at = self.clock.now()
        return self._do(
            lambda c: saying.skip(
                c, self.queue, place, by=identify(c), at=at, guidelines=guidelines, remark=remark
            )
        )

    def undo(self, place: Place) -> Place:
        """Take back what was said of a row, which is claimed again."""
        at, until = self.clock.now(), self.machine.now() + self.project.config.labelling.lease
        return self._do(lambda c: saying.undo(c, self.queue, place, by=identify(c), at=at, until=until))

    def recent(self, count: int) -> list[Place]:
        """Where this person labelled or skipped last, the newest first."""
        return self._read(lambda c: places.recent(c, self.queue, identify(c), count))

    def dispute(self, after: int) -> Place | None:
        """The next row behind this number that others disagree about and nobody else decides."""
        lease = self.project.config.labelling.lease
        while row := self._next_dispute(after):
            try:
                with self._database.write() as connection:
                    who, now = identify(connection), self.machine.now()
                    return places.claim_dispute(connection, self.queue, row, who, now=now, lease=lease)
            except LabelRefused:  # somebody was quicker, and is at it now
                after = row.number
        return None

    def _next_dispute(self, after: int) -> Row | None:
        now = self.machine.now()
        return self._read(lambda c: places.next_dispute(c, self.queue, identify(c), after=after, now=now))

    def said(self, place: Place) -> list[str]:
        """What those who labelled a row say, in no order that tells who they are."""
        (found,) = self._read(lambda c: results.results(c, self.queue, place.row.id))
        return sorted(self.queue.text(each.label) for each in found.labels)

    def standing(self) -> tuple[Guidelines, int, int]:
        """The guidelines as they are now; how many labels there are, of how many that are wanted."""
        return self._read(lambda c: (queues.guidelines(c, self.queue), *results.counted(c, self.queue)))

    def progress(self) -> results.Progress:
        """How far the queue is."""
        return self._read(lambda c: results.progress(c, self.queue))

    def results(self) -> list[results.Result]:
        """What stands of each row."""
        return self._read(lambda c: results.results(c, self.queue))

    def agreement(self) -> Agreement:
        """How far people agree on rows that nobody has to label any more.

        Of one that somebody took back and labels again, it would tell them what the other had said.
        """

        def told(connection: Connection) -> list[results.Result]:
            over = results.complete(connection, self.queue)
            return [each for each in blind_results(connection, self.queue) if each.row.id in over]

        return agreement(self.queue, self._read(told))

    @cached_property
    def _database(self) -> Database:
        return open_database(self.project)

    def _read(self, what: Callable[[Connection], _T]) -> _T:
        with self._database.read() as connection:
            return what(connection)

    def _do(self, what: Callable[[Connection], _T]) -> _T:
        with self._database.write() as connection:
            return what(connection)
