"""What the commands of ``workbench label`` share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from workbench.project import Project

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from workbench.data.labels.model import Queue
    from workbench.registry.identity import Identity

__all__ = ["JSON", "QUEUE", "opened"]

JSON = click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
QUEUE = click.argument("name", metavar="QUEUE")


@contextmanager
def opened(
    project: Project, name: str, *, write: bool = False
) -> Iterator[tuple[Connection, Queue, Identity]]:
    """A queue within a transaction, and who is logged in."""
    from workbench.data.labels import queues
    from workbench.registry.identity import identify
    from workbench.store.database import open_database

    database = open_database(project)
    with database.write() if write else database.read() as connection:
        yield connection, queues.find(connection, project.name, name), identify(connection)
