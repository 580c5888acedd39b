"""A server as a child process: started, waited for, ended."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec

from workbench.errors import AgentUnavailable, ServingError
from workbench.execution.agent import client
from workbench.execution.agent.identity import NoPlace, identify
from workbench.execution.agent.request import Request, inherited
from workbench.serving.process import Ready
from workbench.serving.settings import Settings

__all__ = ["Child", "launch"]

_LAST_LINES = 15
# Beyond what it may take by its settings.
_STOP_SECONDS = 10.0
_LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class Child:
    """A running server process, its standard error's file, and how long it may take to stop."""

    process: subprocess.Popen[bytes] | client.Process
    requests: BinaryIO
    answers: BinaryIO
    output: Path
    stop_seconds: float

    def end(self) -> None:
        """Ask it to stop by closing its standard input; make it stop when it does not in time."""
        for stream in (self.requests, self.answers):
            with contextlib.suppress(BrokenPipeError):
                stream.close()
        try:
            self.process.wait(self.stop_seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.output.exists() and not self.output.stat().st_size:
            self.output.unlink()

    def last_lines(self) -> str:
        """The end of what it wrote to standard error."""
        return "\n".join(
            self.output.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:]
        )

    def first_line(self, seconds: float) -> bytes | None:
        """The first line of its standard output; empty when it ended before, none when time is up."""
        source = self.answers.fileno()
        end = time.monotonic() + seconds
        line = b""
        while not line.endswith(b"\n") and time.monotonic() < end:
            if not select.select([source], [], [], _LOOK_SECONDS)[0]:
                continue
            part = os.read(source, 65536)
            if not part:
                return b""
            line += part
        return line if line.endswith(b"\n") else None


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
    stop_seconds = settings.limits.stop_seconds + _STOP_SECONDS
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    reading, writing = os.pipe()
    answering, told = os.pipe()
    with output.open("wb") as errors, os.fdopen(reading, "rb") as asked, os.fdopen(told, "wb") as answer:
        files = (asked.fileno(), answer.fileno(), errors.fileno())
        process = _start(settings.project, environment, files, stop_seconds)
    child = Child(process, os.fdopen(writing, "wb"), os.fdopen(answering, "rb"), output, stop_seconds)
    try:
        with contextlib.suppress(BrokenPipeError):  # it ended at once: its log says why
            child.requests.write(msgspec.json.encode(settings) + b"\n")
            child.requests.flush()
        line = child.first_line(seconds)
    except BaseException:
        process.kill()
        child.end()
        raise
    ready = msgspec.json.decode(line, type=Ready) if line else None
    if ready is not None and not ready.error:
        return child, ready
    if line is None:
        process.kill()
    elif not line:
        # It is ending by itself; asking it to would cut its last words short.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)
    child.end()
    if ready is not None:
        why = ready.error
    else:
        why = (
            f"it was not ready within {seconds:g} s"
            if line is None
            else f"it ended with status {process.returncode}"
        )
    raise ServingError(
        f"the model server did not start: {why}", details=child.last_lines() if output.exists() else ""
    )


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
