"""The workbench database: one SQLite file by default, PostgreSQL by one setting.

What has to be shared and durable lives here: the ledger of aliases, approvals, ground truth and feedback,
findings, alerts and the backlog; judgements, remarks and sign-offs; scheduled times, leases, retrainings and
baking periods; and the run index, which is derived.
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
from sqlalchemy import URL, Connection, Engine, create_engine, event, func, inspect, make_url, select, text
from sqlalchemy.exc import DisconnectionError, OperationalError, ProgrammingError

from workbench.project import Project
from workbench.store.hashing import hash_value

__all__ = ["Database", "hold", "open_database"]

# The newest migration; a test holds it equal to the head of `migrations/versions`.
REVISION = "0010"
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


def hold(connection: Connection, *about: str | int, shared: bool = False) -> None:
    """Let nobody else hold the same before the transaction ends; ``shared``: but those who share it, too.

    On SQLite a transaction that writes holds the whole database already. On PostgreSQL whoever reads, decides
    and then writes needs this, or rows would be locked as each transaction comes upon them.
    """
    if connection.dialect.name == "postgresql":
        take = func.pg_advisory_xact_lock_shared if shared else func.pg_advisory_xact_lock
        connection.execute(select(take(int(hash_value(list(about))[:15], 16))))


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

    A file may go and come back, as when a backup is restored: a connection to the one before is not used
    again. A forked process makes its own. A database that may be lost in a power cut says so in its address:
    ``sqlite:////FILE?synchronous=OFF``.
    """
    if not url.startswith("sqlite"):
        engine = create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": max(1, round(wait))})

        @event.listens_for(engine, "connect")
        def _patient(connection: Any, _record: Any) -> None:
            connection.autocommit = True  # or it would go with the first transaction that is rolled back
            connection.cursor().execute(f"SET lock_timeout = {round(wait * 1000)}")
            connection.autocommit = False

        return engine
    address = make_url(url)
    synchronous = "OFF" if address.query.get("synchronous") == "OFF" else "FULL"
    plain = address.difference_update_query(["synchronous"])
    engine = create_engine(plain, connect_args={"timeout": wait, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _durable(connection: Any, record: Any) -> None:
        # The rollback journal is safe with many writers on every SQLite; WAL is not before 3.51.3.
        connection.execute("PRAGMA journal_mode=DELETE")
        connection.execute(f"PRAGMA synchronous={synchronous}")
        connection.execute("PRAGMA foreign_keys=ON")
        record.info["file"] = _file_of(address)

    @event.listens_for(engine, "checkout")
    def _is_the_same(_connection: Any, record: Any, _proxy: Any) -> None:
        present = _file_of(address)
        if present is not None and present != record.info["file"]:
            raise DisconnectionError(f"{address.database} is another file now")  # the pool connects anew

    return engine


def _file_of(address: URL) -> tuple[int, int] | None:
    """What tells a file from another that takes its name; None while there is none."""
    try:
        found = os.stat(address.database or "")
    except OSError:
        return None
    return found.st_dev, found.st_ino


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
