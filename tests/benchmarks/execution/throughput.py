"""Many small notebooks, two at a time, each in a kernel of its own."""

from __future__ import annotations

import importlib
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.benchmarks.execution.notebook import execute
from tests.benchmarks.execution.place import OURS, STOCK, place, quiet
from tests.benchmarks.execution.table import Goal, Row, Table, in_turn
from tests.projects import write_notebook

__all__ = ["measure"]

_AT_A_TIME, _OURS, _STOCK, _MOST_ROUNDS = 2, 64, 6, 3
_FIT = """
import pandas as pd
from sklearn.linear_model import LogisticRegression

rows = pd.DataFrame({"x": range(200), "late": [number % 3 == 0 for number in range(200)]})
LogisticRegression().fit(rows[["x"]], rows["late"]).score(rows[["x"]], rows["late"])
"""


def _import_papermill() -> None:
    importlib.import_module("papermill")
    importlib.import_module("workbench.execution.executor.execute")


def _execute(notebook: Path, kernel: str) -> float:
    return execute(notebook, kernel, our_engine=kernel == OURS)


def _a_minute(pool: ProcessPoolExecutor, folder: Path, kernel: str, notebooks: int) -> float:
    """Notebooks per minute."""
    paths = [folder / f"{kernel}-{number}.ipynb" for number in range(notebooks)]
    for path in paths:
        write_notebook(path, [_FIT])
    started = time.perf_counter()
    list(pool.map(_execute, paths, [kernel] * notebooks))
    return notebooks * 60 / (time.perf_counter() - started)


def measure(repeats: int) -> Table:
    """The same two processes, which keep papermill imported, run ours and the peer's in turn."""
    repeats = min(repeats, _MOST_ROUNDS)
    with (
        place() as folder,
        quiet(),
        ProcessPoolExecutor(
            _AT_A_TIME, multiprocessing.get_context("spawn"), initializer=_import_papermill
        ) as pool,
    ):
        for kernel in (OURS, STOCK):
            _a_minute(pool, folder, kernel, _AT_A_TIME)
        taken = in_turn(
            repeats,
            {
                OURS: lambda: _a_minute(pool, folder, OURS, _OURS),
                STOCK: lambda: _a_minute(pool, folder, STOCK, _STOCK),
            },
            warm_up=False,
        )
    return Table(
        f"small notebooks, {_AT_A_TIME} at a time, {repeats} repeats in turn with python3",
        [
            Row(
                "notebooks a minute",
                taken[OURS],
                taken[STOCK],
                Goal(times=10),
                unit="",
                digits=0,
                more_is_better=True,
            )
        ],
        [
            f"{_OURS} of ours, {_STOCK} of the peer's a round: enough for its rate",
            "each imports pandas and scikit-learn and fits a small model",
        ],
    )
