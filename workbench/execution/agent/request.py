"""What is asked of an agent: a process like ``python -m MODULE …``, with all that a process inherits."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["LIMITS", "Request", "check_room", "inherited", "raise_limits", "take_over"]

LIMITS = (
    *("RLIMIT_AS", "RLIMIT_CORE", "RLIMIT_CPU", "RLIMIT_DATA", "RLIMIT_FSIZE", "RLIMIT_MEMLOCK"),
    *("RLIMIT_NOFILE", "RLIMIT_NPROC", "RLIMIT_STACK"),
)
# Of these an agent has no use for less than it may have. (Limits on stacks are fixed when it starts.)
_RAISED = (
    *("RLIMIT_AS", "RLIMIT_CPU", "RLIMIT_DATA", "RLIMIT_FSIZE", "RLIMIT_MEMLOCK", "RLIMIT_NOFILE"),
    "RLIMIT_NPROC",
)
#: Of an address space, what the agent's imports may take up in a process forked from it.
_SHARE_TAKEN = 0.5
_MIB = 1024 * 1024
_IGNORABLE = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)


@dataclass(frozen=True)
class Request:
    """One process: what it runs, and what it would have inherited from whoever asks.

    Attributes
    ----------
    command : tuple of str
        To an agent: what follows ``python -m``. To a keeper without an agent: a whole command line.
    folder, environment
        Where it runs, and all of its environment.
    inherited : mapping
        What :func:`inherited` said about the process that asks.
    name : str
        What ``ps`` and ``top`` are to show, at most 15 characters.
    import_from : str
        What comes first on its import path.
    stamp : str
        The state of the environment that the agent has to have imported.
    grace : float
        Seconds that it, and what it started, may take to end when asked to, before they are killed.
    remove : tuple of str
        Files that go when it has ended, such as its sockets.
    """

    command: tuple[str, ...]
    folder: str
    environment: Mapping[str, str]
    inherited: Mapping[str, Any]
    name: str = "wb-process"
    import_from: str = ""
    stamp: str = ""
    grace: float = 1.0
    remove: tuple[str, ...] = ()

    def as_message(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Request:
        lists = {name: tuple(message[name]) for name in ("command", "remove")}
        return cls(**{**message, **lists})


def inherited() -> dict[str, Any]:
    """What a child process gets from this one without being told: limits, mask, cores, ignored signals."""
    return {
        "umask": _umask(),
        "limits": {name: resource.getrlimit(getattr(resource, name)) for name in LIMITS},
        "cores": sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else [],
        "nice": os.nice(0),
        "ignored": [int(number) for number in _IGNORABLE if signal.getsignal(number) == signal.SIG_IGN],
    }


def _umask() -> int:
    """Asking the system for the mask means to set it: other threads may be making files just now."""
    with contextlib.suppress(OSError), open("/proc/self/status", "rb") as file:
        for line in file:
            if line.startswith(b"Umask:"):
                return int(line.split()[1], 8)
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def raise_limits() -> None:
    """In an agent: no limit of whoever happened to start it is one for what is forked for others."""
    for name in _RAISED:
        kind = getattr(resource, name)
        with contextlib.suppress(OSError, ValueError):
            _, hard = resource.getrlimit(kind)
            resource.setrlimit(kind, (hard, hard))


def check_room(values: Mapping[str, Any]) -> None:
    """Whether limits on memory, which count what the agent has imported, leave enough beside it.

    Raises
    ------
    OSError
        When they don't: an ordinary process imports less.
    """
    used = _memory()
    for name, what in (("RLIMIT_AS", "VmSize"), ("RLIMIT_DATA", "VmData")):
        limit, _ = values["limits"][name]
        if limit != resource.RLIM_INFINITY and used[what] > limit * _SHARE_TAKEN:
            raise OSError(
                f"{name} of {limit // _MIB} MiB leaves too little beside the {used[what] // _MIB} MiB "
                "that imported libraries take up"
            )


def _memory() -> dict[str, int]:
    with open("/proc/self/status", "rb") as file:
        lines = (line.decode().partition(":") for line in file if line.startswith(b"Vm"))
        return {name: int(value.split()[0]) * 1024 for name, _, value in lines}


def take_over(values: Mapping[str, Any]) -> None:
    """Become a process with these limits, mask, cores and ignored signals.

    Raises
    ------
    OSError, ValueError
        When this process may not, such as raise a limit again that its agent was started with.
    """
    os.umask(values["umask"])
    for name, (soft, hard) in values["limits"].items():
        kind = getattr(resource, name)
        if resource.getrlimit(kind) != (soft, hard):
            resource.setrlimit(kind, (soft, hard))
    if set(values["cores"]) != os.sched_getaffinity(0):
        os.sched_setaffinity(0, values["cores"])
    if values["nice"] != os.nice(0):
        os.nice(values["nice"] - os.nice(0))
    ignored: Sequence[int] = values["ignored"]
    for number in _IGNORABLE:
        signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)
    if signal.SIGINT not in ignored:
        signal.signal(signal.SIGINT, signal.default_int_handler)
