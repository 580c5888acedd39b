"""The prediction log: what was asked, what was looked up, what was answered, by which version.

A log is a folder. Each writer has an SQLite file of its own in it, so that no writer ever waits
for another; one row of it is one answered batch, with all its predictions in an Arrow stream.
:meth:`LogWriter.append` returns when the row is on disk.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from workbench.errors import ServingError
from workbench.registry.cases import FEATURE, INPUT
from workbench.tracking.context import note_input
from workbench.tracking.inputs import log_identity

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

__all__ = [
    "Batch",
    "LogFailed",
    "LogWriter",
    "PredictionLog",
    "Role",
]

#: Who answered: the champion; another version that was asked for by number; a shadow beside the champion.
Role = Literal["champion", "challenger", "shadow"]
_FORMAT = 1
_TABLE = """
CREATE TABLE batches (
    id INTEGER PRIMARY KEY,
    asked_from INTEGER NOT NULL,   -- microseconds since 1970, UTC; first and last of the batch
    asked_until INTEGER NOT NULL,
    answered_at INTEGER NOT NULL,
    model TEXT NOT NULL,
    model_version INTEGER NOT NULL,
    role TEXT NOT NULL,
    code_version TEXT NOT NULL,
    run_id TEXT NOT NULL,
    memory TEXT NOT NULL,          -- versions of the memory datasets, as "name=version name=version"
    latency_ms REAL NOT NULL,
    rows INTEGER NOT NULL,
    crc32 INTEGER NOT NULL,
    predictions BLOB NOT NULL      -- Arrow IPC stream, compressed with zstd
)
"""
_ABOUT = ("answered_at", "model", "model_version", "role", "code_version", "run_id", "memory", "latency_ms")


class LogFailed(ServingError):
    """The prediction log cannot be written."""


@dataclass(frozen=True)
class Batch:
    """One answered batch.

    ``latency_ms`` is the time from the request's arrival to its scores, the wait included.
    """

    prediction_ids: list[str]
    asked_at: pd.Series[Any]
    inputs: pd.DataFrame
    features: pd.DataFrame
    scores: np.ndarray[Any, Any]
    model: str
    version: int
    role: Role
    code_version: str
    run_id: str
    memory: Mapping[str, int]
    latency_ms: float


class LogWriter:
    """The one writer of one file. Not to be shared between threads that write at the same time."""

    def __init__(self, folder: Path, purpose: str) -> None:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        self.path = folder / f"{stamp}-{os.getpid()}-{purpose}-{secrets.token_hex(3)}.sqlite"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
            # WAL is safe here on every SQLite, since there is one writer: this object.
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            # Together, so that a file has its format exactly when it has its table.
            self._connection.executescript(f"BEGIN; {_TABLE}; PRAGMA user_version={_FORMAT}; COMMIT")
        except (OSError, sqlite3.Error) as error:
            raise LogFailed(f"the prediction log in {folder} cannot be written: {error}") from error

    def append(self, batch: Batch) -> None:
        """Write one batch; durable on return.

        Raises
        ------
        LogFailed
            When it cannot be written; then nothing of it is.
        """
        blob = _encode(batch)
        asked = batch.asked_at.astype("datetime64[us, UTC]").astype("int64")
        row = (
            int(asked.min()),
            int(asked.max()),
            int(datetime.now(UTC).timestamp() * 1e6),
            batch.model,
            batch.version,
            batch.role,
            batch.code_version,
            batch.run_id,
            " ".join(f"{name}={version}" for name, version in sorted(batch.memory.items())),
            batch.latency_ms,
            len(batch.prediction_ids),
            zlib.crc32(blob),
            blob,
        )
        try:
            self._connection.execute(f"INSERT INTO batches VALUES (NULL{', ?' * len(row)})", row)
        except sqlite3.Error as error:
            raise LogFailed(f"the prediction log {self.path} cannot be written: {error}") from error

    def close(self) -> None:
        """Close the file; one into which nothing was written is removed."""
        empty = self._connection.execute("SELECT 1 FROM batches LIMIT 1").fetchone() is None
        # Back to one plain file, which opens read-only wherever it is copied to.
        self._connection.execute("PRAGMA journal_mode=DELETE")
        self._connection.close()
        if empty:
            self.path.unlink()


@dataclass(frozen=True)
class PredictionLog:
    """The log in a folder, for reading."""

    folder: Path

    def files(self) -> list[Path]:
        return sorted(self.folder.glob("*.sqlite"))

    def read(
        self,
        start: datetime | None = None,
        end: datetime | None = None,
        *,
        role: Role | None = None,
        version: int | None = None,
    ) -> pd.DataFrame:
        """All predictions asked in ``[start, end)``, in the order of asking; empty when there are none.

        Parameters
        ----------
        start, end : datetime, optional
            Aware times.
        role, version : optional
            Only what was answered in that role, by that model version.

        Returns
        -------
        DataFrame
            ``prediction_id``, ``asked_at``, ``score``, ``answered_at``, ``model``, ``model_version``,
            ``role``, ``code_version``, ``run_id``, ``memory``, ``latency_ms`` (of the whole batch), then
            raw inputs as ``input.<name>`` and features as ``feature.<name>`` (see
            ``inputs`` and ``features`` of :mod:`workbench.serving`).

        Raises
        ------
        ServingError
            When a file or a row cannot be read; the message names both.
        """
        note_input("log", str(self.folder), log_identity(self.folder))
        where, values = _conditions(start, end, role, version)
        about: list[tuple[Any, ...]] = []
        tables: list[pa.Table] = []
        for path in self.files():
            for number, crc32, blob, *rest in _rows(path, where, values):
                tables.append(_decode(path, number, crc32, blob, expected=rest[0]))
                about.append(tuple(rest))
        return _assemble(tables, about, start, end)

    def count(self, *, role: Role | None = None) -> int:
        """How many predictions it holds."""
        where, values = _conditions(None, None, role, None)
        query = f"SELECT rows FROM batches WHERE {where}"
        return sum(rows for path in self.files() for (rows,) in _query(path, query, values))


def _encode(batch: Batch) -> bytes:
    import pyarrow as pa

    columns: dict[str, Any] = {
        "prediction_id": pa.array(batch.prediction_ids, pa.string()),
        "asked_at": pa.array(batch.asked_at, pa.timestamp("us", "UTC")),
        "score": pa.array(batch.scores, pa.float64()),
    }
    for prefix, frame in ((INPUT, batch.inputs), (FEATURE, batch.features)):
        for name, column in frame.items():
            values = pa.array(column, from_pandas=True)
            # Batches differ in their categories; plain values can be put together again.
            is_categorical = pa.types.is_dictionary(values.type)
            columns[f"{prefix}{name}"] = values.dictionary_decode() if is_categorical else values
    record = pa.record_batch(columns)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, record.schema) as writer:
        writer.write_batch(record)
    # As a whole: half the size that Arrow's own compression of each small buffer gives.
    return bytes(pa.compress(sink.getvalue(), "zstd", asbytes=True))


def _decode(path: Path, number: int, crc32: int, blob: bytes, *, expected: int) -> pa.Table:
    import pyarrow as pa

    if zlib.crc32(blob) != crc32:
        raise ServingError(
            f"prediction log {path}, row {number}: damaged (its checksum differs); restore the file"
        )
    try:
        table = pa.ipc.open_stream(pa.CompressedInputStream(pa.BufferReader(blob), "zstd")).read_all()
    except (pa.ArrowInvalid, OSError) as error:
        raise ServingError(f"prediction log {path}, row {number}: cannot be decoded: {error}") from error
    if table.num_rows != expected:
        raise ServingError(
            f"prediction log {path}, row {number}: {table.num_rows} rows where {expected} are stated"
        )
    return table


def _assemble(
    tables: list[pa.Table], about: list[tuple[Any, ...]], start: datetime | None, end: datetime | None
) -> pd.DataFrame:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    leading = ["prediction_id", "asked_at", "score", *_ABOUT]
    if not tables:
        empty = pd.DataFrame({name: pd.Series(dtype=object) for name in leading})
        return empty.astype({"asked_at": "datetime64[us, UTC]", "score": float, "model_version": int})
    frame = pa.concat_tables(tables, promote_options="permissive").to_pandas()
    counts = [row[0] for row in about]
    for name, values in zip(_ABOUT, list(zip(*about, strict=True))[1:], strict=True):
        frame[name] = pd.Series(np.repeat(np.array(values), counts))
    frame["answered_at"] = pd.to_datetime(frame["answered_at"], unit="us", utc=True)
    if start is not None:
        frame = frame[frame["asked_at"] >= start]
    if end is not None:
        frame = frame[frame["asked_at"] < end]
    frame = frame[[*leading, *(name for name in frame.columns if name not in leading)]]
    ordered: pd.DataFrame = frame.sort_values("asked_at", kind="stable", ignore_index=True)
    return ordered


def _conditions(
    start: datetime | None, end: datetime | None, role: Role | None, version: int | None
) -> tuple[str, list[Any]]:
    clauses: list[str] = ["1"]
    values: list[Any] = []
    for clause, value in (
        ("asked_until >= ?", None if start is None else int(start.timestamp() * 1e6)),
        ("asked_from < ?", None if end is None else int(end.timestamp() * 1e6)),
        ("role = ?", role),
        ("model_version = ?", version),
    ):
        if value is not None:
            clauses.append(clause)
            values.append(value)
    return " AND ".join(clauses), values


def _rows(path: Path, where: str, values: list[Any]) -> list[tuple[Any, ...]]:
    columns = ", ".join(("id", "crc32", "predictions", "rows", *_ABOUT))
    return _query(path, f"SELECT {columns} FROM batches WHERE {where} ORDER BY id", values)


def _query(path: Path, query: str, values: list[Any]) -> list[tuple[Any, ...]]:
    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=30)
        try:
            found = connection.execute("PRAGMA user_version").fetchone()[0]
            if found == 0:  # its writer was killed before it had made its table
                return []
            if found != _FORMAT:
                raise ServingError(f"prediction log {path}: has format {found}, this version reads {_FORMAT}")
            return connection.execute(query, values).fetchall()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise ServingError(f"prediction log {path}: cannot be read: {error}") from error
