"""Schedules: ``make bench ARGS="scheduling --only start,idle"``."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
from sqlalchemy import func, select

from tests.benchmarks.execution.place import BIN, place
from tests.benchmarks.execution.table import Goal, Row, Table
from tests.projects import make_project
from workbench.project import Project, open_project
from workbench.store import tables
from workbench.store.database import open_database

__all__ = ["MEASURES", "main"]

_SCHEDULES = 10_000
_IDLE_SECONDS = 30.0
_SETTLED_SECONDS = 10.0  # between the last row and the timer that is set
_PATIENCE = 180.0
_FIRST_CELL = "import pathlib, time\npathlib.Path('{at}').open('a').write(f'{{time.time()}}\\n')"
_MINUTELY = """
[[schedules]]
name = "minutely"
cron = "* * * * *"
phases = ["gather"]
force = true
code = "following"
"""


def main(repeats: int, only: Sequence[str] = ()) -> None:
    """Print a table for each measure."""
    for name in only or MEASURES:
        print(MEASURES[name](repeats), flush=True)


def _start(repeats: int) -> Table:
    """From a scheduled time to the first cell of its notebook."""
    with place() as scratch:
        at = scratch / "at.txt"
        project = _project(scratch / "minutely", _FIRST_CELL.format(at=at), _MINUTELY)
        with _scheduler(project):
            # The first time may come while the agent still gets ready.
            _until(lambda: at.exists() and len(at.read_text().splitlines()) > repeats, 60 * (repeats + 3))
        taken = [float(line) % 60 for line in at.read_text().splitlines()[1:]]
    row = Row("scheduled time → first cell running", taken, goal=Goal(most=1.0))
    return Table(f"a phase every minute, {repeats} times, warm", [row], [])


def _idle(repeats: int) -> Table:
    """What a scheduler takes while nothing is due."""
    busy, ready = [], []
    for _ in range(repeats):
        with place(started=False) as scratch:
            project = _project(scratch / "many", "", "".join(_yearly(number) for number in range(_SCHEDULES)))
            began = time.monotonic()
            with _scheduler(project, WORKBENCH_AGENT="0") as process:
                _until(lambda project=project: _seen(project) == _SCHEDULES, _PATIENCE)
                ready.append(time.monotonic() - began)
                time.sleep(_SETTLED_SECONDS)
                process.cpu_percent(None)
                time.sleep(_IDLE_SECONDS)
                busy.append(process.cpu_percent(None))
    rows = [
        Row("share of a core while nothing is due", busy, goal=Goal(most=5.0), unit="%"),
        Row("from its start until it has seen all of them", ready),
    ]
    return Table(f"{_SCHEDULES:,} schedules in one process, watched for {_IDLE_SECONDS:.0f} s", rows, [])


MEASURES: dict[str, Callable[[int], Table]] = {"start": _start, "idle": _idle}


def _yearly(number: int) -> str:
    """One that is due half a year from now."""
    month = (time.gmtime().tm_mon + 5) % 12 + 1
    return (
        f'[[schedules]]\nname = "s{number}"\ncron = "{number % 60} {number // 60 % 24} 1 {month} *"\n'
        'phases = ["gather"]\ncode = "following"\n'
    )


def _project(folder: Path, cell: str, schedules: str) -> Project:
    project = make_project(folder, {"gather": [cell]})
    with (folder / "workbench.toml").open("a") as file:
        file.write(schedules)
    return open_project(project.root)


@contextmanager
def _scheduler(project: Project, **environment: str) -> Iterator[psutil.Process]:
    command = [BIN / "workbench", "schedule", "run"]
    process = subprocess.Popen(
        command, cwd=project.root, env={**os.environ, **environment}, stderr=subprocess.DEVNULL
    )
    try:
        yield psutil.Process(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(_PATIENCE)


def _seen(project: Project) -> int:
    with open_database(project).read() as connection:
        return int(connection.scalar(select(func.count()).select_from(tables.scheduled_times)) or 0)


def _until(holds: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise RuntimeError(f"not within {seconds:.0f} s")
        time.sleep(0.2)
