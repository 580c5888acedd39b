"""A server as a child process: started, told its settings, waited for, ended.

Its standard input is a socket, since sockets carry open files: workers get the one that they listen on.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import msgspec

from workbench.errors import AgentUnavailable, ServingError
from workbench.execution.agent import client
from workbench.execution.agent.identity import NoPlace, identify
from workbench.execution.agent.request import Request, inherited
from workbench.serving.process import Ready
from workbench.serving.settings import Settings

__all__ = ["Child", "begin", "launch"]

_LAST_LINES = 15
# Beyond what it may take by its settings.
_STOP_SECONDS = 10.0
_LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class Child:
    """A running server process, the file of its standard error if it has one, how long a stop may take."""

    process: subprocess.Popen[bytes] | client.Process
    requests: socket.socket
    answers: BinaryIO
    output: Path | None
    stop_seconds: float
    _heard: bytearray = field(default_factory=bytearray)

    def leave(self) -> None:
        """Ask it to stop, by closing its standard input."""
        self.requests.close()

    def end(self) -> None:
        """Ask it to stop; make it stop when it does not in time."""
        self.leave()
        self.answers.close()
        try:
            self.process.wait(self.stop_seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.output is not None and self.output.exists() and not self.output.stat().st_size:
            self.output.unlink()

    def last_lines(self) -> str:
        """The end of what it wrote to standard error."""
        if self.output is None or not self.output.exists():
            return ""
        said = self.output.read_text(encoding="utf-8", errors="replace")
        return "\n".join(said.splitlines()[-_LAST_LINES:])

    def hear(self) -> bytes | None:
        """Read what it has told: its line, empty when it ended before, none while the line is not whole."""
        part = os.read(self.answers.fileno(), 65536)
        if not part:
            return b""
        self._heard.extend(part)
        return bytes(self._heard) if part.endswith(b"\n") else None

    def first_line(self, seconds: float) -> bytes | None:
        """The first line of its standard output; empty when it ended before, none when time is up."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if select.select([self.answers], [], [], _LOOK_SECONDS)[0]:
                line = self.hear()
                if line is not None:
                    return line
        return None


def begin(settings: Settings, *, errors: int, output: Path | None = None, files: Sequence[int] = ()) -> Child:
    """Start a server process and tell it its settings.

    Parameters
    ----------
    errors : int
        Its standard error, which ``output`` may name.
    files : sequence of int
        Open files for it.
    """
    stop_seconds = settings.limits.stop_seconds + _STOP_SECONDS
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    here, there = socket.socketpair()
    answering, told = os.pipe()
    with there, os.fdopen(told, "wb") as answer:
        process = _start(
            settings.project, environment, (there.fileno(), answer.fileno(), errors), stop_seconds
        )
    child = Child(process, here, os.fdopen(answering, "rb", buffering=0), output, stop_seconds)
    try:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it ended at once: its log says why
            line = msgspec.json.encode(settings) + b"\n"
            sent = socket.send_fds(here, [line], files) if files else 0
            here.sendall(line[sent:])
    except BaseException:
        process.kill()
        child.end()
        raise
    return child


def launch(settings: Settings, seconds: float) -> tuple[Child, Ready]:
    """Start a server process and wait until it answers.

    Raises
    ------
    ServingError
        When it does not within ``seconds``; ``details`` has the last lines of its log.
    """
    folder = Path(settings.log_folder)
    folder.mkdir(parents=True, exist_ok=True)
    output = folder / f"server-{os.getpid()}-{time.time_ns()}.log"
    with output.open("wb") as errors:
        child = begin(settings, errors=errors.fileno(), output=output)
    try:
        line = child.first_line(seconds)
    except BaseException:
        child.process.kill()
        child.end()
        raise
    ready = msgspec.json.decode(line, type=Ready) if line else None
    if ready is not None and not ready.error:
        return child, ready
    if line is None:
        child.process.kill()
    elif not line:
        # It is ending by itself; asking it to would cut its last words short.
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.process.wait(_STOP_SECONDS)
    child.end()
    if ready is not None:
        why = ready.error
    else:
        why = (
            f"it was not ready within {seconds:g} s"
            if line is None
            else f"it ended with status {child.process.returncode}"
        )
    raise ServingError(f"the model server did not start: {why}", details=child.last_lines())


def _start(
    folder: str, environment: Mapping[str, str], files: tuple[int, int, int], grace: float
) -> subprocess.Popen[bytes] | client.Process:
    """The process: from the agent if one runs, which spares it its imports."""
    if not client.why_not(environment):
        request = Request(
            command=("workbench.serving",),
            folder=folder,
            environment=environment,
            inherited=inherited(),
            name="wb-server",
            grace=grace,
        )
        with contextlib.suppress(AgentUnavailable, NoPlace):
            return client.fork(identify(environment, folder), request, files, start=False)
    return subprocess.Popen(
        # -P: a file in the project's folder must not stand in for a module.
        [sys.executable, "-P", "-m", "workbench.serving"],
        stdin=files[0],
        stdout=files[1],
        stderr=files[2],
        cwd=folder,
        env=dict(environment),
        # Interrupting a notebook's cell must not interrupt the server.
        start_new_session=True,
    )
