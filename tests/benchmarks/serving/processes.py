"""Processes of peers: started with all that they need, stopped and ended with all that they started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import psutil

__all__ = ["process", "signal_all"]

_END_SECONDS = 20.0


@contextlib.contextmanager
def process(
    command: Sequence[str], environment: Mapping[str, str], folder: Path
) -> Iterator[tuple[int, Callable[[], None]]]:
    """A process in a session of its own, ended with all that it started.

    Yields its number, and what complains when it has ended.
    """
    said = folder / f"said-{time.time_ns()}"
    with said.open("wb") as output:
        started = subprocess.Popen(
            command,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )

    def complain_if_ended() -> None:
        if started.poll() is not None:
            raise RuntimeError(f"{' '.join(command)} ended with {started.returncode}")

    try:
        yield started.pid, complain_if_ended
    except RuntimeError as error:
        error.add_note(said.read_text(errors="replace")[-2000:])
        raise
    finally:
        _end(started)


def _end(process: subprocess.Popen[bytes]) -> None:
    for how in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_END_SECONDS)


def signal_all(pid: int, number: int) -> None:
    """To a process and all below it."""
    with contextlib.suppress(psutil.Error):
        root = psutil.Process(pid)
        for process in [root, *root.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                process.send_signal(number)
