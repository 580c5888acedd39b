"""Processes as the system shows them: a process's descendants, its name, and what is asked of it (Linux)."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from collections import defaultdict

__all__ = [
    "AGENT",
    "KEEPER",
    "adopt_orphans",
    "children",
    "descendants",
    "die_with_parent",
    "end_descendants",
    "name_this",
    "reap",
]

_PR_SET_PDEATHSIG, _PR_SET_NAME, _PR_SET_CHILD_SUBREAPER = 1, 15, 36
_POLL_SECONDS = 0.1
_PATIENCE_SECONDS = 30.0

AGENT, KEEPER = "wb-agent", "wb-keeper"
_NOBODYS = (AGENT.encode(), KEEPER.encode())


def _prctl(option: int, value: int | bytes) -> None:
    system = ctypes.CDLL(None, use_errno=True)
    if system.prctl(option, value, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def name_this(name: str) -> None:
    """The name that ``ps`` and ``top`` show for this process (15 characters)."""
    _prctl(_PR_SET_NAME, name.encode()[:15])


def adopt_orphans() -> None:
    """Descendants whose parent has died become children of this process, not of the machine's first."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent(parent: int) -> None:
    """Be killed when the parent ends, by whatever end."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def children() -> dict[int, list[int]]:
    """Every process's children; an agent and a keeper count as nobody's child.

    Whoever starts an agent may itself be below a keeper, and so adopts the agent and, should that be
    killed, the agent's keepers. They belong to others, and end on their own when those do.
    """
    found = defaultdict(list)
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                with open(f"/proc/{entry.name}/stat", "rb") as file:
                    before, _, after = file.read().rpartition(b")")
                if before.partition(b"(")[2] not in _NOBODYS:
                    found[int(after.split()[1])].append(int(entry.name))
    return found


def descendants(root: int) -> list[int]:
    """All processes below ``root``; no agent or keeper among them, nor what is below those."""
    below_whom = children()
    found, waiting = [], [root]
    while waiting:
        below = below_whom[waiting.pop()]
        found += below
        waiting += below
    return found


def reap() -> dict[int, int]:
    """Collect children that have ended: process -> exit status, negative for a signal."""
    ended: dict[int, int] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended[pid] = os.waitstatus_to_exitcode(status)


def end_descendants(grace: float) -> dict[int, int]:
    """End all that is below this process: asked first, killed after ``grace`` seconds.

    Returns
    -------
    dict
        Exit statuses of those that were, or became, children of this process.
    """
    # From here on the end of a child can be waited for: looking at all processes again and again is dear.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    ended = reap()
    below = descendants(os.getpid())
    for pid in below:
        _signal(pid, signal.SIGTERM)
    started = time.monotonic()
    while below and (elapsed := time.monotonic() - started) < _PATIENCE_SECONDS:
        if elapsed >= grace:
            for pid in below:
                _signal(pid, signal.SIGKILL)
        remaining = grace - elapsed if elapsed < grace else _POLL_SECONDS
        signal.sigtimedwait([signal.SIGCHLD], min(remaining, _POLL_SECONDS))
        ended |= reap()
        below = descendants(os.getpid())
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    return ended


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
