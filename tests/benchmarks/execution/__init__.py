"""How fast notebooks and commands start, next to stock Jupyter on the same machine in the same run.

Each measure has an agent of its own in a temporary folder: one that a person has running is neither
used nor stopped. Ours and the peer's turns alternate, so that what else the machine does hits both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from tests.benchmarks.execution import inprocess, kernels, memory, notebook, prompt, starts, throughput
from tests.benchmarks.execution.table import Table

__all__ = ["MEASURES", "main"]

#: Name for ``--only`` -> what measures it, given how often to repeat.
MEASURES: Mapping[str, Callable[[int], Table]] = {
    "notebook": notebook.measure,
    "ready": kernels.measure_ready,
    "prompt": prompt.measure_run,
    "commands": prompt.measure_commands,
    "memory": memory.measure,
    "throughput": throughput.measure,
    "starts": starts.measure,
    "first": kernels.measure_first,
    "inprocess": inprocess.measure,
}


def main(repeats: int, only: Sequence[str] = ()) -> None:
    """Measure and print, one table after the other."""
    for name in only or MEASURES:
        print(f"\n{name}: {MEASURES[name](repeats)}", flush=True)
