"""The workbench database: one SQLite file by default, PostgreSQL by one setting.

What has to be shared and durable lives here: the ledger of aliases, approvals, ground truth and feedback,
findings, alerts and the backlog; scheduled times, leases, retrainings and baking periods; and the run
index, which is derived.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from filelock import FileLock
from sqlalchemy import Connection, Engine, create_engine, event, func, inspect, make_url, select, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from workbench.project import Project

__all__ = ["Database", "open_database"]

# The newest migration; a test holds it equal to the head of `migrations/versions`.
REVISION = "0008"
_WAIT_FOR_LOCK_SECONDS = 30
_ASK_REVISION = text("SELECT version_num FROM alembic_version")
_MIGRATION_LOCK = 0x776F726B  # "work": any number that nobody else takes


@dataclass(frozen=True)
class Database:
    """An open workbench database at the newest revision."""

    engine: Engine

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction: committed at the end of the block, rolled back when the block raises.

        On SQLite it holds the write lock from its first statement on; SQLite would otherwise take it
        at the first write, too late for read-then-write to be safe. PostgreSQL has no such lock:
        there, what must not happen twice is kept apart by a unique constraint.
        """
        with self.engine.begin() as connection:
            if self.engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection for reading."""
        with self.engine.connect() as connection:
            yield connection

    def close(self) -> None:
        self.engine.dispose()


def open_database(project: Project, *, wait: float = _WAIT_FOR_LOCK_SECONDS) -> Database:
    """Open the project's database, bringing it to the newest revision first.

    ``wait`` is for how many seconds others may hold its lock.
    """
    engine = _engine(project.database_url, wait, os.getpid())
    if _revision(engine) != REVISION:
        # Two first uses at once must not both migrate.
        with FileLock(str(project.state / "database.lock"), timeout=wait):
            if _revision(engine) != REVISION:
                _migrate(engine)
    return Database(engine)


@lru_cache(maxsize=64)
def _engine(url: str, wait: float, _process: int) -> Engine:
    """The engine is kept, with the statements that it has compiled: that takes longer than they do.

    No connection is kept, so that a file may go and come back. A forked process makes its own. A database
    that may be lost in a power cut says so in its address: ``sqlite:////FILE?synchronous=OFF``.
    """
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": max(1, round(wait))})
    address = make_url(url)
    synchronous = "OFF" if address.query.get("synchronous") == "OFF" else "FULL"
    plain = address.difference_update_query(["synchronous"])
    engine = create_engine(plain, connect_args={"timeout": wait, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _durable(connection: Any, _record: Any) -> None:
        # The rollback journal is safe with many writers on every SQLite; WAL is not before 3.51.3.
        connection.execute("PRAGMA journal_mode=DELETE")
        connection.execute(f"PRAGMA synchronous={synchronous}")
        connection.execute("PRAGMA foreign_keys=ON")

    return engine


def _revision(engine: Engine) -> str | None:
    with engine.connect() as connection:
        try:
            found = connection.execute(_ASK_REVISION).scalar()
        except (OperationalError, ProgrammingError):
            connection.rollback()
            if not inspect(connection).has_table("alembic_version"):
                return None
            found = connection.execute(_ASK_REVISION).scalar()  # another first use has made it since
        return str(found) if found else None


def _migrate(engine: Engine) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.begin() as connection:
        # All or nothing, also when two machines start at once: SQLite opens no transaction for DDL by
        # itself, and the lock file of one machine does not hold back another.
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        elif engine.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
