"""What a person waits for at the prompt: a run with its report, and what the commands cost by themselves."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path

from tests.benchmarks.execution.place import BIN, place
from tests.benchmarks.execution.table import Goal, Row, Table, in_turn
from tests.projects import make_project, write_notebook

__all__ = ["measure_commands", "measure_run"]

_HELLO = "print('hello')"
_WORKBENCH = str(BIN / "workbench")
_STOCK = "papermill in.ipynb out.ipynb && jupyter nbconvert --to html out.ipynb"


def _seconds(
    command: Sequence[str], folder: Path, variables: Mapping[str, str] | None = None, status: int = 0
) -> float:
    """Wall time of a command. Nothing watches it meanwhile: that would cost what is measured."""
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", **(variables or {})}
    started = time.perf_counter()
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    if ended.returncode != status:
        raise RuntimeError(f"{' '.join(command)} exited with {ended.returncode}:\n{ended.stderr[-2000:]}")
    return seconds


def measure_run(repeats: int) -> Table:
    """A notebook that prints a word, from the prompt to a page of HTML: a new project each time."""
    numbers = count()
    with place() as scratch:

        def ours() -> float:
            project = make_project(scratch / f"ours-{next(numbers)}", {"hello": [_HELLO]})
            seconds = _seconds([_WORKBENCH, "run"], project.root)
            if not list(project.reports.glob("hello/*/report.html")):
                raise RuntimeError("the run left no report")
            return seconds

        def stock() -> float:
            folder = scratch / f"stock-{next(numbers)}"
            write_notebook(folder / "in.ipynb", [_HELLO])
            seconds = _seconds(["sh", "-c", _STOCK], folder)
            if not (folder / "out.html").is_file():
                raise RuntimeError("nbconvert left no page")
            return seconds

        taken = in_turn(repeats, {"ours": ours, "stock": stock})
    return Table(
        f"from the prompt to a page of HTML, a notebook that prints a word, {repeats} repeats in turn",
        [Row("workbench run", taken["ours"], taken["stock"], Goal(times=8, most=1.0))],
        [f"peer: {_STOCK}", "ours records the run in MLflow and writes the index of reports, too"],
    )


def measure_commands(repeats: int) -> Table:
    """Commands in a project that has run once, through the agent and without it."""
    commands = {
        "workbench --help": (["--help"], 0, 0.15, 0.3),
        "workbench status": (["status"], 0, 0.3, 1.0),
        "workbench run (up to date)": (["run"], 0, 0.5, 1.5),
        "workbench run nothing (refused)": (["run", "nothing"], 2, None, None),
    }
    without = {"WORKBENCH_AGENT": "0"}
    with place() as scratch:
        project = make_project(scratch / "tiny", {"hello": [_HELLO]}).root
        _seconds([_WORKBENCH, "run"], project)
        ways = {}
        for name, (arguments, status, _, _) in commands.items():
            line = [_WORKBENCH, *arguments]
            ways[name] = lambda line=line, status=status: _seconds(line, project, {}, status)
            ways[f"{name}, no agent"] = lambda line=line, status=status: _seconds(
                line, project, without, status
            )
        taken = in_turn(repeats, ways)
    rows = []
    for name, (_, _, most, most_without) in commands.items():
        rows.append(Row(name, taken[name], goal=Goal(most=most), digits=3))
        alone = f"{name}, no agent"
        rows.append(Row(alone, taken[alone], goal=Goal(most=most_without), digits=3))
    return Table(
        f"commands from the prompt, {repeats} repeats in turn; no peer",
        rows,
        ["--help needs no agent and never asks for one"],
    )
