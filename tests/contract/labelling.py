"""People who label, on either database: on PostgreSQL each logs in, on SQLite each has a login name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, create_engine, text

from workbench.data.labels import places, queues, saying
from workbench.data.labels.model import Choice, NewRow, Place, Queue
from workbench.project import Project
from workbench.registry.identity import Identity, identify
from workbench.store.database import Database, open_database

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LEASE = timedelta(minutes=10)
CHOICES = (Choice("o", "0", "on time"), Choice("l", "1", "late"))


@dataclass(frozen=True)
class Annotator:
    """Somebody, and their own way into the database."""

    name: str
    database: Database

    def do(self, what: Callable[..., Any], *given: Any, **more: Any) -> Any:
        """In a transaction of their own."""
        with self.database.write() as connection:
            return what(connection, *given, **more)

    def who(self, connection: Connection) -> Identity:
        return identify(connection, self.name)

    def claim(self, queue: Queue, count: int = 1, *, now: datetime = NOW) -> list[Place]:
        with self.database.write() as connection:
            return places.claim(connection, queue, self.who(connection), count, now=now, lease=LEASE)

    def give(self, queue: Queue, place: Place, label: str, **more: Any) -> Place:
        about: dict[str, Any] = {"at": NOW, "guidelines": 1, **more}
        with self.database.write() as connection:
            return saying.give(connection, queue, place, label, by=self.who(connection), **about)

    def skip(self, queue: Queue, place: Place) -> Place:
        with self.database.write() as connection:
            return saying.skip(connection, queue, place, by=self.who(connection), at=NOW, guidelines=1)

    def undo(self, queue: Queue, place: Place) -> Place:
        with self.database.write() as connection:
            by = self.who(connection)
            return saying.undo(connection, queue, place, by=by, at=NOW, until=NOW + LEASE)

    def decide(self, queue: Queue, number: int, label: str, why: str = "") -> Place:
        with self.database.write() as connection:
            row = queues.row(connection, queue, number)
            by = self.who(connection)
            return saying.decide(connection, queue, row, label, by=by, at=NOW, now=NOW, guidelines=1, why=why)

    def label_next(self, queue: Queue, label: str) -> Place:
        (place, *_) = self.claim(queue)
        return self.give(queue, place, label)


@contextmanager
def people(project: Project, *names: str) -> Iterator[list[Annotator]]:
    """Annotators of these names."""
    opened = open_database(project)
    if opened.engine.dialect.name == "sqlite":
        yield [Annotator(name, opened) for name in names]
        opened.close()
        return
    with opened.engine.begin() as connection:
        for name in names:
            if not connection.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :name"), {"name": name}):
                connection.execute(text(f'CREATE ROLE "{name}" LOGIN'))
            for what in ("TABLES", "SEQUENCES"):
                connection.execute(text(f'GRANT ALL ON ALL {what} IN SCHEMA public TO "{name}"'))
    engines = [create_engine(opened.engine.url.set(username=name)) for name in names]
    yield [Annotator(name, Database(engine)) for name, engine in zip(names, engines, strict=True)]
    for engine in (*engines, opened.engine):
        engine.dispose()


def make_queue(
    who: Annotator, project: Project, rows: int = 4, *, double_rate: float = 0.5, name: str = "flights"
) -> Queue:
    """A queue of rows with guidelines; of four rows, two are labelled twice."""
    with who.database.write() as connection:
        by = who.who(connection)
        queue = queues.make(connection, project.name, name, "Late?", CHOICES, by=by, at=NOW)
        queues.revise_guidelines(connection, queue, "Fifteen minutes.", by=by, at=NOW)
        made = [NewRow({"prediction_id": f"p{number}"}, {"carrier": "UA"}) for number in range(rows)]
        queues.add_rows(
            connection,
            queue,
            made,
            source={"log": "predictions/live"},
            how="random",
            double_rate=double_rate,
            seed=0,
            by=by,
            at=NOW,
        )
    return queue
