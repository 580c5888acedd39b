"""The run index: commands over 10,000 runs from the prompt, against MLflow's own search; and catching up.

The runs are written into a scratch store of MLflow with SQL, since through its client they would take a
quarter of an hour. Only this benchmark does so: the workbench reads and writes MLflow by its API.
"""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks.execution.place import BIN, place
from tests.benchmarks.execution.table import Goal, Row, Table, in_turn
from tests.projects import make_project
from workbench.project import Project
from workbench.tracking import index, runs, store

__all__ = ["add_runs", "main", "search_all"]

_RUNS, _NEW, _VALUES = 10_000, 1_000, 10
_PHASES = ("gather", "train", "validate", runs.PIPELINE)


def main(repeats: int) -> None:
    """Print what the commands take with many runs, and what it takes to notice new ones."""
    with place() as scratch:
        project = make_project(scratch / "many", {phase: [] for phase in _PHASES[:3]})
        store.experiment_id(project, draft=False)
        newest = time.time() - 3600
        add_runs(project, _RUNS, newest, apart=60)
        built = _timed(lambda: index.rebuild(project))()
        pair = [run.run_id for run in runs.list_runs(project, phase="train", limit=2)]
        taken = in_turn(
            repeats,
            {
                "runs": _command(project, "runs"),
                "status": _command(project, "status"),
                "diff": _command(project, "diff", *pair),
                "all": _timed(lambda: search_all(project)),
            },
        )
        caught_up = [_catch_up(project) for _ in range(repeats)]
    asked = Goal(most=0.3)
    title = f"{_RUNS:,} runs in MLflow's SQLite, {_VALUES} params and metrics each, {repeats} repeats in turn"
    rows = [
        Row("workbench runs, from the prompt", taken["runs"], taken["all"], asked),
        Row("workbench status, from the prompt", taken["status"], taken["all"], asked),
        Row("workbench diff, from the prompt", taken["diff"], goal=Goal(most=0.5)),
        Row(f"the index catches up {_NEW:,} runs of others", caught_up, goal=Goal(most=2.0)),
        Row("the index is made anew", [built]),
    ]
    print(
        Table(
            title, rows, ["peer: MlflowClient.search_runs over all, called in a process that has MLflow open"]
        )
    )


def _command(project: Project, *arguments: str) -> Callable[[], float]:
    def call() -> None:
        line = [str(BIN / "workbench"), *arguments]
        subprocess.run(line, cwd=project.root, env=os.environ, check=True, capture_output=True)

    return _timed(call)


def _timed(what: Callable[[], object]) -> Callable[[], float]:
    def timed() -> float:
        started = time.perf_counter()
        what()
        return time.perf_counter() - started

    return timed


def search_all(project: Project, expected: int = _RUNS) -> None:
    """Read all runs as MLflow's own client does, page by page."""
    client, token, found = store.client(project), None, 0
    while True:
        page = client.search_runs(
            [store.experiment_id(project, draft=False)], max_results=1000, page_token=token
        )
        found, token = found + len(page), page.token
        if not token:
            break
    if found < expected:
        raise RuntimeError(f"MLflow found {found} runs")


def _catch_up(project: Project) -> float:
    """Seconds until runs that others have entered are listed, in a process that has MLflow open."""
    runs.list_runs(project, limit=1)
    with index.opened(project) as opened:
        before = len(opened.known(limit=None))
    add_runs(project, _NEW, time.time(), apart=0.0005)
    seconds = _timed(lambda: runs.list_runs(project, limit=20))()
    with index.opened(project) as opened:
        if len(opened.known(limit=None)) != before + _NEW:
            raise RuntimeError("the index has not caught up")
    return seconds


def add_runs(project: Project, count: int, newest: float, apart: float) -> None:
    """Finished runs, the last of which started at ``newest``, one every ``apart`` seconds."""
    values = random.Random(count)
    tables: dict[str, list[tuple[object, ...]]] = {
        name: [] for name in ("runs", "tags", "params", "metrics", "latest_metrics")
    }
    for number in range(count):
        run_id, phase = uuid.uuid4().hex, _PHASES[number % len(_PHASES)]
        start = round((newest - (count - number) * apart) * 1000)
        end = start + round(min(30, apart) * 1000)
        tables["runs"].append((run_id, phase, "UNKNOWN", "root", "FINISHED", start, end, "active", "x", 1))
        tags = {"mlflow.runName": phase, "mlflow.user": "root", "workbench.phase": phase}
        tables["tags"] += [
            (name, text, run_id) for name, text in (tags | {"workbench.draft": "false"}).items()
        ]
        for place_ in range(_VALUES):
            value = values.random()
            tables["params"].append((f"param_{place_}", str(value), run_id))
            tables["metrics"].append((f"metric_{place_}", value, start, run_id, 0, 0))
            tables["latest_metrics"].append((f"metric_{place_}", value, start, 0, 0, run_id))
    columns = {
        "runs": "(run_uuid, name, source_type, user_id, status, start_time, end_time, lifecycle_stage, "
        "artifact_uri, experiment_id)"
    }
    database = sqlite3.connect(Path(project.tracking_uri.removeprefix("sqlite:///")))
    with database:
        for name, rows in tables.items():
            marks = ", ".join("?" * len(rows[0]))
            database.executemany(f"INSERT INTO {name} {columns.get(name, '')} VALUES ({marks})", rows)
    database.close()
