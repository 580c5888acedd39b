"""Whether anything was added to a prediction log, told without reading it."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.store.hashing import hash_value

if TYPE_CHECKING:
    from deltalake import DeltaTable

__all__ = ["COMPACTED", "log_identity"]

#: The folder of the table, in a log's folder, that the log's files are compacted into.
COMPACTED = "compacted"
_ATTEMPTS = 20


def log_identity(folder: Path) -> str:
    """Equal while nothing is added to the log in a folder; empty when that cannot be told.

    A log only grows, so the number of its rows tells. Compaction moves rows, and does not change it.
    """
    for _ in range(_ATTEMPTS):
        paths = sorted(folder.glob("*.sqlite"))
        try:
            table = _table(folder)
            return hash_value(_rows(table) + sum(_rows_above(path, _taken(table, path)) for path in paths))
        except FileNotFoundError:  # it was compacted meanwhile, and removed
            continue
        except (sqlite3.Error, OSError):
            break
    return ""


def _table(folder: Path) -> DeltaTable | None:
    if not (folder / COMPACTED / "_delta_log").is_dir():
        return None
    import deltalake

    return deltalake.DeltaTable(folder / COMPACTED)


def _rows(table: DeltaTable | None) -> int:
    if table is None:
        return 0
    import pyarrow as pa

    return sum(pa.table(table.get_add_actions())["num_records"].to_pylist())


def _taken(table: DeltaTable | None, path: Path) -> int:
    """The number of the last batch of a file that is in the table."""
    return (table.transaction_version(path.name) or 0) if table is not None else 0


def _rows_above(path: Path, taken: int) -> int:
    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        try:
            if not connection.execute("PRAGMA user_version").fetchone()[0]:  # its writer has just made it
                return 0
            query = "SELECT coalesce(sum(rows), 0) FROM batches WHERE id > ?"
            return int(connection.execute(query, (taken,)).fetchone()[0])
        finally:
            connection.close()
    except sqlite3.Error:
        if not path.exists():
            raise FileNotFoundError(path) from None
        raise
