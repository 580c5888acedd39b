"""Processes of this machine: whether they live, and when they began, since their numbers are given anew."""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["alive", "began"]


def alive(pid: int) -> bool:
    """Whether there is a process of this number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def began(pid: int) -> int:
    """In ticks since the machine started, which no clock changes; 0 for a process that has ended."""
    try:
        # The name of the program, in parentheses, may hold anything; then come the state and 18 more.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return 0 if fields[0] in "ZX" else int(fields[19])
    except FileNotFoundError:
        return 0 if sys.platform == "linux" else _began_elsewhere(pid)


def _began_elsewhere(pid: int) -> int:
    import psutil

    try:
        process = psutil.Process(pid)
        return 0 if process.status() == psutil.STATUS_ZOMBIE else int(process.create_time())
    except psutil.NoSuchProcess:
        return 0
