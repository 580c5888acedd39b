"""The run index: what it knows of MLflow's runs, whoever made, ended, deleted or restored them."""

from __future__ import annotations

import dataclasses
import math
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from sqlalchemy import update

from tests.projects import make_project, migrated_stores
from workbench.errors import RunError, UnknownName
from workbench.project import Project
from workbench.store import clock
from workbench.store.database import open_database
from workbench.tracking import following, index, rows, run_table, runs, store


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path / "project", {"gather": [], "train": []})


@pytest.fixture
def client(project: Project) -> MlflowClient:
    """Plain MLflow on the same store, as another program would use it."""
    store.experiment_id(project, draft=False)
    return MlflowClient(tracking_uri=project.tracking_uri)


def _foreign(client: MlflowClient, *, end: bool = True, ago: timedelta = timedelta(0)) -> str:
    """A run by plain MLflow in the project's experiment."""
    now = int((datetime.now(UTC) - ago).timestamp() * 1000)
    run = client.create_run("1", start_time=now, run_name="by hand")
    client.log_batch(
        run.info.run_id, metrics=[Metric("loss", math.nan, now, 0)], params=[Param("rate", "0.1")]
    )
    if end:
        client.set_terminated(run.info.run_id, end_time=now + 1)
    return str(run.info.run_id)


def _ids(project: Project, **which: object) -> list[str]:
    return [run.run_id for run in runs.list_runs(project, **which)]  # type: ignore[arg-type]


def _known(project: Project) -> Iterator[tuple[str, str]]:
    """What the index holds at this moment, MLflow not asked."""
    with index.opened(project) as opened:
        return iter([(run.run_id, run.status) for run in opened.known()])


def test_a_run_is_in_the_index_when_it_starts_and_when_it_ends(project: Project) -> None:
    run_id = runs.start(project, "train", params={"rate": 0.1})
    assert [*_known(project)] == [(run_id, "running")]
    runs.end(project, run_id, "failed", tags={"workbench.report": "/somewhere"})
    assert [*_known(project)] == [(run_id, "failed")]
    run = runs.find(project, run_id[:6])
    assert (run.phase, run.params, run.report, run.own) == ("train", {"rate": "0.1"}, "/somewhere", True)


def test_runs_of_plain_mlflow_are_listed_with_the_values_that_json_has_not(
    project: Project, client: MlflowClient
) -> None:
    run_id = _foreign(client)
    (run,) = runs.list_runs(project)
    assert (run.run_id, run.phase, run.status, run.own) == (run_id, "by hand", "finished", False)
    assert math.isnan(run.metrics["loss"])
    assert run.params == {"rate": "0.1"}


@pytest.mark.parametrize("way", [1, -1])
def test_an_infinity_is_one_whatever_the_store_makes_of_it(project: Project, way: int) -> None:
    run_id = runs.start(project, "train")
    runs.end(project, run_id, "finished", metrics={"loss": way * math.inf})
    largest = {"loss": way * sys.float_info.max}  # as an index holds it that was written before
    with index.opened(project) as opened:
        for written in (None, largest):
            with opened.database.write() as connection:
                if written:
                    connection.execute(update(rows.table).values(metrics=written))
            (known,) = opened.known()
            with opened.database.read() as connection:
                table = run_table.read(connection, opened.experiments)
            numbers = table.columns["metrics.loss"].numbers
            assert numbers is not None
            assert [known.metrics["loss"], table.run(0).metrics["loss"], *numbers] == [way * math.inf] * 3


def test_what_a_run_took_is_read_from_its_metrics_and_is_none_of_them(project: Project) -> None:
    run_id = runs.start(project, "train")
    costs = {"workbench.cpu_seconds": 1.5, "workbench.peak_memory_bytes": 2e9, "workbench.cost": 0.25}
    store.client(project).log_batch(run_id, [Metric(k, v, 0, 0) for k, v in {**costs, "auc": 0.5}.items()])
    runs.end(project, run_id, "finished")
    (run,) = runs.list_runs(project)
    assert (run.cpu_seconds, run.peak_memory_bytes, run.cost) == (1.5, 2_000_000_000, 0.25)
    assert run.metrics == {"auc": 0.5}


def test_a_run_that_ends_long_after_it_started_is_noticed(project: Project, client: MlflowClient) -> None:
    slow = _foreign(client, end=False, ago=timedelta(days=3))
    unseen = _foreign(client, end=False, ago=timedelta(days=2))
    assert {run.status for run in runs.list_runs(project)} == {"running"}
    newer = [_foreign(client) for _ in range(60)]
    runs.list_runs(project)
    for run_id in (slow, unseen):
        client.set_terminated(run_id, "KILLED")
    assert dict(_known(project))[slow] == "running"
    runs.list_runs(project, limit=1)  # which shows neither of them
    assert {run_id: status for run_id, status in _known(project) if run_id not in newer} == {
        slow: "killed",
        unseen: "killed",
    }


def test_many_runs_of_one_millisecond_are_all_listed_once(
    project: Project, client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "_PAGE", 10)
    monkeypatch.setattr(following, "_NAMED", 5)
    at = int(time.time() * 1000)
    made = {client.create_run("1", start_time=at).info.run_id for _ in range(25)}
    assert {*_ids(project)} == made
    more = {client.create_run("1", start_time=at).info.run_id for _ in range(25)}
    assert sorted(_ids(project)) == sorted(made | more)


def test_a_deleted_run_goes_and_a_restored_one_comes_back(project: Project, client: MlflowClient) -> None:
    kept, gone = _foreign(client), _foreign(client, ago=timedelta(days=3))
    assert {*_ids(project)} == {kept, gone}
    client.delete_run(gone)
    assert _ids(project) == [kept]
    client.restore_run(gone)
    assert {*_ids(project)} == {kept, gone}


def test_runs_that_were_deleted_elsewhere_go_however_old_they_are(
    project: Project, client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "_CHECKED", 1)
    monkeypatch.setattr(following, "_RESTORED", 0)
    monkeypatch.setattr(following, "_NAMED", 2)
    old = [_foreign(client, ago=timedelta(days=9 - at // 2)) for at in range(12)]  # two of each moment
    assert len(_ids(project)) == 12
    client.delete_run(old[0])
    assert sorted(_ids(project)) == sorted(old[1:])

    def charted() -> list[str]:
        with index.opened(project) as opened:
            return sorted(opened.table().row_of)

    for at in (11, 1, 6, 7, 8, 9, 10, 2):  # more than one question may name
        client.delete_run(old[at])
        if at in (11, 1, 2):
            left = [run_id for run_id in old if client.get_run(run_id).info.lifecycle_stage == "active"]
            assert charted() == sorted(left)


def test_what_is_shown_is_looked_up_again(project: Project, client: MlflowClient) -> None:
    old = _foreign(client, ago=timedelta(days=3))
    _ids(project)
    client.log_batch(old, metrics=[Metric("loss", 0.5, 1, 1)], tags=[RunTag("workbench.report", "/x")])
    (run,) = runs.list_runs(project)
    assert (run.metrics, run.report) == ({"loss": 0.5}, "/x")


def test_a_clock_that_is_ahead_hides_nothing(project: Project, client: MlflowClient) -> None:
    ahead = _foreign(client, ago=timedelta(days=-2))
    assert _ids(project) == [ahead]
    now = _foreign(client)
    assert _ids(project) == [ahead, now]
    late = _foreign(client, ago=timedelta(minutes=10))
    assert _ids(project) == [ahead, now, late]


def test_a_rebuild_finds_what_was_entered_in_the_past_and_forgets_what_is_gone(
    project: Project, client: MlflowClient
) -> None:
    gone, newest = runs.start(project, "train"), _foreign(client)
    runs.end(project, gone, "finished")
    _ids(project)
    imported = _foreign(client, ago=timedelta(days=300))
    assert imported not in _ids(project)
    store.client(project)._tracking_client.store._hard_delete_run(gone)  # what `mlflow gc` does
    assert index.rebuild(project) == 2
    assert _ids(project) == [newest, imported]


def test_the_index_of_another_mlflow_store_is_made_anew(project: Project, client: MlflowClient) -> None:
    _foreign(client)
    assert len(_ids(project)) == 1
    other = f"sqlite:///{project.root / 'other.db'}"
    (project.root / "other.db").write_bytes((migrated_stores() / "mlflow.db").read_bytes())
    stores = project.config.stores.model_copy(update={"tracking": other})
    moved = dataclasses.replace(project, config=project.config.model_copy(update={"stores": stores}))
    run_id = runs.start(moved, "train")
    assert _ids(moved) == [run_id]


def test_filters_and_drafts(project: Project) -> None:
    by_name = {
        name: runs.start(project, phase, draft=draft)
        for name, phase, draft in (
            ("gather", "gather", False),
            ("train", "train", False),
            ("d", "train", True),
        )
    }
    runs.end(project, by_name["train"], "failed")
    assert _ids(project, phase="train") == [by_name["train"]]
    assert _ids(project, status="running") == [by_name["gather"]]
    assert {*_ids(project, drafts=True)} == {*by_name.values()}
    assert len(_ids(project, drafts=True, limit=2)) == 2
    assert runs.find(project, by_name["d"]).draft


@pytest.mark.parametrize("prefix", ["", " ", "zz", "%", "_"])
def test_an_id_that_nothing_begins_with_is_refused(project: Project, prefix: str) -> None:
    run_id = runs.start(project, "train")
    with pytest.raises(UnknownName, match=run_id[:8]):
        runs.find(project, prefix)


def test_a_beginning_of_two_runs_is_refused_with_both(project: Project) -> None:
    started = [runs.start(project, "train") for _ in range(17)]  # two begin with the same of 16 digits
    firsts = [run_id[0] for run_id in started]
    twice = next(first for first in firsts if firsts.count(first) > 1)
    with pytest.raises(UnknownName, match="no single run") as refused:
        runs.find(project, twice)
    assert len(refused.value.known) > 1


def test_while_the_store_is_away_the_index_answers_at_once_and_says_so(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    run_id = runs.start(project, "train")
    stores = project.config.stores.model_copy(update={"tracking": "http://127.0.0.1:1"})
    away = dataclasses.replace(project, config=project.config.model_copy(update={"stores": stores}))
    started = time.monotonic()
    assert _ids(away) == [run_id]
    assert time.monotonic() - started < 10
    assert [
        record.message.splitlines()[0] for record in caplog.records if record.name.startswith("workbench")
    ]
    assert "does not answer" in caplog.text
    with pytest.raises(RunError, match="the index stays as it is"):
        index.rebuild(away)
    assert _ids(project) == [run_id]


def test_a_locked_index_fails_no_run_and_what_it_missed_is_fetched(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "_NOTE_SECONDS", 0.05)
    database = open_database(project)
    with database.write():  # somebody holds the lock all the time
        run_id = runs.start(project, "train")
        runs.end(project, run_id, "finished")
    assert [*_known(project)] == []
    assert _ids(project) == [run_id]
    database.close()


def test_when_nothing_is_new_nothing_is_written(project: Project, client: MlflowClient) -> None:
    _foreign(client)
    runs.start(project, "train")
    _ids(project)
    with index.opened(project, clock=clock.SystemClock()) as opened:
        assert opened.catch_up() == 0
