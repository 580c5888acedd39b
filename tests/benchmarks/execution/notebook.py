"""One notebook through papermill's API, in a process that has imported papermill already."""

from __future__ import annotations

import os
import time
from pathlib import Path

from tests.benchmarks.execution.place import IMPORTS, OURS, STOCK, place, quiet
from tests.benchmarks.execution.table import Goal, Row, Table, in_turn
from tests.projects import write_notebook

__all__ = ["execute", "measure"]


def execute(notebook: Path, kernel: str, *, our_engine: bool) -> float:
    """Run a notebook; returns how many seconds it took."""
    import papermill

    from workbench.execution import engine

    ours = {
        "engine_name": engine.NAME,
        "kernel_env": os.environ,
        "kernel_log": notebook.with_suffix(".log"),
        "on_cell": lambda _index: None,
    }
    started = time.perf_counter()
    papermill.execute_notebook(
        str(notebook),
        str(notebook.with_suffix(".out.ipynb")),
        kernel_name=kernel,
        progress_bar=False,
        cwd=str(notebook.parent),
        **(ours if our_engine else {}),
    )
    return time.perf_counter() - started


def measure(repeats: int) -> Table:
    """Four imports and nothing else, from the call to its return."""
    with place() as folder, quiet():
        notebook = folder / "imports.ipynb"
        write_notebook(notebook, [IMPORTS])
        taken = in_turn(
            repeats,
            {
                "both": lambda: execute(notebook, OURS, our_engine=True),
                "kernel": lambda: execute(notebook, OURS, our_engine=False),
                "stock": lambda: execute(notebook, STOCK, our_engine=False),
            },
        )
    goal = Goal(times=25, most=0.4)
    return Table(
        f"a notebook of imports through papermill's API, {repeats} repeats in turn with python3",
        [
            Row("our kernel and engine", taken["both"], taken["stock"], goal, digits=3),
            Row("our kernel, papermill's engine", taken["kernel"], taken["stock"], goal, digits=3),
        ],
        [f"imports: {IMPORTS.removeprefix('import ')}"],
    )
