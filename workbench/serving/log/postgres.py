"""The log in a PostgreSQL database: the same batches as in files, as rows of a table that all writers share.

Each writer numbers its batches within a stream of its own: numbers of a common sequence become visible in
another order than they were given, so that "all up to this one" would miss some.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    create_engine,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from workbench.errors import ServingError
from workbench.serving.log.batch import Batch, LogFailed
from workbench.serving.log.decoding import Row, Wanted
from workbench.serving.log.encoding import Encoded, Encoder, WrittenHeader
from workbench.serving.log.streams import CHUNK_BATCHES, Chunk, Headers, Stream, Window, chunk_of

__all__ = ["DatabaseStreams", "PostgresWriter", "open_tables", "split_address", "take_file"]

_WAIT_SECONDS = 5.0
_tables = MetaData()
_streams = Table(
    "prediction_streams",
    _tables,
    Column("log", Text),
    Column("stream", Text),
    Column("format", Integer, nullable=False),
    PrimaryKeyConstraint("log", "stream"),
)
_headers = Table(
    "prediction_headers",
    _tables,
    Column("id", LargeBinary, primary_key=True),  # a hash of the header
    Column("model", Text, nullable=False),
    Column("model_version", Integer, nullable=False),
    Column("role", Text, nullable=False),
    Column("crc32", BigInteger, nullable=False),
    Column("header", LargeBinary, nullable=False),
)
_predictions = Table(
    "predictions",
    _tables,
    Column("log", Text),
    Column("stream", Text),
    Column("number", BigInteger),
    Column("header", LargeBinary, nullable=False),
    Column("asked_from", BigInteger, nullable=False),
    Column("asked_until", BigInteger, nullable=False),
    Column("answered_at", BigInteger, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("crc32", BigInteger, nullable=False),
    Column("predictions", LargeBinary, nullable=False),
    PrimaryKeyConstraint("log", "stream", "number"),
)
_FORMAT = 2
#: Any numbers that nobody else takes for advisory locks.
_MAKING, _COMPACTING = 0x6C6F676D, 0x6C6F6763


def split_address(address: str) -> tuple[str, str]:
    """``postgresql://…#NAME`` as the address of the database and the name of the log."""
    url, _, name = address.partition("#")
    return url, name or "predictions"


def open_tables(address: str) -> tuple[Engine, str]:
    """The database of a log, with its tables made, and the log's name.

    Raises
    ------
    LogFailed
        When the database does not answer.
    """
    url, name = split_address(address)
    try:
        engine = _engine(url, os.getpid())
        _make_tables(engine)
    except SQLAlchemyError as error:
        raise _failed(url, error) from error
    return engine, name


@lru_cache(maxsize=16)
def _engine(url: str, _process: int) -> Engine:
    """Kept, with the statements that it has compiled; connections are not. A forked process makes its own."""
    parsed = make_url(url)
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    try:
        return create_engine(
            parsed,
            poolclass=NullPool,
            connect_args={"connect_timeout": 10, "tcp_user_timeout": 10_000},
        )
    except ModuleNotFoundError as error:
        raise ServingError(
            "a prediction log in PostgreSQL needs its driver, which is not installed:"
            " pip install 'psycopg[binary]'"
        ) from error


def _make_tables(engine: Engine) -> None:
    with engine.begin() as connection:
        if connection.execute(select(func.to_regclass(_predictions.name))).scalar() is None:
            # Several workers start at once, and "create if not exists" alone may still collide.
            connection.execute(select(func.pg_advisory_xact_lock(_MAKING)))
            _tables.create_all(connection)


class PostgresWriter:
    """Appends to a stream of its own, over a connection of its own.

    Parameters
    ----------
    address : str
        ``postgresql://…#NAME``; see :func:`split_address`.
    purpose : str
        A word for the name of its stream.

    Raises
    ------
    LogFailed
        When the database does not answer.
    """

    def __init__(self, address: str, purpose: str) -> None:
        self._address, self._purpose = address, purpose
        self._encoder = Encoder()
        self._written: set[bytes] = set()
        self._stream, self._last = "", 0
        # Batches whose commit broke off: they may be there, though nobody was told so.
        self._doubtful: tuple[str, int] | None = None
        self._connection: Connection | None = None
        self._connect()

    @property
    def place(self) -> str:
        url, name = split_address(self._address)
        return f"{_shown(url)}#{name}"

    def append(self, batches: Sequence[Batch]) -> None:
        """Write batches in one transaction; all of them are durable on return. Without any, it connects.

        Raises
        ------
        LogFailed
            When they cannot be written; then none of them is, and the next call connects anew.
        """
        encoded = [self._encoder.encode(batch) for batch in batches if batch.prediction_ids]
        connection = self._connection or self._connect()
        if not encoded:
            return
        try:
            new = put(connection, self._name, self._stream, self._last, encoded, self._written)
            connection.commit()
        except SQLAlchemyError as error:
            self._doubtful = (self._stream, self._last)
            self._disconnect()
            raise _failed(self._address, error) from error
        self._written |= new
        self._last += len(encoded)

    def close(self) -> None:
        """Close its connection."""
        self._disconnect()

    def _connect(self) -> Connection:
        engine, self._name = open_tables(self._address)
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        stream = f"{stamp}-{os.getpid()}-{self._purpose}-{secrets.token_hex(3)}"
        try:
            connection = engine.connect()
            try:
                # A commit is on disk when it returns, whatever the server's default is.
                if connection.execute(text("SHOW synchronous_commit")).scalar() == "off":
                    connection.execute(text("SET synchronous_commit = on"))
                connection.execute(text(f"SET statement_timeout = {round(_WAIT_SECONDS * 1000)}"))
                if self._doubtful is not None:
                    broken, last = self._doubtful
                    connection.execute(
                        _predictions.delete().where(
                            _predictions.c.log == self._name,
                            _predictions.c.stream == broken,
                            _predictions.c.number > last,
                        )
                    )
                register(connection, self._name, stream)
                connection.commit()
            except BaseException:
                connection.close()
                raise
        except SQLAlchemyError as error:
            raise _failed(self._address, error) from error
        self._doubtful, self._written = None, set()
        self._connection, self._stream, self._last = connection, stream, 0
        return connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except SQLAlchemyError:  # it is gone, which is all that was wanted
                connection.invalidate()


def register(connection: Connection, log: str, stream: str) -> bool:
    """Begin a stream; False when there has been one of this name."""
    row = {"log": log, "stream": stream, "format": _FORMAT}
    added = insert(_streams).values(row).on_conflict_do_nothing().returning(_streams.c.stream)
    return connection.execute(added).first() is not None


def put(
    connection: Connection,
    log: str,
    stream: str,
    last: int,
    encoded: Sequence[Encoded],
    written: set[bytes],
) -> set[bytes]:
    """Insert batches, numbered from ``last + 1``, and such of their headers as are not ``written``: these."""
    ids = {item.header: blake2b(item.header.blob, digest_size=16).digest() for item in encoded}
    new = {header: key for header, key in ids.items() if key not in written}
    if new:
        rows = [
            {"id": key, "model": h.model, "model_version": h.version, "role": h.role}
            | {"crc32": h.crc32, "header": h.blob}
            for h, key in new.items()
        ]
        connection.execute(insert(_headers).on_conflict_do_nothing(), rows)
    rows = [
        {"log": log, "stream": stream, "number": last + place, "header": ids[item.header]}
        | {"asked_from": item.asked_from, "asked_until": item.asked_until, "answered_at": item.answered_at}
        | {"rows": item.rows, "crc32": item.crc32, "predictions": item.blob}
        for place, item in enumerate(encoded, start=1)
    ]
    connection.execute(_predictions.insert(), rows)
    return set(new.values())


def take_file(path: Path, address: str) -> None:
    """Take over the batches of a log's file as a stream of its name, unless that has been done.

    Raises
    ------
    LogFailed
        When the database cannot be written.
    """
    engine, log = open_tables(address)
    with closing(sqlite3.connect(path)) as file:
        if not file.execute("PRAGMA user_version").fetchone()[0]:
            return
        headers = {
            number: WrittenHeader(*row)
            for number, *row in file.execute(
                "SELECT id, model, model_version, role, crc32, header FROM headers"
            )
        }
        columns = "header, asked_from, asked_until, answered_at, rows, crc32, predictions"
        batches = [
            Encoded(headers[number], *row)
            for number, *row in file.execute(f"SELECT {columns} FROM batches ORDER BY id")
        ]
    try:
        with engine.begin() as connection:
            if register(connection, log, path.name) and batches:
                put(connection, log, path.name, 0, batches, set())
    except SQLAlchemyError as error:
        raise _failed(address, error) from error


@dataclass(frozen=True)
class DatabaseStreams:
    """All streams of a log in a database."""

    address: str

    @contextmanager
    def listed(self) -> Iterator[list[Stream]]:
        """Of one snapshot of the database: what is compacted afterwards can still be read in it."""
        with self._connected() as (connection, name):
            connection.execution_options(isolation_level="REPEATABLE READ")
            found = connection.execute(
                select(_predictions.c.stream, func.max(_predictions.c.number))
                .where(_predictions.c.log == name)
                .group_by(_predictions.c.stream)
                .order_by(_predictions.c.stream)
            ).all()
            yield [DatabaseStream(self, connection, name, stream) for stream, _ in found]

    @contextmanager
    def alone(self) -> Iterator[bool]:
        with self._connected() as (connection, name):
            key = select(func.pg_try_advisory_lock(_COMPACTING, func.hashtext(name)))
            alone = bool(connection.execute(key).scalar())
            connection.commit()  # the lock is the connection's; no transaction is left open
            yield alone

    @contextmanager
    def _connected(self) -> Iterator[tuple[Connection, str]]:
        engine, name = open_tables(self.address)
        try:
            with engine.connect() as connection:
                yield connection, name
        except SQLAlchemyError as error:
            url, _ = split_address(self.address)
            raise ServingError(
                f"prediction log {_shown(url)}: cannot be read: {_first_line(error)}"
            ) from error


@dataclass(frozen=True)
class DatabaseStream:
    """One of them, in the snapshot of a connection."""

    streams: DatabaseStreams
    connection: Connection
    log: str
    name: str

    def chunks(self, above: int, window: Window, wanted: Wanted) -> Iterator[Chunk]:
        headers = Headers(f"{self.log}, stream {self.name}")
        p, h = _predictions.c, _headers.c
        query = (
            select(p.header, h.crc32, h.header, p.number, p.rows, p.answered_at, p.crc32, p.predictions)
            .join(_headers, h.id == p.header)
            .where(*self._conditions(above, window))
            .order_by(p.number)
            .execution_options(stream_results=True)
        )
        found = self.connection.execute(query)
        for rows in found.partitions(CHUNK_BATCHES):
            for key, crc32, blob, *_ in rows:
                headers.add(bytes(key), crc32, bytes(blob))
            given = [(bytes(row[0]), Row(row[3], row[4], row[5], row[6], bytes(row[7]))) for row in rows]
            yield chunk_of(headers, given, wanted)

    def count(self, above: int, window: Window) -> int:
        query = (
            select(func.coalesce(func.sum(_predictions.c.rows), 0))
            .join(_headers, _headers.c.id == _predictions.c.header)
            .where(*self._conditions(above, window))
        )
        return int(self.connection.execute(query).scalar_one())

    def remove(self, up_to: int) -> bool:
        """Remove what is compacted; that its writer goes on does not matter here."""
        with self.streams._connected() as (connection, _):
            p = _predictions.c
            gone = _predictions.delete().where(p.log == self.log, p.stream == self.name, p.number <= up_to)
            removed = connection.execute(gone).rowcount
            connection.commit()
        return bool(removed)

    def _conditions(self, above: int, window: Window) -> list[Any]:
        p, h = _predictions.c, _headers.c
        start, end = window.bounds()
        return [
            *(p.log == self.log, p.stream == self.name, p.number > above),
            *([p.asked_until >= start] if start is not None else []),
            *([p.asked_from < end] if end is not None else []),
            *([h.role == window.role] if window.role is not None else []),
            *([h.model_version == window.version] if window.version is not None else []),
        ]


def _failed(address: str, error: SQLAlchemyError) -> LogFailed:
    url, _ = split_address(address)
    return LogFailed(f"the prediction log in {_shown(url)} cannot be written: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]


def _shown(url: str) -> str:
    """An address without its password."""
    return make_url(url).render_as_string(hide_password=True)
