"""The writer of a log in a folder: SQLite files of its own, so that no writer waits for another.

A file is in WAL mode, which is safe on every SQLite as long as one process writes. Each append is one
transaction, synced before it returns. A WAL that grows takes twice the time to sync of one that is written
over, so a new one is filled with zeros ahead, and SQLite's checkpoints come before it is full. A file that
has become large is closed and followed by another, so that compaction can remove it while the writer goes on.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from workbench.serving.log.batch import Batch, LogFailed
from workbench.serving.log.encoding import Encoded, Encoder, WrittenHeader

__all__ = ["FORMAT", "SqliteWriter", "is_written", "lock_path"]

FORMAT = 2
_TABLES = """
CREATE TABLE headers (
    id INTEGER PRIMARY KEY,
    model TEXT NOT NULL,
    model_version INTEGER NOT NULL,
    role TEXT NOT NULL,
    crc32 INTEGER NOT NULL,
    header BLOB NOT NULL           -- msgpack; see encoding.Header
);
CREATE TABLE batches (
    id INTEGER PRIMARY KEY,        -- from 1, without gaps
    header INTEGER NOT NULL,
    asked_from INTEGER NOT NULL,   -- microseconds since 1970, UTC; first and last of the batch
    asked_until INTEGER NOT NULL,
    answered_at INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    crc32 INTEGER NOT NULL,        -- of the header and then the predictions
    predictions BLOB NOT NULL      -- msgpack; see encoding.Body
);
"""
_INSERT = "INSERT INTO batches VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)"
#: Of the WAL, between checkpoints; with a page of 4 kB, their heads and what goes beyond in one transaction.
#: A checkpoint has to sync a file that grows, which takes as long as dozens of commits: so it is rare.
_WAL_PAGES, _WAL_BYTES = 1000, 9 * 2**19
_BUSY_SECONDS = 1.0  # nobody else should ever hold the lock, and answers wait for it
_ROTATE_BYTES = 128 * 2**20
#: After these the file is as good as before, and it may work next time.
_PASSING = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_NOMEM)


def lock_path(path: Path) -> Path:
    """The file that a writer holds locked as long as it writes to ``path``; gone once it closed it."""
    return path.with_suffix(".lock")


def is_written(path: Path) -> bool:
    """Whether a living process writes to a file of a log. The system frees the lock at any death."""
    try:
        handle = os.open(lock_path(path), os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


class _File:
    """One open file of a log, and the lock that says so.

    Attributes
    ----------
    appended : int
        Bytes of what was inserted.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._files = str(path), f"{path}-wal"
        self._headers: dict[WrittenHeader, int] = {}
        self.appended = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        # Before the file itself: who finds a file without a lock may take it away.
        self._lock = os.open(lock_path(path), os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._connection = sqlite3.connect(
                path, isolation_level=None, check_same_thread=False, timeout=_BUSY_SECONDS
            )
            try:
                self._connection.execute("PRAGMA journal_mode=WAL")
                self._connection.execute("PRAGMA synchronous=FULL")
                self._connection.execute(f"PRAGMA wal_autocheckpoint={_WAL_PAGES}")
                # Together, so that a file has its format exactly when it has its tables.
                self._connection.executescript(f"BEGIN; {_TABLES} PRAGMA user_version={FORMAT}; COMMIT")
                self._fill_wal()
                self._known = self._names()
            except BaseException:
                self._connection.close()
                raise
        except BaseException:
            self._remove()
            raise

    def insert(self, encoded: Sequence[Encoded]) -> None:
        """All of them in one transaction, or none; without any, a transaction that tries the file."""
        # Before it: a file that is elsewhere may come back, and should not bring what was never answered.
        if _identity(self._files[0]) != self._known[0]:
            raise self._lost()
        new = [item.header for item in encoded if item.header not in self._headers]
        if len(encoded) == 1 and not new:
            # By itself it is a transaction, and the thread lets go of the interpreter once instead of thrice.
            self._connection.execute(_INSERT, _row(encoded[0], self._headers))
        else:
            self._insert_together(encoded, set(new))
        # Behind it: what was written to a file without a name is gone, whenever it lost its name.
        if self._names() != self._known:
            raise self._lost()
        self.appended += sum(len(item.blob) for item in encoded)

    def _insert_together(self, encoded: Sequence[Encoded], new: set[WrittenHeader]) -> None:
        execute = self._connection.execute
        try:
            execute("BEGIN IMMEDIATE")
            if not encoded:
                execute(f"PRAGMA user_version={FORMAT}")
            added = {header: self._add_header(header) for header in new}
            ids = self._headers | added
            self._connection.executemany(_INSERT, [_row(item, ids) for item in encoded])
            execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                execute("ROLLBACK")
            raise
        self._headers |= added

    def close(self, *, remove_if_empty: bool = True) -> None:
        empty = False
        try:
            empty = self._connection.execute("SELECT 1 FROM batches LIMIT 1").fetchone() is None
            # Back to one plain file, which opens read-only wherever it is copied to.
            self._connection.execute("PRAGMA journal_mode=DELETE")
        except sqlite3.Error:
            pass  # somebody reads it, or the disk is full: as it is it can be read too
        self._connection.close()
        if empty and remove_if_empty:
            self._remove()
        else:
            self._unlock()

    def _add_header(self, header: WrittenHeader) -> int:
        row = (header.model, header.version, header.role, header.crc32, header.blob)
        added = self._connection.execute("INSERT INTO headers VALUES (NULL, ?, ?, ?, ?, ?)", row).lastrowid
        assert added is not None
        return added

    def _fill_wal(self) -> None:
        with contextlib.suppress(OSError), open(self._files[1], "r+b", buffering=0) as wal:
            size = wal.seek(0, os.SEEK_END)
            missing = max(0, _WAL_BYTES - size)
            if wal.write(bytes(missing)) < missing:
                wal.truncate(size)  # it would take all that a disk has left; without, it is slower
            os.fsync(wal.fileno())

    def _names(self) -> list[tuple[int, int] | None]:
        """Which files bear the names of ours."""
        return [_identity(name) for name in self._files]

    def _lost(self) -> OSError:
        return FileNotFoundError(f"{self.path} was removed or replaced while it was written")

    def _remove(self) -> None:
        for suffix in ("", "-wal", "-shm", "-journal"):
            _unlink(Path(f"{self.path}{suffix}"))
        self._unlock()

    def _unlock(self) -> None:
        _unlink(lock_path(self.path))
        os.close(self._lock)


def _identity(name: str) -> tuple[int, int] | None:
    try:
        found = os.stat(name)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _unlink(path: Path) -> None:
    """Remove it, if it can be: its folder may have gone, or something else may be in its place."""
    with contextlib.suppress(OSError):
        path.unlink()


def _row(item: Encoded, ids: Mapping[WrittenHeader, int]) -> tuple[object, ...]:
    asked = (item.asked_from, item.asked_until)
    return (ids[item.header], *asked, item.answered_at, item.rows, item.crc32, item.blob)


class SqliteWriter:
    """Appends to files of its own in a log's folder.

    Parameters
    ----------
    purpose : str
        A word for the names of its files, such as ``answers`` or ``shadow``.
    rotate_bytes : int
        From which size on a file is followed by another.

    Raises
    ------
    LogFailed
        When the folder cannot be written.
    """

    def __init__(self, folder: Path, purpose: str, *, rotate_bytes: int = _ROTATE_BYTES) -> None:
        self.folder, self.purpose = folder, purpose
        self._rotate_bytes = rotate_bytes
        self._encoder = Encoder()
        self._file: _File | None = self._open()

    @property
    def place(self) -> str:
        return str(self._file.path if self._file else self.folder)

    @property
    def is_local(self) -> bool:
        return True

    def append(self, batches: Sequence[Batch]) -> None:
        """Write batches; all of them are durable on return. Without any, the file is tried.

        Raises
        ------
        LogFailed
            When they cannot be written; then none of them is, and the next call tries anew.
        """
        encoded = [self._encoder.encode(batch) for batch in batches if batch.prediction_ids]
        if batches and not encoded:
            return
        file = self._file = self._file or self._open()
        try:
            file.insert(encoded)
        except (OSError, sqlite3.Error) as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code not in _PASSING:
                self._abandon(file)
            raise LogFailed(f"the prediction log {file.path} cannot be written: {error}") from error
        self._rotate(file)

    def close(self) -> None:
        """Close its file; one into which nothing was written is removed."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self) -> _File:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        name = f"{stamp}-{os.getpid()}-{self.purpose}-{secrets.token_hex(3)}.sqlite"
        try:
            return _File(self.folder / name)
        except (OSError, sqlite3.Error) as error:
            raise LogFailed(f"the prediction log in {self.folder} cannot be written: {error}") from error

    def _abandon(self, file: _File) -> None:
        """Leave a file that does not work; the next append opens another."""
        self._file = None
        file.close(remove_if_empty=False)

    def _rotate(self, file: _File) -> None:
        """What was appended is durable, so a failure here is one of the next append."""
        if file.appended >= self._rotate_bytes:
            self._file = None
            with contextlib.suppress(OSError):
                file.close()
