"""Thirty-two kernels at once, again and again: does any of them fail to start?"""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing.synchronize import Barrier
from pathlib import Path

from tests.benchmarks.execution.kernels import Kernel
from tests.benchmarks.execution.place import OURS, STOCK, place
from tests.benchmarks.execution.table import Goal, Row, Table

__all__ = ["measure"]

#: From several processes: within one, jupyter_client does not hand out the same port twice.
_OWNERS, _EACH = 8, 4
_STOCK_ROUNDS = 2
_PATIENCE_SECONDS = 60.0
_MEET_SECONDS = 300.0

_barrier: Barrier | None = None


def _meet(barrier: Barrier) -> None:
    global _barrier
    _barrier = barrier


def _start(name: str, folder: Path) -> Kernel | str:
    """A kernel that has answered, or why there is none."""
    try:
        return Kernel(name, folder, _PATIENCE_SECONDS)
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def _start_some(name: str, folder: Path) -> tuple[list[str], float]:
    """Start kernels when everybody does, end them when everybody has.

    Returns why any failed, and after how many seconds the last of the others answered.
    """
    assert _barrier is not None
    _barrier.wait(_MEET_SECONDS)
    with ThreadPoolExecutor(_EACH) as threads:
        found = list(threads.map(lambda _: _start(name, folder), range(_EACH)))
        _barrier.wait(_MEET_SECONDS)
        kernels = [kernel for kernel in found if isinstance(kernel, Kernel)]
        list(threads.map(Kernel.end, kernels))
    failed = [why for why in found if isinstance(why, str)]
    return failed, max((kernel.seconds for kernel in kernels), default=0.0)


def _round(pool: ProcessPoolExecutor, name: str, folder: Path) -> tuple[list[str], float]:
    done = list(pool.map(_start_some, [name] * _OWNERS, [folder] * _OWNERS))
    return [why for failed, _ in done for why in failed], max(seconds for _, seconds in done)


def measure(repeats: int) -> Table:
    """Two rounds of ours for each repeat asked for, and two of the peer's among them."""
    rounds, at_once = 2 * repeats, _OWNERS * _EACH
    context = multiprocessing.get_context("spawn")
    failed: dict[str, list[str]] = {OURS: [], STOCK: []}
    took: dict[str, list[float]] = {OURS: [], STOCK: []}
    with (
        place() as folder,
        ProcessPoolExecutor(_OWNERS, context, _meet, (context.Barrier(_OWNERS),)) as pool,
    ):
        for number in range(rounds):
            for name in (OURS, STOCK) if number < _STOCK_ROUNDS else (OURS,):
                why, seconds = _round(pool, name, folder)
                failed[name] += why
                took[name].append(seconds)
    starts = [len(took[name]) * at_once for name in (OURS, STOCK)]
    ours, peer = ([float(len(failed[name]))] for name in (OURS, STOCK))
    return Table(
        f"{at_once} kernels at once, {rounds} times",
        [
            Row(f"failed of {starts[0]} (peer: of {starts[1]})", ours, peer, Goal(most=0), unit="", digits=0),
            Row("until the last has answered", took[OURS], took[STOCK]),
        ],
        [
            f"{_OWNERS} processes start {_EACH} each, on signal; peer: python3, over TCP, for comparison",
            *(f"{name}: {why}" for name in (OURS, STOCK) for why in sorted(set(failed[name]))),
        ],
    )
