"""What tests of the agent share: kernels, owners of kernels that can be killed, and what is left of them.

``python tests/faults/agents.py`` is such an owner, as JupyterLab or papermill are: told what to do by lines
on its standard input. Agents of these tests import little ahead, so that a new one takes a second.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import psutil
from jupyter_client.manager import KernelManager

from workbench.execution.agent import preload
from workbench.execution.agent.processes import AGENT, KEEPER, adopt_orphans

__all__ = [
    "LIGHT",
    "LITTER",
    "Kernel",
    "Owner",
    "agents_in",
    "alive",
    "marked",
    "owner_command",
    "sockets_in",
    "until",
]

#: Enough for a kernel, and imported in a second.
LIGHT = ("ipykernel.kernelapp", "ipykernel.debugger", "IPython.core.completerlib", "tornado.platform.asyncio")

_MARK = "WB_TEST_MARK"
_T = TypeVar("_T")

#: In a kernel: start what is hard to get rid of; print process ids, with those of all that carry no mark.
LITTER = """
import json, os, signal, subprocess, time
subprocess.Popen(["sleep", "600"])
subprocess.Popen(["sleep", "600"], start_new_session=True)
subprocess.run(["sh", "-c", "(setsid sleep 600 &)"])
stubborn = subprocess.Popen(["sh", "-c", "trap '' TERM; echo; sleep 600"], stdout=subprocess.PIPE)
stubborn.stdout.readline()
ours, theirs = os.pipe()
if not os.fork():  # a daemon without a program of its own, which ignores what it is asked
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if os.fork():
        os._exit(0)
    os.write(theirs, str(os.getpid()).encode())
    time.sleep(600)
    os._exit(0)
os.wait()
print(json.dumps([os.getpid(), os.getppid(), stubborn.pid, int(os.read(ours, 20))]))
"""


def until(condition: Callable[[], _T], seconds: float = 30.0, what: str = "") -> _T:
    """Wait for a condition and return what it said."""
    deadline = time.monotonic() + seconds
    while not (said := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what or condition}"
        time.sleep(0.02)
    return said


class Kernel:
    """A kernel as Jupyter starts one, with a client."""

    def __init__(self, folder: Path | str, environment: Mapping[str, str] | None = None) -> None:
        self.manager = KernelManager(kernel_name="workbench")
        self.manager.start_kernel(cwd=str(folder), env={**os.environ, **(environment or {})})
        self._connect()

    def _connect(self) -> None:
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)
        self.pid: int = self.manager.provisioner.pid
        self.warm: bool = self.manager.provisioner.warm

    @property
    def keeper(self) -> int:
        return psutil.Process(self.pid).ppid()

    @property
    def agent(self) -> int:
        """The agent that it was forked from, as long as that lives."""
        return psutil.Process(self.keeper).ppid()

    def run(self, code: str) -> str:
        """What code prints."""
        said: list[str] = []

        def listen(message: dict[str, Any]) -> None:
            content = message["content"]
            if message["header"]["msg_type"] == "error":
                raise AssertionError("\n".join(content["traceback"]))
            said.append(content.get("text", ""))

        self.client.execute_interactive(code, output_hook=listen, timeout=60)
        return "".join(said).strip()

    def restart(self) -> None:
        self.client.stop_channels()
        self.manager.restart_kernel(now=True)
        self._connect()

    def end(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)

    def __enter__(self) -> Kernel:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


def owner_command(*options: str) -> list[str]:
    return [sys.executable, str(Path(__file__).resolve()), *options]


class Owner:
    """A process that owns kernels: see :func:`_own` for what it can be told."""

    def __init__(
        self,
        folder: Path | str,
        environment: Mapping[str, str] | None = None,
        *,
        below_reaper: bool = False,
        command: Sequence[str] = (),
        **options: Any,
    ) -> None:
        self.mark = os.urandom(8).hex()
        self.process = subprocess.Popen(
            command or owner_command(*(["--below-reaper"] if below_reaper else [])),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd=str(folder),
            env={**(os.environ if environment is None else environment), _MARK: self.mark},
            **options,
        )
        self._heard = b""

    def tell(self, *words: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(words).encode() + b"\n")

    def hear(self, seconds: float = 60.0) -> Any:
        """Its next answer."""
        assert self.process.stdout is not None
        deadline = time.monotonic() + seconds
        while b"\n" not in self._heard:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"no answer within {seconds} s"
            part = os.read(self.process.stdout.fileno(), 65536)
            assert part, f"it has ended: {self.process.stderr.read().decode()}"  # type: ignore[union-attr]
            self._heard += part
        line, _, self._heard = self._heard.partition(b"\n")
        return json.loads(line)

    def ask(self, *words: str, seconds: float = 60.0) -> Any:
        self.tell(*words)
        return self.hear(seconds)

    def end(self) -> str:
        """Let it end its kernels and itself; what it said on standard error."""
        assert self.process.stdin is not None
        _, said = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, said
        return said.decode()

    def __enter__(self) -> Owner:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()


def marked(mark: str) -> list[int]:
    """Processes whose environment carries an owner's mark: itself, and what its kernels have started."""
    found = []
    for pid in psutil.pids():
        with contextlib.suppress(OSError):
            if f"{_MARK}={mark}".encode() in Path(f"/proc/{pid}/environ").read_bytes():
                found.append(pid)
    return found


def alive(pid: int) -> bool:
    with contextlib.suppress(psutil.Error):
        return psutil.Process(pid).status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    return False


def agents_in(folder: Path) -> list[int]:
    """All agents whose place is this folder, importing ones and unreachable ones among them."""
    parents = {}
    for process in psutil.process_iter():
        with contextlib.suppress(OSError, psutil.Error):
            if process.name() == AGENT and os.readlink(f"/proc/{process.pid}/fd/1").startswith(f"{folder}/"):
                parents[process.pid] = process.ppid()
    # A keeper has this name, too, until it has chosen its own.
    return [pid for pid, parent in parents.items() if parent not in parents]


def sockets_in(folder: Path) -> list[Path]:
    """Sockets of kernels; an agent's own has another name."""
    return sorted(folder.glob("k*"))


def below(pid: int, *, recursive: bool = True) -> list[psutil.Process]:
    """Everything below a process that still runs, as the system says, not as keepers see it."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return [item for item in psutil.Process(pid).children(recursive) if alive(item.pid)]
    return []


def _answer(value: object) -> None:
    print(json.dumps(value), flush=True)


def _facts(kernel: Kernel) -> dict[str, Any]:
    keeper = kernel.keeper if psutil.Process(kernel.keeper).name() == KEEPER else None
    return {
        "warm": kernel.warm,
        "kernel": kernel.pid,
        "keeper": keeper,
        "agent": kernel.agent if kernel.warm else None,
        "transport": kernel.manager.transport,
    }


def _own() -> None:
    """``start``, ``run CODE`` (in the newest kernel), ``end``, ``die`` (wait until it has), ``restart``."""
    for kernel in _told():
        kernel.end()


def _told() -> Iterator[Kernel]:
    kernels: list[Kernel] = []
    for line in sys.stdin:
        match json.loads(line):
            case ["start"]:
                kernels.append(Kernel("."))
                _answer(_facts(kernels[-1]))
            case ["run", code]:
                _answer(kernels[-1].run(code))
            case ["end"]:
                kernels.pop().end()
                _answer("ended")
            case ["die"]:
                until(lambda: not kernels[-1].manager.is_alive(), what="a death that is noticed")
                kernels.pop().end()
                _answer("died")
            case ["restart"]:
                kernels[-1].restart()
                _answer(_facts(kernels[-1]))
    yield from kernels


def _reap() -> None:
    """Be a parent as a container's first process is; the owner is a child."""
    adopt_orphans()
    owner = os.fork()
    if owner == 0:
        _answer(os.getpid())
        return
    sys.stdin.close()
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()
    os._exit(0)


if __name__ == "__main__":
    preload.OWN = LIGHT  # type: ignore[assignment]
    logging.basicConfig(format="%(message)s")
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if "--below-reaper" in sys.argv:
        _reap()
    _own()
