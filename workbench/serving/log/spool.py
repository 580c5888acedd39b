"""Where batches wait while a log cannot be written, and how they come into it afterwards, each exactly once.

A spool is a folder of log files. A file of it becomes a file of the log, or a stream of the database, under
its own name, which is how a process that goes on after a kill knows what has been brought already.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from filelock import FileLock, Timeout

from workbench.errors import ServingError
from workbench.serving.log.batch import LogFailed
from workbench.serving.log.files import FileStream, FileStreams
from workbench.serving.log.read import PredictionLog
from workbench.serving.log.sqlite import is_written, lock_path
from workbench.serving.log.streams import Window
from workbench.store.files import sync

__all__ = ["bring_back", "default_spool", "rows_in"]


def default_spool(target: str) -> Path:
    """The spool of a log in the system's folder for temporary files, ours alone.

    Raises
    ------
    LogFailed
        When it is somebody else's.
    """
    name = hashlib.sha256(target.encode()).hexdigest()[:16]
    parent = Path(tempfile.gettempdir()) / f"workbench-spool-{os.getuid()}"
    try:
        parent.mkdir(mode=0o700, exist_ok=True)
        found = parent.lstat()
    except OSError as error:
        raise LogFailed(f"the spool {parent} cannot be made: {error}") from error
    if found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise LogFailed(f"the spool {parent} is open to others; remove it, or name another folder")
    return parent / name


def rows_in(spool: Path) -> int:
    """How many rows wait in a spool, as far as it can be read."""
    total = 0
    for path in FileStreams(spool).paths():
        try:
            with closing(FileStream(path)) as stream:
                total += stream.count(0, Window())
        except (ServingError, FileNotFoundError):
            continue
    return total


def bring_back(spool: Path, log: PredictionLog) -> None:
    """Bring what waits into a log, except for files that are being written.

    Raises
    ------
    LogFailed
        When the log cannot be written; what has not been brought stays.
    """
    if not any(spool.glob("*.sqlite")):
        return
    try:
        with FileLock(spool / "spool.lock", timeout=0):
            for path in FileStreams(spool).paths():
                if not is_written(path):
                    _bring(path, log)
    except Timeout:  # another worker is at it
        return


def _bring(path: Path, log: PredictionLog) -> None:
    try:
        if not _made_plain(path):
            return
        if log.database:
            from workbench.serving.log.postgres import take_file

            take_file(path, log.database)
        else:
            _move(path, log)
    except (OSError, sqlite3.Error) as error:
        raise LogFailed(f"{path} cannot be brought into the prediction log: {error}") from error
    path.unlink(missing_ok=True)
    lock_path(path).unlink(missing_ok=True)


def _made_plain(path: Path) -> bool:
    """Make one file of what a killed writer left behind; False while somebody has it open."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=0)
    try:
        found = connection.execute("PRAGMA journal_mode=DELETE").fetchone()
        return bool(found == ("delete",))
    except sqlite3.OperationalError:
        return False
    finally:
        connection.close()


def _move(path: Path, log: PredictionLog) -> None:
    from workbench.serving.log.table import CompactedTable

    target = log.folder / path.name
    # In this order: a file that was there goes only when it is in the table.
    if target.exists() or CompactedTable(log.table_uri).taken(path.name):
        return
    log.folder.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(".part")
    try:
        shutil.copyfile(path, part)
        sync(part)
        part.rename(target)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    sync(log.folder)
