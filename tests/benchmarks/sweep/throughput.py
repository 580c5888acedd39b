"""Many small training notebooks: a sweep of ours, against a pool of processes that have papermill."""

from __future__ import annotations

import importlib
import multiprocessing
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from tests.benchmarks.execution.place import STOCK, place, quiet
from tests.benchmarks.execution.table import Goal, Row, Table, in_turn
from tests.projects import make_project, write_notebook
from workbench.execution.progress import PhaseResult
from workbench.execution.sweep import sweeping, target
from workbench.execution.sweep.running import Bounds, SweepResult
from workbench.execution.sweep.trials import Tried

__all__ = ["Nobody", "measure", "sweep"]

_AT_A_TIME, _OURS, _STOCK, _MOST_ROUNDS = 2, 200, 8, 2
_TRAIN = """
import time
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

until = time.perf_counter() + seconds
rows = pd.DataFrame({"x": np.arange(200.0), "late": np.arange(200) % 3 == 0})
while True:
    model = LogisticRegression(C=strength).fit(rows[["x"]], rows["late"])
    if time.perf_counter() >= until:
        break
model.score(rows[["x"]], rows["late"])
"""
_PARAMETERS = "strength: float = 1.0\nseconds: float = 0.05"


class Nobody:
    """Is told how it goes, and does not listen."""

    def phase_started(self, phase: str, cells: int) -> None: ...

    def cell_started(self, phase: str, cell: int, cells: int) -> None: ...

    def output(self, phase: str, text: str) -> None: ...

    def said(self, phase: str, line: str) -> None: ...

    def phase_ended(self, result: PhaseResult) -> None: ...

    def trial_ended(self, trial: Tried) -> None: ...


def sweep(notebook: Path, points: list[dict[str, Any]], fixed: Mapping[str, Any]) -> SweepResult:
    """Each point as a trial, two at a time."""
    found = target.of_notebook(notebook)
    result = sweeping.sweep(found, points, fixed, Nobody(), bounds=Bounds(cores=_AT_A_TIME), force=True)
    if result.status != "finished":
        raise RuntimeError(result.why)
    return result


def _import_papermill() -> None:
    importlib.import_module("papermill")


def _execute(notebook: str, output: str, parameters: dict[str, Any]) -> None:
    import papermill

    papermill.execute_notebook(notebook, output, parameters, kernel_name=STOCK, progress_bar=False)


def _ours(notebook: Path, seconds: float) -> float:
    """Notebooks a minute, the sweep's own report included."""
    points = [{"strength": 0.5 + number} for number in range(_OURS)]
    started = time.perf_counter()
    sweep(notebook, points, {"seconds": seconds})
    return _OURS * 60 / (time.perf_counter() - started)


def _peer(pool: ProcessPoolExecutor, notebook: Path, seconds: float) -> float:
    outputs = [str(notebook.with_name(f"out-{number}.ipynb")) for number in range(_STOCK)]
    given = [{"strength": 0.5 + number, "seconds": seconds} for number in range(_STOCK)]
    started = time.perf_counter()
    list(pool.map(_execute, [str(notebook)] * _STOCK, outputs, given))
    return _STOCK * 60 / (time.perf_counter() - started)


def measure(repeats: int) -> Table:
    """The same notebook for both, with next to no work in it, and with a second of it."""
    repeats = min(repeats, _MOST_ROUNDS)
    rows = []
    spawn = multiprocessing.get_context("spawn")
    with place() as folder, quiet(), ProcessPoolExecutor(_AT_A_TIME, spawn, _import_papermill) as pool:
        project = make_project(folder / "project", {"show": ["phase"]})
        notebook = project.root / "notebooks" / "small.ipynb"
        write_notebook(notebook, [_TRAIN], _PARAMETERS)
        sweep(notebook, [{"strength": 1.0}, {"strength": 2.0}], {})
        for seconds, goal in ((0.05, Goal(times=10)), (1.0, Goal())):
            taken = in_turn(
                repeats,
                {
                    "ours": lambda seconds=seconds: _ours(notebook, seconds),
                    "peer": lambda seconds=seconds: _peer(pool, notebook, seconds),
                },
                warm_up=False,
            )
            rows.append(
                Row(
                    f"a minute, {seconds:g} s of work each",
                    taken["ours"],
                    taken["peer"],
                    goal,
                    unit="",
                    digits=0,
                    more_is_better=True,
                )
            )
    return Table(
        f"{_OURS} small training notebooks, {_AT_A_TIME} at a time, {repeats} repeats in turn with a pool",
        rows,
        [
            f"peer: {_AT_A_TIME} processes that keep papermill imported, kernel {STOCK}, {_STOCK} a round",
            "ours: runs in MLflow, reports with HTML, and the sweep's own report included",
        ],
    )
