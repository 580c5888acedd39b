"""Files that outlive a power cut, and files that stand at two places."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

__all__ = ["link", "sync"]


def sync(path: Path) -> None:
    """Wait until a file's content, or a folder's list of names, is on disk.

    Raises
    ------
    OSError
        It is not there, or cannot be written.
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def link(source: str, target: str) -> None:
    """Have a file that nobody changes at another place, too: linked where it can be, else copied.

    Raises
    ------
    OSError
        It is not there, or cannot be written.
    """
    try:
        os.link(source, target)
    except OSError:  # on another file system
        shutil.copy2(source, target)
