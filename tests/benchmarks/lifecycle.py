"""The main job: all eight notebooks on a year of flights, from the prompt, on a new project each time."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.measure import Measured, run, spread

__all__ = ["main"]

GOAL_SECONDS, GOAL_GIB = 240, 3


def main(repeats: int) -> None:
    """Print wall time by phase and in all, and the peak memory of the whole process tree."""
    workbench = [sys.executable, "-m", "workbench"]
    measured: list[Measured] = []
    with tempfile.TemporaryDirectory(prefix="workbench-bench-") as scratch:
        for number in range(repeats):
            project = Path(scratch) / f"demo-{number}"
            run([*workbench, "init", str(project), "--template", "flights"], Path(scratch))
            measured.append(run([*workbench, "run", "--json"], project))
    phases: dict[str, list[float]] = {}
    for item in measured:
        for phase in json.loads(item.output)["phases"]:
            phases.setdefault(phase["phase"], []).append(phase["seconds"])
    print(f"workbench run, eight notebooks, 336,776 flights, {repeats} repeats: median (lowest–highest)")
    for name, seconds in phases.items():
        print(f"  {name:<10} {spread(seconds)}")
    print(f"  {'in all':<10} {spread([item.seconds for item in measured])}   goal: {GOAL_SECONDS} s")
    gib = [item.peak_bytes / 2**30 for item in measured]
    print(
        f"  {'memory':<10} {spread(gib, 'GiB')}   goal: under {GOAL_GIB} GiB (PSS of all processes together)"
    )
