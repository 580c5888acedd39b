"""What running notebooks costs beyond what stands in them, and what it costs to run nothing.

The peer is the same cells as one plain script a phase, in a process that has imported everything before
the clock starts. It shows nothing and records no report. Ours is ``workbench run`` from the prompt with a
warm agent, one phase after the other, charts and reports and all.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import nbformat

from tests.benchmarks.execution.place import BIN
from tests.benchmarks.execution.table import Goal, Row, Table
from tests.benchmarks.measure import run
from workbench.execution import pipeline, runner
from workbench.execution.agent.identity import with_defaults
from workbench.execution.agent.preload import expanded, modules_for
from workbench.execution.executor.execute import Ending, Executed, Usage
from workbench.project import Project, open_project

__all__ = ["main"]

_PROGRAM = """
import importlib, json, os, sys, time
for name in json.loads(sys.argv[1]):
    try:
        importlib.import_module(name)
    except ImportError:
        pass
import matplotlib
matplotlib.use("Agg")
from workbench.tracking import context
context.take_part(context.RunContext.from_environment())
sys.path.insert(0, os.getcwd())
print = lambda *words, **options: None
display = print
started = time.perf_counter()
exec(compile(open(sys.argv[2]).read(), sys.argv[2], "exec"), globals())
sys.stdout.write(f"\\nseconds {time.perf_counter() - started}\\n")
"""


class _Plain:
    """Stands in for an execution: the notebook's code cells as one script."""

    def __init__(self, path: Path, *, folder: Path, parameters: Any, environment: Any, **_: Any) -> None:
        self._path, self._folder, self._environment = path, folder, dict(environment)
        self._parameters = dict(parameters)

    def cancel(self) -> None: ...

    def run(self) -> Executed:
        notebook = nbformat.read(self._path, as_version=4)
        parts = []
        for cell in notebook.cells:
            if cell.cell_type == "code":
                parts.append(cell.source)
                if "parameters" in cell.metadata.get("tags", []):
                    parts += [f"{name} = {value!r}" for name, value in self._parameters.items()]
        script = self._folder / "plain.py"
        script.write_text("\n".join(parts))
        names = json.dumps(list(expanded(modules_for(None))))
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM, names, str(script)],
            cwd=self._path.parent,
            env=with_defaults(self._environment) | {"MPLBACKEND": "Agg"},
            capture_output=True,
            text=True,
        )
        told = re.search(r"^seconds (.*)$", done.stdout, re.MULTILINE)
        if told is None:
            raise RuntimeError(f"{self._path.name} as a script: {done.stderr[-2000:]}")
        seconds = float(told[1])
        return Executed(notebook, Ending("finished"), Usage(seconds, 0.0, 0), 0)


def main(repeats: int) -> None:
    """Print the time beyond a plain script, and of a run with nothing to do."""
    ours: list[float] = []
    plain: list[float] = []
    nothing: list[float] = []
    explained: list[float] = []
    with tempfile.TemporaryDirectory(prefix="workbench-bench-") as scratch:
        workbench = str(BIN / "workbench")
        for number in range(repeats):
            one, other = (_project(Path(scratch) / f"{which}-{number}") for which in ("ours", "plain"))
            run([workbench, "run", "gather", "--force"], one.root)  # the agent and the stores are there
            run([workbench, "run", "gather", "--force"], other.root)
            started = time.perf_counter()
            run([workbench, "run", "--force"], one.root)
            ours.append(time.perf_counter() - started)
            plain.append(_as_scripts(other))
            run([workbench, "run"], one.root)  # there is a champion now, so some phases run once more
            for taken, options in ((nothing, []), (explained, ["--explain"])):
                for _ in range(5):
                    started = time.perf_counter()
                    done = run([workbench, "run", *options], one.root)
                    taken.append(time.perf_counter() - started)
                    if "up to date" not in done.output or "would run" in done.output:
                        raise RuntimeError(f"it was not up to date: {done.output}")
    beyond = [a - b for a, b in zip(ours, plain, strict=True)]
    rows = [
        Row("eight notebooks, from the prompt", ours, plain),
        Row("of that beyond the plain scripts", beyond, goal=Goal(most=8.0)),
        Row("run with everything up to date", nothing, goal=Goal(most=0.5)),
        Row("run --explain", explained, goal=Goal(most=0.5)),
    ]
    notes = ["peer: the same cells as plain scripts, imports left out on both sides"]
    print(Table(f"the runner, {repeats} repeats in turn", rows, notes))


def _project(root: Path) -> Project:
    run([sys.executable, "-m", "workbench", "init", str(root), "--template", "flights"], root.parent)
    config = root / "workbench.toml"
    config.write_text(config.read_text() + "\n[execution]\ncores = 1\n")
    return open_project(root)


def _as_scripts(project: Project) -> float:
    """All phases through the same pipeline run, each as a script; the seconds of their cells alone."""
    real = runner.Execution
    runner.Execution = _Plain  # type: ignore[assignment,misc]
    try:
        result = pipeline.run(project, force=pipeline.order(project))
    finally:
        runner.Execution = real  # type: ignore[misc]
    if result.status != "finished":
        raise RuntimeError(f"as scripts: {result.phases}")
    return sum(phase.seconds for phase in result.phases)
