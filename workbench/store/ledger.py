"""The present version of an alias, as rooms below the registry need it."""

from __future__ import annotations

from sqlalchemy import Connection, Row, select

from workbench.project import Project
from workbench.store import tables
from workbench.store.database import open_database

__all__ = ["current", "last_entry"]


def last_entry(connection: Connection, model: str, alias: str) -> Row[tuple[object, ...]] | None:
    """The newest entry of an alias of a model, or None before it was ever moved."""
    table = tables.ledger
    query = select(table).where(table.c.model == model, table.c.alias == alias)
    return connection.execute(query.order_by(table.c.position.desc()).limit(1)).first()


def current(project: Project, model: str, alias: str) -> int | None:
    """The version that the alias names now, or None."""
    database = open_database(project)
    try:
        with database.read() as connection:
            found = last_entry(connection, model, alias)
            return found.to_version if found else None
    finally:
        database.close()
