"""The log in a PostgreSQL database: the same batches as in files, as rows of a table that all writers share.

Each writer numbers its batches within a stream of its own: numbers of a common sequence become visible in
another order than they were given, so that "all up to this one" would miss some.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError

from workbench.serving.log.batch import Batch
from workbench.serving.log.encoding import Encoded, Encoder, WrittenHeader
from workbench.serving.log.postgres_tables import (
    FORMAT,
    failed,
    open_tables,
    prediction_headers,
    prediction_streams,
    predictions,
    shown,
    split_address,
)

__all__ = ["PostgresWriter", "take_file"]

_WAIT_SECONDS = 5.0


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
        return f"{shown(url)}#{name}"

    @property
    def is_local(self) -> bool:
        return False

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
            raise failed(self._address, error) from error
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
                        predictions.delete().where(
                            predictions.c.log == self._name,
                            predictions.c.stream == broken,
                            predictions.c.number > last,
                        )
                    )
                register(connection, self._name, stream)
                connection.commit()
            except BaseException:
                connection.close()
                raise
        except SQLAlchemyError as error:
            raise failed(self._address, error) from error
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
    row = {"log": log, "stream": stream, "format": FORMAT}
    added = (
        insert(prediction_streams).values(row).on_conflict_do_nothing().returning(prediction_streams.c.stream)
    )
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
            # In one order: workers that have the same new headers would wait for each other.
            for h, key in sorted(new.items(), key=lambda each: each[1])
        ]
        connection.execute(insert(prediction_headers).on_conflict_do_nothing(), rows)
    rows = [
        {"log": log, "stream": stream, "number": last + place, "header": ids[item.header]}
        | {"asked_from": item.asked_from, "asked_until": item.asked_until, "answered_at": item.answered_at}
        | {"rows": item.rows, "crc32": item.crc32, "predictions": item.blob}
        for place, item in enumerate(encoded, start=1)
    ]
    connection.execute(predictions.insert(), rows)
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
        raise failed(address, error) from error
