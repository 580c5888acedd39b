"""The writer of format 1, for call sites that have not moved to ``sqlite.SqliteWriter`` yet.

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
from typing import TYPE_CHECKING, Any

from workbench.registry.cases import FEATURE, INPUT
from workbench.serving.log.batch import LogFailed, Role
from workbench.serving.log.read import PredictionLog

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

__all__ = [
    "Batch",
    "LogFailed",
    "LogWriter",
    "PredictionLog",
    "Role",
]

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
