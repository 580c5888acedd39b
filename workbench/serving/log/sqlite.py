"""The writer of a log in a folder: SQLite files of its own, so that no writer waits for another.

A file is in WAL mode, which is safe on every SQLite as long as one process writes. Each append is one
transaction, synced before it returns. Checkpoints are SQLite's own, every thousand pages: they are short, and
a WAL that is used anew commits in half of the time that a growing one takes. A file that has become large is
closed and followed by another, so that compaction can remove it while the writer goes on.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import sqlite3
from collections.abc import Sequence
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
    """One open file of a log, and the lock that says so."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._wal = f"{path}-wal"
        self._headers: dict[WrittenHeader, int] = {}
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
                # Together, so that a file has its format exactly when it has its tables.
                self._connection.executescript(f"BEGIN; {_TABLES} PRAGMA user_version={FORMAT}; COMMIT")
                self._known = self._names()
            except BaseException:
                self._connection.close()
                raise
        except BaseException:
            self._remove()
            raise

    def insert(self, encoded: Sequence[Encoded]) -> None:
        """All of them in one transaction, or none; without any, a transaction that tries the file."""
        self._check_names()
        execute = self._connection.execute
        try:
            execute("BEGIN IMMEDIATE")
            if not encoded:
                execute(f"PRAGMA user_version={FORMAT}")
            new = {item.header for item in encoded if item.header not in self._headers}
            added = {header: self._add_header(header) for header in new}
            ids = self._headers | added if added else self._headers
            self._connection.executemany(
                "INSERT INTO batches VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (ids[e.header], e.asked_from, e.asked_until, e.answered_at, e.rows, e.crc32, e.blob)
                    for e in encoded
                ],
            )
            execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                execute("ROLLBACK")
            raise
        self._headers |= added
        # Once more: what was written to a file without a name is gone, whenever it lost its name.
        self._check_names()

    def size(self) -> int:
        return os.stat(self.path).st_size + os.stat(self._wal).st_size

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

    def _check_names(self) -> None:
        if self._names() != self._known:
            raise FileNotFoundError(f"{self.path} was removed or replaced while it was written")

    def _names(self) -> tuple[int, ...]:
        """Which files bear the names of ours."""
        try:
            file, wal = os.stat(self.path), os.stat(self._wal)
        except FileNotFoundError:
            return ()
        return file.st_dev, file.st_ino, wal.st_ino

    def _remove(self) -> None:
        for suffix in ("", "-wal", "-shm", "-journal"):
            _unlink(Path(f"{self.path}{suffix}"))
        self._unlock()

    def _unlock(self) -> None:
        _unlink(lock_path(self.path))
        os.close(self._lock)


def _unlink(path: Path) -> None:
    """Remove it, if it can be: its folder may have gone, or something else may be in its place."""
    with contextlib.suppress(OSError):
        path.unlink()


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
        try:
            if file.size() >= self._rotate_bytes:
                self._file = None
                file.close()
        except OSError:
            self._file = None
