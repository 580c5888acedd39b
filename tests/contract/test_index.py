"""The run index on SQLite and on PostgreSQL: the same answers, and processes that catch up at once."""

from __future__ import annotations

import math
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from mlflow.entities import Metric, Param
from sqlalchemy import select

from tests.processes import FORKED
from tests.unit.registry import small
from workbench.project import Project, open_project
from workbench.store.database import open_database
from workbench.tracking import index, rows, runs, store

_RUNS = 6
_RACERS = 2


@pytest.fixture
def project(tmp_path: Path, database_url: str) -> Project:
    return small.small_project(tmp_path / "project", database=database_url)


def test_what_a_run_recorded_comes_back_as_it_was(project: Project) -> None:
    run_id = runs.start(project, "train", params={"text": "ü 'quoted' \\ \U0001f600", "rate": 0.1})
    metrics = {"nan": math.nan, "low": -math.inf, "auc": 0.1 + 0.2, "workbench.peak_memory_bytes": 2.0**40}
    store.client(project).log_batch(run_id, [Metric(name, value, 0, 0) for name, value in metrics.items()])
    runs.end(project, run_id, "finished")
    run = runs.find(project, run_id[:10])
    assert run.params == {"text": "ü 'quoted' \\ \U0001f600", "rate": "0.1"}
    assert math.isnan(run.metrics.pop("nan"))
    assert run.metrics["low"] < -1e308
    assert run.metrics["auc"] == 0.1 + 0.2
    assert run.peak_memory_bytes == 2**40
    assert run.ended_at is not None
    assert run.ended_at >= run.started_at
    assert index.rebuild(project) == 1
    assert runs.list_runs(project, status="finished", phase="train")[0].run_id == run_id


def test_a_zero_byte_from_elsewhere_does_not_stop_the_index(project: Project) -> None:
    experiment = store.experiment_id(project, draft=False)
    tags = {"mlflow.user": "a\0b", "workbench.datasets": "no JSON", "workbench.phase": "x" * 500}
    run = store.client(project).create_run(experiment, tags=tags)
    store.client(project).log_batch(run.info.run_id, params=[Param("zero", "a\0b")])
    (found,) = runs.list_runs(project)
    assert (found.who, found.datasets, found.params["zero"]) == ("ab", {}, "a\0b")


def test_rows_that_two_replace_in_different_orders_are_replaced(project: Project) -> None:
    ids = sorted(runs.start(project, "train") for _ in range(2))
    database = open_database(project)
    with database.read() as connection:
        query = select(rows.table).order_by(rows.table.c.run_id).where(rows.table.c.run_id.in_(ids))
        first, last = (row._asdict() for row in connection.execute(query))

    def replace_both() -> None:
        with database.write() as connection:
            rows.put(connection, [last, first])

    with ThreadPoolExecutor(1) as pool:
        with database.write() as connection:
            rows.put(connection, [first])
            other = pool.submit(replace_both)
            with pytest.raises(TimeoutError):
                other.result(timeout=0.5)
            rows.put(connection, [last])
        other.result()


def _start_and_list(root: str, gate: Any, results: Any) -> None:
    project = open_project(root)
    gate.wait()
    mine = []
    for _ in range(_RUNS):
        mine.append(runs.start(project, "train"))
        runs.end(project, mine[-1], "finished")
        listed = Counter(run.run_id for run in runs.list_runs(project, limit=1000))
        assert set(mine) <= set(listed), "its own runs are listed at once"
        assert max(listed.values()) == 1
    results.put(mine)


def test_processes_that_write_and_catch_up_at_once_lose_nothing_and_repeat_nothing(project: Project) -> None:
    store.experiment_id(project, draft=False)
    gate, results = FORKED.Barrier(_RACERS, timeout=120), FORKED.Queue()
    racers = [
        FORKED.Process(target=_start_and_list, args=(str(project.root), gate, results))
        for _ in range(_RACERS)
    ]
    for racer in racers:
        racer.start()
    made = [run_id for _ in racers for run_id in results.get(timeout=120)]
    for racer in racers:
        racer.join(timeout=60)
    assert [racer.exitcode for racer in racers] == [0] * _RACERS
    with index.opened(project) as opened:
        assert sorted(run.run_id for run in opened.known(status="finished", limit=None)) == sorted(made)
    assert sorted(run.run_id for run in runs.list_runs(project, limit=1000)) == sorted(made)
