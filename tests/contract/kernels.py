"""The three kinds of kernel that the contract is about, and what a person sees of one.

``python -m tests.contract.kernels KIND FOLDER`` limits itself, starts a kernel, and prints what of these
limits the kernel has.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty
from textwrap import dedent
from typing import Any

from jupyter_client.manager import KernelManager

__all__ = ["KINDS", "SECONDS", "Kernel", "Said", "environment", "name_of", "start", "wait_until"]

#: Forked from the agent; ordinary below a keeper, as where there is no agent; Jupyter's own.
KINDS = ("warm", "kept", "stock")
#: Nothing takes that long, except that the first warm kernel waits for an agent's imports.
SECONDS = 120.0

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass
class Said:
    """What came of one cell, as a notebook would show it."""

    outputs: list[dict[str, Any]] = field(default_factory=list)
    payload: list[dict[str, Any]] = field(default_factory=list)

    @property
    def printed(self) -> str:
        """Everything that was printed, on either stream."""
        return "".join(output["text"] for output in self.outputs if "text" in output)

    @property
    def data(self) -> dict[str, Any]:
        """What was displayed, in all its forms."""
        return {kind: value for output in self.outputs for kind, value in output.get("data", {}).items()}

    @property
    def error(self) -> str:
        """The exception's name; empty if there was none."""
        return next((output["ename"] for output in self.outputs if "ename" in output), "")

    @property
    def traceback(self) -> str:
        return "\n".join(line for output in self.outputs for line in output.get("traceback", ()))

    def __str__(self) -> str:
        return _COLOUR.sub("", f"{self.printed}\n{self.traceback}\n{self.data}")


@dataclass
class Kernel:
    """A running kernel and its only client."""

    kind: str
    manager: Any
    client: Any

    def run(
        self,
        code: str,
        *,
        answers: Sequence[str] = (),
        seconds: float = SECONDS,
        when: tuple[str, Callable[[], None]] | None = None,
        late: str = "",
        fails: bool = False,
    ) -> Said:
        """Run a cell; ``when`` is a text, and what to do as soon as the cell has printed it.

        ``late`` is printed by other processes, and may be shown when the cell itself is done. A cell that
        raises fails the test unless that was meant.
        """
        code, said, waiting = dedent(code), Said(), list(answers)
        request = self.client.execute(code, allow_stdin=bool(answers), stop_on_error=False)
        until = time.monotonic() + seconds
        idle = False
        while not idle or late not in said.printed:
            if waiting and self.client.stdin_channel.msg_ready():
                asked = self.client.get_stdin_msg(timeout=1)
                said.outputs.append({"text": asked["content"]["prompt"]})
                self.client.input(waiting.pop(0))
            try:
                message = self.client.get_iopub_msg(timeout=0.05)
            except Empty:
                assert time.monotonic() < until, f"the {self.kind} kernel is still busy with:\n{code}\n{said}"
                assert self.manager.is_alive(), f"the {self.kind} kernel died of:\n{code}\n{said}"
                continue
            if message["parent_header"].get("msg_id") != request:
                continue
            content, kind = message["content"], message["msg_type"]
            idle = idle or (kind == "status" and content["execution_state"] == "idle")
            if kind in ("stream", "display_data", "execute_result", "error", "update_display_data"):
                said.outputs.append(content)
            if when and when[0] in said.printed:
                when[1]()
                when = None
        while (reply := self.client.get_shell_msg(timeout=seconds))["parent_header"]["msg_id"] != request:
            pass
        said.payload = reply["content"].get("payload", [])
        assert fails or not said.error, f"in the {self.kind} kernel:\n{said}"
        return said

    def value(self, expression: str, before: str = "") -> Any:
        """What an expression is in the kernel: something that JSON can say."""
        said = self.run(f"{dedent(before)}\nprint('§', __import__('json').dumps({expression}), sep='')")
        return json.loads(said.printed.rpartition("§")[2])

    def interrupt(self) -> None:
        self.manager.interrupt_kernel()

    def restart(self, *, now: bool = False) -> None:
        """Restart the kernel and wait until it answers."""
        self.manager.restart_kernel(now=now)
        self.client.wait_for_ready(timeout=SECONDS)

    def exit_status(self) -> int | None:
        """As the provisioner tells it; None while it runs."""
        status: int | None = asyncio.run(self.manager.provisioner.poll())
        return status

    def end(self) -> bool:
        """Shut down as Jupyter does; whether it came to its end by itself, or had to be killed."""
        with tempfile.TemporaryDirectory() as folder:
            note = Path(folder) / "ended"
            # Handlers that were registered before this one run after it, but nothing hangs there.
            self.run(f"import atexit, pathlib\natexit.register(pathlib.Path({str(note)!r}).touch)")
            self.client.stop_channels()
            self.manager.shutdown_kernel()
            self.manager.cleanup_resources()
            return note.exists()


def name_of(kind: str) -> str:
    """The kernelspec."""
    return "python3" if kind == "stock" else "workbench"


def environment(kind: str, **more: str) -> dict[str, str]:
    """The environment for a kernel of this kind: the tests' own, but for what says that tests are running.

    (Charts then go elsewhere, and ipykernel does not show what child processes print.)
    """
    unwanted = ("MPLBACKEND", "PYTEST_CURRENT_TEST", "PYTEST_VERSION", "WORKBENCH_AGENT")
    chosen = {name: value for name, value in os.environ.items() if name not in unwanted}
    if kind == "kept":
        chosen["WORKBENCH_AGENT"] = "0"
    return {**chosen, **more}


@contextmanager
def start(
    kind: str, folder: Path, variables: Mapping[str, str] | None = None, *, warm: bool | None = None
) -> Iterator[Kernel]:
    """A kernel of this kind in a folder; asserts that it is of this kind, and ends it with the block.

    ``warm`` says whether it is to be forked from the agent where that is not what its kind says.
    """
    manager = KernelManager(kernel_name=name_of(kind))
    manager.start_kernel(env=environment(kind, **(variables or {})), cwd=str(folder))
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=SECONDS)
        expected = {"warm": True, "kept": False}.get(kind) if warm is None else warm
        assert getattr(manager.provisioner, "warm", None) is expected
        yield Kernel(kind, manager, client)
    finally:
        client.stop_channels()
        if manager.has_kernel:
            manager.shutdown_kernel(now=True)
        manager.cleanup_resources()


def wait_until(condition: Callable[[], Any], what: str, seconds: float = 20.0) -> Any:
    """Wait for something that will be so in a moment; its value."""
    until = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < until, f"{what}: not within {seconds} s"
        time.sleep(0.01)
    return value


_INHERITED = """
import os, resource
import numpy, threadpoolctl, sklearn.utils
mask = os.umask(0)
os.umask(mask)
inherited = {
    "umask": mask,
    "files": resource.getrlimit(resource.RLIMIT_NOFILE),
    "nice": os.nice(0),
    "cores": sorted(os.sched_getaffinity(0)),
    "threads": sorted({pool["num_threads"] for pool in threadpoolctl.threadpool_info()}),
    "hash": hash("a"),
}
"""


def _main(kind: str, folder: str) -> None:
    os.umask(0o027)
    resource.setrlimit(resource.RLIMIT_NOFILE, (300, 400))
    os.nice(3)
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with start(kind, Path(folder)) as kernel:
        found = json.dumps(kernel.value("inherited", _INHERITED))
    print(found)


if __name__ == "__main__":
    _main(*sys.argv[1:])
