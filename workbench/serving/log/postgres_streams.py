"""Reading a log in a PostgreSQL database, stream by stream."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import SQLAlchemyError

from workbench.errors import ServingError
from workbench.serving.log.decoding import Row, Wanted, decode_header
from workbench.serving.log.postgres_tables import (
    COMPACTING,
    first_line,
    open_tables,
    prediction_headers,
    predictions,
    shown,
    split_address,
)
from workbench.serving.log.streams import CHUNK_BATCHES, Chunk, Headers, Stream, Window, chunk_of

__all__ = ["DatabaseStreams"]


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
                select(predictions.c.stream, func.max(predictions.c.number))
                .where(predictions.c.log == name)
                .group_by(predictions.c.stream)
                .order_by(predictions.c.stream)
            ).all()
            yield [DatabaseStream(self, connection, name, stream) for stream, _ in found]

    @contextmanager
    def alone(self) -> Iterator[bool]:
        with self._connected() as (connection, name):
            key = select(func.pg_try_advisory_lock(COMPACTING, func.hashtext(name)))
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
            raise ServingError(f"prediction log {shown(url)}: cannot be read: {first_line(error)}") from error


@dataclass(frozen=True)
class DatabaseStream:
    """One of them, in the snapshot of a connection."""

    streams: DatabaseStreams
    connection: Connection
    log: str
    name: str

    def chunks(self, above: int, window: Window, wanted: Wanted) -> Iterator[Chunk]:
        headers = Headers(f"{self.log}, stream {self.name}")
        p, h = predictions.c, prediction_headers.c
        query = (
            select(p.header, h.crc32, h.header, p.number, p.rows, p.answered_at, p.crc32, p.predictions)
            .join(prediction_headers, h.id == p.header)
            .where(*self._conditions(above, window))
            .order_by(p.number)
            .execution_options(stream_results=True)
        )
        found = self.connection.execute(query)
        for rows in found.partitions(CHUNK_BATCHES):
            for key, crc32, blob, *_ in rows:
                headers.add(bytes(key), crc32, bytes(blob))
            given = [(bytes(row[0]), Row(row[3], row[4], row[5], row[6], bytes(row[7]))) for row in rows]
            yield chunk_of(headers, given, window, wanted)

    def count(self, above: int, window: Window) -> int:
        p, h = predictions.c, prediction_headers.c
        query = (
            select(h.crc32, h.header, func.sum(p.rows))
            .join(prediction_headers, h.id == p.header)
            .where(*self._conditions(above, window))
            .group_by(h.id)
        )
        return sum(
            rows
            for crc32, blob, rows in self.connection.execute(query)
            if window.takes(decode_header(f"{self.log}, stream {self.name}, header", crc32, bytes(blob)))
        )

    def remove(self, up_to: int) -> bool:
        """Remove what is compacted; that its writer goes on does not matter here."""
        with self.streams._connected() as (connection, _):
            p = predictions.c
            gone = predictions.delete().where(p.log == self.log, p.stream == self.name, p.number <= up_to)
            removed = connection.execute(gone).rowcount
            connection.commit()
        return bool(removed)

    def _conditions(self, above: int, window: Window) -> list[Any]:
        p, h = predictions.c, prediction_headers.c
        start, end = window.bounds()
        return [
            *(p.log == self.log, p.stream == self.name, p.number > above),
            *([p.asked_until >= start] if start is not None else []),
            *([p.asked_from < end] if end is not None else []),
            *([h.role == window.role] if window.role is not None else []),
            *([h.model_version == window.version] if window.version is not None else []),
        ]
