"""Single kernels: how soon one is ready, with an agent that runs and with one that must first be started."""

from __future__ import annotations

import contextlib
import subprocess
import time
from pathlib import Path
from queue import Empty
from typing import Any

from jupyter_client.manager import KernelManager

from tests.benchmarks.execution.place import IMPORTS, OURS, STOCK, place
from tests.benchmarks.execution.table import Goal, Row, Table, in_turn
from workbench.execution.agent.preload import expanded, modules_for

__all__ = ["Kernel", "measure_first", "measure_ready"]

_ANSWER_SECONDS = 180.0
_LOOK_SECONDS = 1.0
_FIRST_USES = 3


class Kernel:
    """One kernel with a client. It has answered ``kernel_info`` when this is made.

    Attributes
    ----------
    seconds : float
        From asking for the kernel until that answer.
    pid : int
    """

    def __init__(self, name: str, folder: Path, patience: float = _ANSWER_SECONDS) -> None:
        self._patience = patience
        self._manager = KernelManager(kernel_name=name)
        self._asked = time.perf_counter()
        self._manager.start_kernel(cwd=str(folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._client = self._manager.client()
        # No wait_for_ready(): it returns only after 0.2 s in which the kernel has said nothing.
        self._client.start_channels()
        try:
            self._answer(self._client.kernel_info())
        except BaseException:
            self.end()
            raise
        self.seconds = time.perf_counter() - self._asked
        provisioner: Any = self._manager.provisioner
        self.pid: int = provisioner.pid
        if name == OURS and not provisioner.warm:
            self.end()
            raise RuntimeError("a kernel of ours was started without the agent")

    def run(self, code: str) -> float:
        """Execute code; returns the seconds since the kernel was asked for."""
        answer = self._answer(self._client.execute(code))
        if answer["status"] != "ok":
            raise RuntimeError(f"{answer['ename']}: {answer['evalue']}")
        return time.perf_counter() - self._asked

    def end(self) -> None:
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)

    def _answer(self, asked: str) -> dict[str, Any]:
        until = time.monotonic() + self._patience
        while time.monotonic() < until:
            with contextlib.suppress(Empty):
                said = self._client.get_shell_msg(timeout=_LOOK_SECONDS)
                if said["parent_header"].get("msg_id") == asked:
                    content: dict[str, Any] = said["content"]
                    return content
            if not self._manager.is_alive():
                raise RuntimeError("the kernel has died")
        raise RuntimeError(f"the kernel has not answered within {self._patience:.0f} s")


def _moments(name: str, folder: Path, code: str = IMPORTS) -> tuple[float, float]:
    """Seconds until a kernel has answered, and until it has executed the code."""
    kernel = Kernel(name, folder)
    try:
        return kernel.seconds, kernel.run(code)
    finally:
        kernel.end()


def measure_ready(repeats: int) -> Table:
    """From asking for a kernel until it has answered, and until it has imported what a notebook needs."""
    with place() as folder:
        taken = in_turn(
            repeats, {OURS: lambda: _moments(OURS, folder), STOCK: lambda: _moments(STOCK, folder)}
        )
    (answered, imported), (stock_answered, stock_imported) = (
        zip(*taken[name], strict=True) for name in (OURS, STOCK)
    )
    return Table(
        f"a kernel, started by jupyter_client, {repeats} repeats in turn with python3",
        [
            Row("kernel_info answered", answered, stock_answered, digits=3),
            Row("imports answered", imported, stock_imported, Goal(most=0.25), digits=3),
        ],
        [f"imports: {IMPORTS.removeprefix('import ')}"],
    )


def measure_first(repeats: int) -> Table:
    """The first kernel of all, which waits for the agent to import everything."""
    repeats = min(repeats, _FIRST_USES)
    # Once in this process, as it is not the list that is measured.
    everything = "\n".join(
        ["import contextlib, importlib"]
        + [
            f"with contextlib.suppress(Exception): importlib.import_module({name!r})"
            for name in expanded(modules_for(None))
        ]
    )

    def first_use() -> float:
        with place(started=False) as folder:
            return _moments(OURS, folder)[1]

    with place(started=False) as elsewhere:
        taken = in_turn(
            repeats,
            {
                OURS: first_use,
                "everything": lambda: _moments(STOCK, elsewhere, everything)[1],
                STOCK: lambda: _moments(STOCK, elsewhere)[1],
            },
        )
    return Table(
        f"first use: no agent runs yet, {repeats} repeats in turn with python3",
        [
            Row("a stock kernel imports the same", taken[OURS], taken["everything"], Goal(longer=1.1)),
            Row("a stock kernel imports the notebook's four", taken[OURS], taken[STOCK]),
        ],
        ["ours: until a warm kernel has answered the notebook's four imports", "files are in memory"],
    )
