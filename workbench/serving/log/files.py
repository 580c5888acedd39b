"""The SQLite files of a log's folder, for reading and for taking them away. Both formats."""

from __future__ import annotations

import sqlite3
import threading
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from workbench.errors import ServingError
from workbench.serving.log import format1
from workbench.serving.log.decoding import Row, Wanted
from workbench.serving.log.sqlite import FORMAT, is_written, lock_path
from workbench.serving.log.streams import (
    CHUNK_BATCHES,
    Chunk,
    Headers,
    Stream,
    Window,
    chunk_of,
)

__all__ = ["FileStream", "FileStreams"]

_WAIT_SECONDS = 30.0
_ROW = "b.id, b.rows, b.answered_at, b.crc32, b.predictions"
#: The number of batches that are fetched at once is bounded by their size as well: blobs may be large.
_CHUNK_BYTES = 32 * 2**20
#: A process may have a thousand files open, and a file in WAL mode is three. What is beyond these is small:
#: a log has many files when servers were often started and hardly asked.
_MOST_OPEN = 100
#: By file, moments and up to which number all batches were asked before them: see `_all_before`.
_ASKED_BEFORE: dict[str, list[tuple[int, int]]] = {}
_LOCK = threading.Lock()
_MOST_FILES, _MOST_KEPT, _LAST = 1000, 400, 2**63


@dataclass(frozen=True)
class FileStreams:
    """All files of a folder."""

    folder: Path

    def paths(self) -> list[Path]:
        return sorted(self.folder.glob("*.sqlite"))

    @contextmanager
    def listed(self) -> Iterator[list[Stream]]:
        with ExitStack() as opened:
            streams: list[Stream] = []
            for place, path in enumerate(sorted(self.paths(), key=_size, reverse=True)):
                with suppress(FileNotFoundError):  # which is wholly in the table that is opened after this
                    stream = FileStream(path, copied=place >= _MOST_OPEN)
                    streams.append(opened.enter_context(closing(stream)))
            yield sorted(streams, key=lambda stream: stream.name)

    @contextmanager
    def alone(self) -> Iterator[bool]:
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.folder / "compaction.lock", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()


class FileStream:
    """One file, in the state that it has now; to be closed.

    What is wrong with it is told when it is read: that of others can be read all the same.

    Parameters
    ----------
    copied : bool
        Into memory, so that no file stays open.

    Raises
    ------
    FileNotFoundError
        When it is there no more.
    """

    def __init__(self, path: Path, *, copied: bool = False) -> None:
        self.path = path
        self._problem: sqlite3.Error | None = None
        self._format = 0  # of a file whose writer was killed while it made it
        try:
            address = f"{path.resolve().as_uri()}?mode=ro"
            # Who gives up reading half-way may leave closing it to whatever thread collects garbage.
            self._connection = sqlite3.connect(
                address, uri=True, timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False
            )
        except sqlite3.Error as error:
            self._connection = sqlite3.connect(":memory:")
            self._fails(error)
            return
        try:
            self._begin()
            if copied:
                self._copy()
        except sqlite3.Error as error:
            self._fails(error)

    @property
    def name(self) -> str:
        return self.path.name

    def close(self) -> None:
        self._connection.close()

    def chunks(self, above: int, window: Window, wanted: Wanted) -> Iterator[Chunk]:
        with self._reading():
            if self._format == 1:
                yield from self._old_chunks(above, window, wanted)
            elif self._format == FORMAT:
                yield from self._chunks(above, window, wanted)

    def count(self, above: int, window: Window) -> int:
        with self._reading():
            if not self._format:
                return 0
            where, values = self._conditions(above, window)
            if self._format == 1:
                query = f"SELECT coalesce(sum(b.rows), 0) FROM batches b WHERE {where}"
                return 0 if window.failed else int(self._connection.execute(query, values).fetchone()[0])
            headers = self._headers()
            counts = self._connection.execute(
                "SELECT b.header, sum(b.rows) FROM batches b JOIN headers h ON h.id = b.header"
                f" WHERE {where} GROUP BY b.header",
                values,
            )
            return sum(rows for key, rows in counts if window.takes(headers.get(key)[0]))

    def remove(self, up_to: int) -> bool:
        """Remove the whole file, if its writer is gone, nobody reads it, and it ends at ``up_to``."""
        if is_written(self.path):
            return False
        address = f"{self.path.resolve().as_uri()}?mode=rw"  # which makes no new file
        try:
            connection = sqlite3.connect(address, uri=True, isolation_level=None, timeout=0)
        except sqlite3.Error:
            return False
        try:
            # Refused while anybody else has the file open, a writer of an older version too.
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            if connection.execute("PRAGMA journal_mode=DELETE").fetchone() != ("delete",):
                return False
            connection.execute("BEGIN EXCLUSIVE")
            has_table = connection.execute("PRAGMA user_version").fetchone()[0]
            last = connection.execute("SELECT max(id) FROM batches").fetchone()[0] if has_table else None
            if (last or 0) > up_to:
                return False
            self.path.unlink(missing_ok=True)
        except sqlite3.Error:
            return False
        finally:
            connection.close()
        for suffix in ("-wal", "-shm", "-journal"):
            Path(f"{self.path}{suffix}").unlink(missing_ok=True)
        lock_path(self.path).unlink(missing_ok=True)
        return True

    def _chunks(self, above: int, window: Window, wanted: Wanted) -> Iterator[Chunk]:
        headers = self._headers()
        where, values = self._conditions(above, window)
        query = f"SELECT b.header, {_ROW} FROM batches b JOIN headers h ON h.id = b.header WHERE {where}"
        for rows in _portions(self._connection.execute(f"{query} ORDER BY b.id", values)):
            yield chunk_of(headers, [(row[0], Row(*row[1:])) for row in rows], window, wanted)

    def _headers(self) -> Headers:
        headers = Headers(str(self.path))
        for key, crc32, blob in self._connection.execute("SELECT id, crc32, header FROM headers"):
            headers.add(key, crc32, blob)
        return headers

    def _old_chunks(self, above: int, window: Window, wanted: Wanted) -> Iterator[Chunk]:
        if window.failed:
            return
        where, values = self._conditions(above, window)
        about = ", ".join(f"b.{column}" for column in format1.ABOUT.values())
        query = f"SELECT {_ROW}, {about} FROM batches b WHERE {where} ORDER BY b.id"
        for rows in _portions(self._connection.execute(query, values)):
            tables = [format1.decode(str(self.path), Row(*row[:5]), row[5:], wanted) for row in rows]
            yield Chunk(rows[-1][0], tables)

    def _conditions(self, above: int, window: Window) -> tuple[str, list[Any]]:
        start, end = window.bounds()
        above = max(above, self._all_before(start))
        clauses, values = ["b.id > ?"], [above]  # type: list[str], list[Any]
        for clause, value in (
            ("b.asked_until >= ?", start),
            ("b.asked_from < ?", end),
            ("role = ?", window.role),
            ("model_version = ?", window.version),
        ):
            if value is not None:
                clauses.append(clause)
                values.append(value)
        return " AND ".join(clauses), values

    def _all_before(self, start: int | None) -> int:
        """A number up to which all batches were asked before a moment.

        Batches are only ever added, so what was gone through once to find it is not gone through again. A
        file holds the rows themselves: without that each look at the last days would read all of it.
        """
        if start is None:
            return 0
        with _LOCK:
            if len(_ASKED_BEFORE) > _MOST_FILES:
                _ASKED_BEFORE.clear()
            known = _ASKED_BEFORE.setdefault(str(self.path), [])
            place = bisect_right(known, (start, _LAST))
            above = known[place - 1][1] if place else 0
        query = "SELECT id FROM batches WHERE id > ? AND asked_until >= ? ORDER BY id LIMIT 1"
        found = self._connection.execute(query, (above, start)).fetchone()
        if found is None:
            found = self._connection.execute("SELECT max(id) + 1 FROM batches").fetchone()
        up_to = (found[0] or 1) - 1
        if up_to > above:
            with _LOCK:
                known.insert(bisect_right(known, (start, _LAST)), (start, up_to))
                del known[:-_MOST_KEPT]
        return max(above, up_to)

    def _begin(self) -> None:
        """Read one state in all that is read."""
        self._connection.execute("BEGIN")
        try:
            found = self._connection.execute("PRAGMA user_version").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_READONLY_ROLLBACK:
                raise
            _roll_back(self.path)
            found = self._connection.execute("PRAGMA user_version").fetchone()
        self._format = int(found[0])

    def _copy(self) -> None:
        copy = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        try:
            self._connection.backup(copy)
        finally:
            self._connection.close()
            self._connection = copy

    def _fails(self, error: sqlite3.Error) -> None:
        self._problem = error
        self._connection.close()
        if not self.path.exists():
            raise FileNotFoundError(self.path) from error

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            if self._problem is not None:
                raise self._problem
            if self._format > FORMAT:
                raise ServingError(
                    f"prediction log {self.path}: has format {self._format},"
                    f" this version reads up to {FORMAT}"
                )
            yield
        except sqlite3.Error as error:
            raise ServingError(f"prediction log {self.path}: cannot be read: {error}") from error


def _roll_back(path: Path) -> None:
    """Undo what a killed writer was about to do when it closed the file, which no reader may."""
    address = f"{path.resolve().as_uri()}?mode=rw"
    with closing(sqlite3.connect(address, uri=True, timeout=_WAIT_SECONDS)) as connection:
        connection.execute("PRAGMA user_version").fetchone()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _portions(rows: sqlite3.Cursor) -> Iterator[list[tuple[Any, ...]]]:
    portion: list[tuple[Any, ...]] = []
    size = 0
    for row in rows:
        portion.append(row)
        size += len(row[-1]) if isinstance(row[-1], bytes) else len(row[4])
        if len(portion) >= CHUNK_BATCHES or size >= _CHUNK_BYTES:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion
