"""Ask for a process: from the agent, which is started on first use, or without one."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import select
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import AgentUnavailable
from workbench.execution.agent import wire
from workbench.execution.agent.identity import Identity
from workbench.execution.agent.request import Request

if TYPE_CHECKING:
    import subprocess

__all__ = [
    "IMPORT_SECONDS",
    "Process",
    "ask",
    "fork",
    "is_ready",
    "keep",
    "running",
    "start_agent",
    "why_not",
]

_IDLE_SECONDS = 1800.0
_LONGEST_IDLE_SECONDS = 365 * 24 * 3600.0
#: How long an agent may take to import everything.
IMPORT_SECONDS = 180.0
_ANSWER_SECONDS = 15.0
_LOCK_SECONDS = 10.0
_ATTEMPTS = 3


def why_not(environment: Mapping[str, str]) -> str:
    """Why no agent can serve here at all; empty when one can."""
    if environment.get("WORKBENCH_AGENT") == "0":
        return "WORKBENCH_AGENT=0"
    if sys.platform != "linux":
        return f"forking a process that has loaded libraries is not safe on {sys.platform}"
    return ""


class Process:
    """A process below a keeper, with the methods of :class:`subprocess.Popen` that kernels need.

    ``returncode`` is negative when a signal ended it, and so it is when its keeper was killed.
    """

    stdin = stdout = stderr = None

    def __init__(self, connection: socket.socket, pid: int, starter: subprocess.Popen[bytes] | None) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._connection, self._starter = connection, starter

    def fileno(self) -> int:
        """Readable once it has ended."""
        return self._connection.fileno()

    def poll(self) -> int | None:
        """Its exit status, or None while it runs."""
        return self._result(0.0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end (:class:`subprocess.TimeoutExpired` when that takes longer)."""
        result = self._result(timeout)
        if result is None:
            import subprocess

            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
        return result

    def send_signal(self, number: int) -> None:
        """Send a signal to the process and those in its group."""
        with contextlib.suppress(OSError):  # it has ended
            wire.send(self._connection, {"signal": int(number)})

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _result(self, timeout: float | None) -> int | None:
        if self.returncode is None and _readable(self._connection, timeout):
            try:
                status = int(wire.receive(self._connection)["ended"])
            except (OSError, KeyError, TypeError, ValueError):
                status = -signal.SIGKILL
            self._connection.close()
            if self._starter is not None:
                self._starter.wait()
            self.returncode = status
        return self.returncode


def _readable(connection: socket.socket, timeout: float | None) -> bool:
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(None if timeout is None else timeout * 1000))


def fork(
    identity: Identity,
    request: Request,
    files: Sequence[int],
    *,
    start: bool = True,
    before: Callable[[Process], None] | None = None,
) -> Process:
    """A process forked from the agent, which is started if there is none.

    Parameters
    ----------
    files : sequence of int
        Its standard input, output and error.
    start : bool
        Whether to start an agent, or wait for one that is still importing.
    before : callable, optional
        Is given the process before it runs anything; if it raises, nothing ever runs.

    Raises
    ------
    AgentUnavailable
        When there is no agent and none can be started; nothing has run then.
    """
    reason = "no agent runs"
    request = replace(request, stamp=identity.stamp)
    for _ in range(_ATTEMPTS):
        try:
            connection = _connect(identity.socket)
        except OSError as error:
            raise AgentUnavailable(f"the agent cannot be asked: {error.strerror or error}") from error
        if connection is None:
            if not start:
                break
            start_agent(identity)
            continue
        if not start and not is_ready(identity):
            connection.close()
            raise AgentUnavailable("the agent is still importing")
        try:
            process = _introduce(connection, identity, request, files)
            if before is not None:
                before(process)
            _let_go(connection)
            return process
        except _TryAgain as error:
            reason = str(error)
        except BaseException:
            connection.close()
            raise
        connection.close()
    raise AgentUnavailable(reason)


class _TryAgain(Exception):
    """The agent has gone, or goes now; another one may do."""


def _introduce(
    connection: socket.socket, identity: Identity, request: Request, files: Sequence[int]
) -> Process:
    try:
        wire.send(connection, request.as_message(), files)
        if not _readable(connection, _ANSWER_SECONDS if is_ready(identity) else IMPORT_SECONDS):
            raise AgentUnavailable("the agent does not answer")
        answer = wire.receive(connection)
    except OSError as error:
        raise _TryAgain(f"the agent has gone: {error}") from error
    if answer.get("out_of_date"):
        raise _TryAgain("the agent is out of date")
    if problem := answer.get("problem"):
        raise AgentUnavailable(problem)
    return Process(connection, answer["started"], None)


def _let_go(connection: socket.socket) -> None:
    """The last word to the keeper, without which nothing runs."""
    try:
        wire.send(connection, {"go": True})
    except OSError as error:
        raise _TryAgain(f"the keeper has gone: {error}") from error


def keep(request: Request, files: Sequence[int]) -> Process:
    """An ordinary process (``request.command`` is its whole command line) below a keeper of its own.

    Raises
    ------
    AgentUnavailable
        When the process cannot be started that way.
    """
    import subprocess

    here, there = socket.socketpair()
    with there:
        try:
            starter = subprocess.Popen(
                [sys.executable, "-m", "workbench.execution.agent.keeper", str(there.fileno())],
                pass_fds=(there.fileno(),),
                stdin=subprocess.DEVNULL,
                env=dict(request.environment),
                cwd="/",
            )
        except OSError as error:
            here.close()
            raise AgentUnavailable(f"no process can be started: {error}") from error
    try:
        wire.send(here, request.as_message(), files)
        answer = wire.receive(here)
        if "started" in answer:
            _let_go(here)
    except (OSError, _TryAgain) as error:
        answer = {"problem": f"the keeper has gone: {error}"}
    if problem := answer.get("problem"):
        here.close()
        starter.wait()
        raise AgentUnavailable(problem)
    return Process(here, answer["started"], starter)


def is_ready(identity: Identity) -> bool:
    """Whether an agent of this identity has imported everything (one that has gone may have, too)."""
    return identity.ready.exists()


def running(folder: Path) -> list[Path]:
    """The sockets of all agents whose place is this private folder, those of killed ones among them."""
    return sorted(folder.glob("*.sock"))


def ask(place: Path, question: str, seconds: float = _ANSWER_SECONDS) -> dict[str, Any] | None:
    """``status`` or ``stop``: facts about the agent with this socket; None when none answers in time."""
    try:
        connection = _connect(place)
        if connection is None:
            return None
        with connection:
            connection.settimeout(seconds)
            wire.send(connection, {"ask": question})
            facts: dict[str, Any] = wire.receive(connection)
    except OSError:
        return None
    return facts


def _connect(place: Path) -> socket.socket | None:
    """A connection to the agent with this socket; None when nobody listens there.

    Raises
    ------
    OSError
        When that cannot be said, as with too many files open: no reason to put another in its place.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # Its queue may be full; then it does not answer. (With Python's own timeouts it would not be tried.)
        patience = struct.pack("ll", int(_ANSWER_SECONDS), 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, patience)
        connection.connect(str(place))
        if wire.peer(connection)[1] != os.getuid():
            raise PermissionError(errno.EPERM, f"{place} belongs to somebody else")
    except (FileNotFoundError, ConnectionRefusedError):
        connection.close()
        return None
    except BaseException:
        connection.close()
        raise
    return connection


def start_agent(identity: Identity) -> None:
    """Start the agent unless somebody has in the meantime. It answers when it has imported everything.

    Raises
    ------
    AgentUnavailable
        When that is not possible here.
    """
    try:
        with open(identity.lock, "w") as lock:
            _acquire(lock.fileno())
            if (there := _connect(identity.socket)) is not None:
                there.close()
                return
            _spawn(identity)
    except OSError as error:
        raise AgentUnavailable(f"no agent can be started: {error}") from error


def _acquire(lock: int) -> None:
    until = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)


def _spawn(identity: Identity) -> None:
    """Open the agent's socket and hand it over: whoever connects from now on waits in its queue."""
    import subprocess

    idle = os.environ.get("WORKBENCH_AGENT_IDLE", "")
    try:
        idle_seconds = float(idle) if idle else _IDLE_SECONDS
    except ValueError:
        idle_seconds = -1.0
    if not 0 < idle_seconds <= _LONGEST_IDLE_SECONDS:
        raise AgentUnavailable(f"WORKBENCH_AGENT_IDLE is a number of seconds, not {idle!r}")
    for path in (identity.socket, identity.ready):
        path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening, open(identity.log, "wb") as log:
        listening.bind(str(identity.socket))
        listening.listen(128)
        settings = {
            "listening": listening.fileno(),
            "socket": str(identity.socket),
            "ready": str(identity.ready),
            "stamp": identity.stamp,
            "preload": identity.preload,
            "prefix": sys.prefix,
            "idle_seconds": idle_seconds,
        }
        # Frozen modules are off, as they are for an ordinary kernel, or its debugger would complain.
        started = subprocess.run(
            [sys.executable, "-Xfrozen_modules=off", "-m", "workbench.execution.agent"],
            input=json.dumps(settings).encode(),
            pass_fds=(listening.fileno(),),
            stdout=log,
            stderr=log,
            env=dict(identity.environment),
            cwd=identity.folder,
            check=False,
        )
    if started.returncode != 0:
        raise AgentUnavailable(f"no agent can be started; its last words are in {identity.log}")
