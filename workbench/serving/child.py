"""A server as a child process: started, waited for, ended."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec

from workbench.errors import ServingError
from workbench.serving.process import NATIVE_THREADS, Ready
from workbench.serving.settings import Settings

__all__ = ["Child", "launch"]

_LAST_LINES = 15
# Beyond what it may take by its settings.
_STOP_SECONDS = 10.0
_LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class Child:
    """A running server process, its standard error's file, and how long it may take to stop."""

    process: subprocess.Popen[bytes]
    output: Path
    stop_seconds: float

    def end(self) -> None:
        """Ask it to stop by closing its standard input; make it stop when it does not in time."""
        streams = (self.process.stdin, self.process.stdout)
        with contextlib.suppress(BrokenPipeError):
            for stream in streams:
                if stream is not None:
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
        assert self.process.stdout is not None
        source = self.process.stdout.fileno()
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
    with output.open("wb") as errors:
        process = subprocess.Popen(
            # -P: a file in the project's folder must not stand in for a module.
            [sys.executable, "-P", "-m", "workbench.serving"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=settings.project,
            env={**os.environ, **NATIVE_THREADS, "MLFLOW_DISABLE_TELEMETRY": "true"},
            # Interrupting a notebook's cell must not interrupt the server.
            start_new_session=True,
        )
    child = Child(process, output, settings.limits.stop_seconds + _STOP_SECONDS)
    try:
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it ended at once: its log says why
            process.stdin.write(msgspec.json.encode(settings) + b"\n")
            process.stdin.flush()
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
