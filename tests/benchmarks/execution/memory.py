"""What ten kernels that have imported their libraries hold in memory, together."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from pathlib import Path

import psutil

from tests.benchmarks.execution.kernels import Kernel
from tests.benchmarks.execution.place import IMPORTS, OURS, STOCK, place
from tests.benchmarks.execution.table import Goal, Row, Table, in_turn
from workbench.execution.agent import client
from workbench.execution.agent.identity import identify

__all__ = ["measure"]

_KERNELS, _MOST_ROUNDS, _MIB = 10, 3, 2**20


def _held(name: str, folder: Path) -> Counter[str]:
    """MiB (PSS: what several share counts once) by the name of the process, of all that kernels need."""
    kernels: list[Kernel] = []
    try:
        for _ in range(_KERNELS):
            kernels.append(Kernel(name, folder))
            kernels[-1].run(IMPORTS)
        if name == OURS:
            facts = client.ask(identify(os.environ, folder).socket, "status")
            if facts is None:
                raise RuntimeError("the agent does not answer")
            tops = [facts["pid"]]  # keepers and kernels are below the agent
        else:
            tops = [kernel.pid for kernel in kernels]
        held: Counter[str] = Counter()
        for top in map(psutil.Process, tops):
            for process in [top, *top.children(recursive=True)]:
                with contextlib.suppress(psutil.NoSuchProcess):  # whoever answered for the agent goes again
                    held[process.name()] += process.memory_full_info().pss / _MIB
        return held
    finally:
        for kernel in kernels:
            kernel.end()


def measure(repeats: int) -> Table:
    """Ours with the agent and all keepers, against as many stock kernels, one group after the other."""
    repeats = min(repeats, _MOST_ROUNDS)
    with place() as folder:
        taken = in_turn(
            repeats, {OURS: lambda: _held(OURS, folder), STOCK: lambda: _held(STOCK, folder)}, warm_up=False
        )
    ours, peer = ([held.total() for held in taken[name]] for name in (OURS, STOCK))
    each, each_peer = ([total / _KERNELS for total in totals] for totals in (ours, peer))
    parts = ", ".join(f"{name} {mib:.0f} MiB" for name, mib in taken[OURS][-1].most_common())
    return Table(
        f"memory (PSS) of {_KERNELS} kernels after {IMPORTS!r}, {repeats} repeats in turn with python3",
        [
            Row("in all", ours, peer, Goal(times=5), unit="MiB", digits=0),
            Row("a kernel", each, each_peer, unit="MiB", digits=0),
        ],
        [f"ours in all: {parts}"],
    )
