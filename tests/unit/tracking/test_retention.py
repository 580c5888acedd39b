"""What retention lets go, and all that it must not."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from tests.projects import make_project
from tests.unit.tracking.published import NOW, folder_of, leave_run
from workbench.config import RetentionConfig
from workbench.data.tables import DatasetVersion, Origin
from workbench.errors import RunError
from workbench.project import Project
from workbench.store import reviews, tables
from workbench.store.clock import SimulatedClock
from workbench.store.database import open_database
from workbench.tracking import retention, runs, store

CLOCK = SimulatedClock(NOW)


def _with(project: Project, **policy: Any) -> Project:
    return Project(project.root, project.config.model_copy(update={"retention": RetentionConfig(**policy)}))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = make_project(tmp_path / "project", {"gather": [], "train": []})
    return _with(made, days=30, keep=2, drafts_days=7)


def _prune(project: Project) -> retention.Plan:
    chosen = retention.plan(project, clock=CLOCK)
    retention.apply(project, chosen)
    return chosen


def _left(project: Project, run_ids: dict[str, str]) -> set[str]:
    """Which of these runs are still listed and have their report."""
    listed = {run.run_id for run in runs.list_runs(project, limit=1000)}
    reported = {name for name, run_id in run_ids.items() if folder_of(project, run_id) is not None}
    assert reported == {name for name, run_id in run_ids.items() if run_id in listed}
    return reported


def test_old_reports_go_with_their_runs_and_the_newest_stay(project: Project) -> None:
    made = {
        f"{phase} {days}": leave_run(project, phase, days_ago=days)
        for phase in ("gather", "train")
        for days in (100, 90, 80, 70)
    }
    made["new"] = leave_run(project, "gather", days_ago=1)
    chosen = retention.plan(project, clock=CLOCK)
    assert len(chosen.reports) == len(chosen.runs) == 5
    assert _left(project, made) == set(made), "a plan removes nothing"
    assert chosen.bytes > 1000
    retention.apply(project, chosen)
    assert _left(project, made) == {"gather 70", "new", "train 80", "train 70"}
    assert retention.plan(project, clock=CLOCK).empty
    assert not [*project.reports.rglob(".*")]


def test_what_a_model_version_comes_from_stays(project: Project) -> None:
    pipeline = leave_run(project, runs.PIPELINE, days_ago=100, report=False)
    gathered = leave_run(project, "gather", days_ago=200)
    version = DatasetVersion("numbers", 0, "x", 1, "c", origin=Origin(gathered, "gather"))
    trained = leave_run(project, "train", days_ago=100, parent=pipeline, reads=(version,))
    validated = leave_run(project, "train", days_ago=99)
    named = leave_run(project, "train", days_ago=98)
    other = leave_run(project, "train", days_ago=97)
    for phase in ("gather", "gather", "train", "train", runs.PIPELINE):
        leave_run(project, phase, days_ago=1, report=phase != runs.PIPELINE)
    client = store.client(project)
    client.create_registered_model("tiny-model")
    client.create_model_version(
        "tiny-model", source="/x", run_id=trained, tags={"workbench.run_id": validated}
    )
    database = open_database(project)
    with database.write() as connection:
        connection.execute(
            insert(tables.ledger),
            {
                "model": "tiny-model",
                "alias": "champion",
                "position": 1,
                "to_version": 1,
                "at": NOW,
                "actor": "ada",
                "reason": "x",
                "run_id": named,
                "evidence": {},
            },
        )
    database.close()
    chosen = _prune(project)
    assert set(chosen.runs) == {other}
    assert folder_of(project, gathered) is not None
    assert chosen.kept[trained] == "trained tiny-model v1"
    assert chosen.kept[pipeline] == f"around {trained[:8]}, which stays"
    assert chosen.kept[gathered] == f"wrote numbers v0, which {trained[:8]} saw"


def test_what_somebody_signed_off_stays(project: Project) -> None:
    signed, withdrawn = leave_run(project, days_ago=100), leave_run(project, days_ago=99)
    for _ in range(2):
        leave_run(project, days_ago=1)
    with open_database(project).write() as connection:
        for run_id, withdraw in ((signed, True), (signed, False), (withdrawn, False), (withdrawn, True)):
            reviews.add_sign_off(
                connection, project.name, run_id, report="h", by="ada", at=NOW, withdraw=withdraw
            )
    chosen = _prune(project)
    assert set(chosen.runs) == {withdrawn}
    assert chosen.kept[signed] == "ada signed its report off"


def test_the_newest_finished_run_and_what_runs_stay(project: Project) -> None:
    project = _with(project, days=30, keep=1)
    finished = leave_run(project, days_ago=100)
    failed = [leave_run(project, days_ago=days, status="failed") for days in (90, 80, 70)]
    client = store.client(project)
    tags = {"workbench.phase": "train", "workbench.draft": "false"}
    running = client.create_run(store.experiment_id(project, draft=False), start_time=1000, tags=tags)
    chosen = _prune(project)
    assert set(chosen.runs) == {*failed[:2]}
    assert folder_of(project, finished) is not None
    assert running.info.run_id in {run.run_id for run in runs.list_runs(project, status="running")}


def test_runs_of_plain_mlflow_stay(project: Project) -> None:
    experiment = store.experiment_id(project, draft=False)
    foreign = store.client(project).create_run(experiment, start_time=1000)
    store.client(project).set_terminated(foreign.info.run_id, end_time=2000)
    assert _prune(project).empty
    assert [run.run_id for run in runs.list_runs(project)] == [foreign.info.run_id]


def _draft(project: Project, days_ago: float, *, run_id: str = "") -> Path:
    stamp = (NOW - timedelta(days=days_ago)).strftime("%Y%m%dT%H%M%SZ")
    folder = project.state / "drafts" / f"train-{stamp}-{int(days_ago):06x}"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "part").write_bytes(b"x" * 1000)
    context = {"phase": "train", "run_id": run_id, "pipeline_run_id": run_id, "data_root": "", "folder": ""}
    if run_id:
        (folder / "context.json").write_text(json.dumps({"project_root": str(project.root), **context}))
    return folder


def test_without_a_limit_only_drafts_go_and_not_one_that_is_open(project: Project) -> None:
    project = _with(project, drafts_days=7)
    old, new = _draft(project, 8), _draft(project, 6)
    opened = _draft(project, 20, run_id=runs.start(project, "train", draft=True))
    report = leave_run(project, days_ago=1000)
    chosen = _prune(project)
    assert (chosen.days, chosen.drafts, chosen.reports, chosen.runs) == (None, (old,), (), ())
    assert chosen.bytes == 1000
    assert (old.exists(), new.exists(), opened.exists()) == (False, True, True)
    assert folder_of(project, report) is not None


def test_a_kill_in_the_middle_leaves_nothing_half(project: Project) -> None:
    made = {str(days): leave_run(project, days_ago=days) for days in (100, 90, 80, 70)}
    chosen = retention.plan(project, clock=CLOCK)

    class Killed(BaseException):
        pass

    def kill(done: int, _all: int) -> None:
        raise Killed

    with pytest.raises(Killed):
        retention.apply(project, chosen, progress=kill)
    assert {name for name, run_id in made.items() if folder_of(project, run_id)} == {"80", "70"}
    again = _prune(project)
    assert len(again.runs) == 1
    assert _left(project, made) == {"80", "70"}
    assert not [*project.reports.rglob(".*")]


def test_without_the_tracking_store_nothing_goes(project: Project) -> None:
    run_id = leave_run(project, days_ago=1000)
    stores = project.config.stores.model_copy(update={"tracking": "http://127.0.0.1:1"})
    away = Project(project.root, project.config.model_copy(update={"stores": stores}))
    with pytest.raises(RunError, match="nothing can be pruned"):
        retention.plan(away, clock=CLOCK)
    assert folder_of(project, run_id) is not None
