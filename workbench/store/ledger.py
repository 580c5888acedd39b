"""The present versions of aliases, as rooms below the registry need them."""

from __future__ import annotations

from sqlalchemy import Connection, Row, func, select

from workbench.project import Project
from workbench.store import tables
from workbench.store.database import open_database

__all__ = ["current", "held", "last_entry"]


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


def held(connection: Connection, model: str) -> dict[str, int]:
    """Every alias of a model that names a version now, and that version, in the order of the names."""
    table = tables.ledger
    newest = select(table.c.alias, func.max(table.c.position).label("position")).where(table.c.model == model)
    last = newest.group_by(table.c.alias).subquery()
    query = (
        select(table.c.alias, table.c.to_version)
        .join(last, (table.c.alias == last.c.alias) & (table.c.position == last.c.position))
        .where(table.c.model == model, table.c.to_version.is_not(None))
        .order_by(table.c.alias)
    )
    return {row.alias: row.to_version for row in connection.execute(query)}
