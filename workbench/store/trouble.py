"""What a full disk or a store that is away looks like, from whichever library it comes, in one line."""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from workbench.errors import DiskFull, TrackingError, WorkbenchError

__all__ = ["in_words", "of_database"]

_FULL = re.compile(r"disk is full|no space left|disk quota exceeded|os error 28\b", re.IGNORECASE)
#: A database that cannot grow may say anything ("disk I/O error", "unable to open database file").
_LITTLE_ROOM = 128 * 1024
_TROUBLED = {
    "MlflowException": "mlflow.exceptions",
    "SQLAlchemyError": "sqlalchemy.exc",
    "OperationalError": "sqlalchemy.exc",
    "DeltaError": "deltalake.exceptions",
}
_SILENT = re.compile(r"API request to (\w+://[^/\s]+)\S* failed with exception ")
_CREDENTIALS = re.compile(r"(://)[^/@\s]+@")


def in_words(error: BaseException, folder: Path) -> WorkbenchError | None:
    """The error of one line for a fault of the disk or of the tracking store; None for any other.

    Parameters
    ----------
    folder : Path
        Where things are kept: its disk is looked at when it is not clear what was wrong.
    """
    if isinstance(error, WorkbenchError):
        return error
    chain = list(_chain(error))
    if any(_says_full(each) for each in chain) or (any(map(_is_troubled, chain)) and _is_full(folder)):
        return DiskFull(
            f"no space left on the disk of {folder}: make room (workbench prune removes old reports), "
            "then give the same command again"
        )
    for each in chain:
        if _is_a(each, "MlflowException"):
            return _of_tracking(_CREDENTIALS.sub(r"\1", str(each).strip()))
    return None


def of_database(error: BaseException) -> WorkbenchError | None:
    """The error of one line for a workbench database that does not answer; None for any other.

    Only for what asks no other database: a notebook's own may be away, too.
    """
    for each in _chain(error):
        if _is_a(each, "OperationalError"):
            said = _CREDENTIALS.sub(r"\1", str(each).strip())
            line = said.partition("\n")[0]
            return WorkbenchError(
                f"the workbench database does not answer: {line}; the same command goes on once it is back",
                details=said,
            )
    return None


def _of_tracking(said: str) -> TrackingError:
    if silent := _SILENT.match(said):
        what = f"the tracking store at {silent[1]} does not answer"
    else:
        line = said.partition("\n")[0] or "no reason given"
        what = f"the tracking store cannot be used: {line if len(line) <= 200 else f'{line[:199]}…'}"
    return TrackingError(f"{what}; the same command goes on once it is back", details=said)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        seen.append(error)
        yield error
        error = error.__cause__ or error.__context__


def _says_full(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    return _is_troubled(error) and _FULL.search(str(error)) is not None


def _is_troubled(error: BaseException) -> bool:
    return isinstance(error, OSError) or any(_is_a(error, name) for name in _TROUBLED)


def _is_a(error: BaseException, name: str) -> bool:
    """Whether it is an error of a library that is only asked for when it is there already."""
    module = sys.modules.get(_TROUBLED[name])
    return module is not None and isinstance(error, getattr(module, name))


def _is_full(folder: Path) -> bool:
    try:
        found = os.statvfs(folder)
    except OSError:
        return False
    return found.f_bavail * found.f_frsize < _LITTLE_ROOM or found.f_favail == 0 < found.f_files
