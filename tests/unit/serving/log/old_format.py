"""A writer of format 1, as the workbench had it before: what it wrote has to stay readable."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

_TABLE = """
CREATE TABLE batches (
    id INTEGER PRIMARY KEY, asked_from INTEGER NOT NULL, asked_until INTEGER NOT NULL,
    answered_at INTEGER NOT NULL, model TEXT NOT NULL, model_version INTEGER NOT NULL, role TEXT NOT NULL,
    code_version TEXT NOT NULL, run_id TEXT NOT NULL, memory TEXT NOT NULL, latency_ms REAL NOT NULL,
    rows INTEGER NOT NULL, crc32 INTEGER NOT NULL, predictions BLOB NOT NULL
)
"""


def write(path: Path, *batches: Mapping[str, Any], close: bool = True) -> sqlite3.Connection:
    """Write batches: values for each column of their rows; ``role`` and ``version`` may be among them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.executescript(f"BEGIN; {_TABLE}; PRAGMA user_version=1; COMMIT")
    for batch in batches:
        rows = dict(batch)
        role, version = rows.pop("role", "champion"), rows.pop("version", 3)
        asked = pd.Series(rows.pop("asked_at"), dtype="datetime64[us]").dt.tz_localize("UTC")
        columns = {
            "prediction_id": pa.array(rows.pop("prediction_id"), pa.string()),
            "asked_at": pa.array(asked, pa.timestamp("us", "UTC")),
            "score": pa.array(rows.pop("score"), pa.float64()),
            **{name: pa.array(values, from_pandas=True) for name, values in rows.items()},
        }
        record = pa.record_batch(columns)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, record.schema) as stream:
            stream.write_batch(record)
        blob = bytes(pa.compress(sink.getvalue(), "zstd", asbytes=True))
        times = asked.astype("int64")
        about = ("late", version, role, "abc+changed", "r1", "carrier=5 weather=2", 4.5)
        row = (int(times.min()), int(times.max()), 1_700_000_000_000_000, *about)
        values = (*row, record.num_rows, zlib.crc32(blob), blob)
        connection.execute(f"INSERT INTO batches VALUES (NULL{', ?' * len(values)})", values)
    if close:
        connection.execute("PRAGMA journal_mode=DELETE")
        connection.close()
    return connection
