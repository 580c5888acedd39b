"""What a folder of files contains, as one number."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from workbench.errors import DataError

__all__ = ["hash_file", "hash_folder", "hash_value", "stat_hint"]


def hash_value(value: Any) -> str:
    """SHA-256 of a JSON value, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, default=str, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def hash_file(path: Path) -> str:
    """SHA-256 of a file's content; empty when it cannot be read."""
    try:
        with path.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError:
        return ""


def stat_hint(path: Path) -> str:
    """What a file looks like from outside: while this is equal, its content need not be read again."""
    try:
        found = path.stat()
    except OSError:
        return ""
    return f"{found.st_size}:{found.st_mtime_ns}:{found.st_ino}"


def hash_folder(path: Path | str, *, ignore: Collection[str] = ()) -> str:
    """SHA-256 over the names and contents of all files below ``path``.

    Parameters
    ----------
    path : path
        The folder. Two folders with the same files have the same hash, wherever they lie.
    ignore : collection of str
        Names directly below ``path`` that do not count.

    Raises
    ------
    DataError
        When there is no such folder, or something in it is neither a file nor a folder (a link could
        lead anywhere, a pipe never ends).
    """
    root = Path(path)
    if not root.is_dir():
        raise DataError(f"no folder {root} to hash")
    total = hashlib.sha256()
    for name, file in sorted((item.relative_to(root).as_posix(), item) for item in root.rglob("*")):
        if name in ignore:
            continue
        if file.is_symlink() or not (file.is_file() or file.is_dir()):
            raise DataError(f"{file} is neither a file nor a folder")
        if file.is_file():
            with file.open("rb") as opened:
                content = hashlib.file_digest(opened, "sha256").hexdigest()
            # A name cannot contain a zero byte, so that no two folders share one sequence.
            total.update(f"{name}\0{content}\n".encode())
    return total.hexdigest()
