"""Compaction: rows of a log move from where they were appended into its table, each exactly once.

Run beside the server, not in it: ``python -m workbench.serving.log.compact FOLDER``.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import WorkbenchError
from workbench.serving.log.read import PredictionLog
from workbench.serving.log.streams import Stream, Window

if TYPE_CHECKING:
    import pyarrow as pa

    from workbench.serving.log.table import CompactedTable

__all__ = ["DATABASE", "Compacted", "compact"]

#: The environment variable with the address of a log in a database.
DATABASE = "WORKBENCH_LOG_DATABASE"

# A commit's worth: its rows are in memory a few times over while it is written.
_COMMIT_BYTES = 96 * 2**20


@dataclass(frozen=True)
class Compacted:
    """What a compaction did: rows moved into the table, files (or streams of a database) removed."""

    rows: int = 0
    files: int = 0


def compact(log: PredictionLog | Path, *, minimum_rows: int = 1) -> Compacted:
    """Move rows into the log's table, and remove files that nobody writes and that are wholly in it.

    It may be killed at any moment, and run while the log is written and read. If another compaction of the
    log is going on, it does nothing.

    Parameters
    ----------
    minimum_rows : int
        With fewer rows than this to move, none are: small commits make small files.

    Raises
    ------
    ServingError
        When a file of the log cannot be read; what is in the others has been moved.
    """
    from workbench.serving.log.table import CompactedTable

    if isinstance(log, Path):
        log = PredictionLog(log)
    streams = log.streams()
    with streams.alone() as alone:
        if not alone:
            return Compacted()
        table = CompactedTable(log.table_uri)
        with streams.listed() as listed:
            moved = _Moving(table)
            if minimum_rows <= 1 or sum(_waiting(table, stream) for stream in listed) >= minimum_rows:
                moved.take(listed)
        removed = _remove(table, listed)
        table.tidy()
        return Compacted(moved.rows, removed)


@dataclass
class _Moving:
    """Gathers rows until they are worth a commit."""

    table: CompactedTable
    rows: int = 0
    _tables: list[pa.Table] = field(default_factory=list)
    _taken: dict[str, int] = field(default_factory=dict)
    _bytes: int = 0

    def take(self, streams: list[Stream]) -> None:
        problem: WorkbenchError | None = None
        for stream in streams:
            try:
                self._take(stream)
            except WorkbenchError as error:
                problem = problem or error
        self._commit()
        if problem is not None:
            raise problem

    def _take(self, stream: Stream) -> None:
        for chunk in stream.chunks(self.table.taken(stream.name), Window(), lambda name: True):
            self._tables += chunk.tables
            self._taken[stream.name] = chunk.last
            self._bytes += sum(table.nbytes for table in chunk.tables)
            if self._bytes >= _COMMIT_BYTES:
                self._commit()

    def _commit(self) -> None:
        if self._tables:
            self.table.append(self._tables, self._taken)
            self.rows += sum(table.num_rows for table in self._tables)
        self._tables, self._taken, self._bytes = [], {}, 0


def _waiting(table: CompactedTable, stream: Stream) -> int:
    try:
        return stream.count(table.taken(stream.name), Window())
    except WorkbenchError:  # which is told where it is to be moved
        return 0


def _remove(table: CompactedTable, streams: list[Stream]) -> int:
    if not streams:
        return 0
    table.sync()
    return sum(stream.remove(table.taken(stream.name)) for stream in streams)


def main() -> int:
    """The command; it gives way to everything else on the machine."""
    parser = argparse.ArgumentParser(
        prog="python -m workbench.serving.log.compact",
        description=__doc__,
        epilog=f"A log in a database: its address, postgresql://…#NAME, in the environment as {DATABASE}.",
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--table", default="", help="address of the compacted table, if not in FOLDER")
    parser.add_argument("--minimum-rows", type=int, default=1)
    given = parser.parse_args()
    os.nice(19)
    log = PredictionLog(given.folder, os.environ.get(DATABASE, ""), given.table)
    try:
        done = compact(log, minimum_rows=given.minimum_rows)
    except WorkbenchError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{done.rows} rows compacted, {done.files} files removed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
