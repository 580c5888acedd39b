"""One notebook through papermill's API, in a process that has imported papermill already."""

from __future__ import annotations

import os
import time
from pathlib import Path

from tests.benchmarks.execution.place import IMPORTS, OURS, STOCK, place, quiet
from tests.benchmarks.execution.table import Goal, Row, Table, in_turn
from tests.projects import write_notebook

__all__ = ["execute", "measure"]


class _Nobody:
    """Is told what happens, and does not listen."""

    def cell_started(self, cell: int, cells: int) -> None: ...

    def cell_ended(self, cell: int, seconds: float) -> None: ...

    def output(self, cell: int, text: str) -> None: ...


def execute(notebook: Path, kernel: str, *, our_engine: bool) -> float:
    """Run a notebook as the runner does, or with papermill alone; returns how many seconds it took."""
    import papermill

    from workbench.execution.executor.execute import Execution, Limits

    started = time.perf_counter()
    if our_engine:
        folder = notebook.with_suffix(".out")
        folder.mkdir(exist_ok=True)
        about = {"folder": folder, "parameters": {}, "environment": dict(os.environ)}
        executed = Execution(notebook, **about, limits=Limits(), listener=_Nobody()).run()
        if executed.ending.reason != "finished":
            raise RuntimeError(executed.ending.message)
    else:
        output = str(notebook.with_suffix(".out.ipynb"))
        where = str(notebook.parent)
        papermill.execute_notebook(str(notebook), output, kernel_name=kernel, progress_bar=False, cwd=where)
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
        f"a notebook of imports from the call to its return, {repeats} repeats in turn with python3",
        [
            Row("our kernel and runner", taken["both"], taken["stock"], goal, digits=3),
            Row("our kernel, papermill alone", taken["kernel"], taken["stock"], goal, digits=3),
        ],
        [f"imports: {IMPORTS.removeprefix('import ')}"],
    )
