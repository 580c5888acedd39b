"""``workbench status`` and ``workbench runs``, as a person sees them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.projects import make_project
from tests.unit.tracking.published import folder_of, leave_run
from workbench.cli import status
from workbench.errors import UnknownName
from workbench.project import Project
from workbench.tracking import runs, store, work
from workbench.tracking.context import RunContext


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    made = make_project(tmp_path / "project", {"gather": [], "train": []})
    monkeypatch.chdir(made.root)
    monkeypatch.setenv("COLUMNS", "200")
    return made


def _call(command: Any, *arguments: str) -> Result:
    done = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done


def _phases() -> dict[str, dict[str, Any]]:
    told = json.loads(_call(status.status, "--json").stdout)
    return {phase["phase"]: phase for phase in told["phases"]}


def test_status_shows_the_newest_report_that_is_not_nested_and_can_be_read(project: Project) -> None:
    leave_run(project, days_ago=3)
    newest = leave_run(project, days_ago=2, status="failed", notes={"summary": "in short"})
    leave_run(project, days_ago=1, default=False)
    torn = folder_of(project, leave_run(project, days_ago=0))
    assert torn is not None
    (torn / "manifest.json").write_text('{"run_id": ')
    assert (_phases()["train"]["run_id"], _phases()["train"]["status"]) == (newest, "failed")
    assert _phases()["gather"]["status"] == "never_run"
    shown = _call(status.status).stdout
    assert "in short" in shown
    assert "never run" in shown


def test_status_says_what_runs_at_this_moment_but_not_what_is_nested(project: Project) -> None:
    leave_run(project, "train", days_ago=1)
    pipeline = runs.start(project, runs.PIPELINE)
    train = runs.start(project, "train", parent=pipeline)
    held = work.claim(project, "train")
    RunContext(
        project_root=project.root,
        phase="train",
        run_id=train,
        pipeline_run_id=pipeline,
        data_root=project.data_uri,
        folder=held.folder,
    ).save()
    nested = runs.start(project, runs.PIPELINE, parent=train)
    runs.start(project, "gather", parent=nested)
    assert (_phases()["train"]["status"], _phases()["train"]["run_id"]) == ("running", train)
    assert _phases()["gather"]["status"] == "never_run"
    assert "running" in _call(status.status).stdout
    held.release()
    assert "running" not in _call(status.status).stdout


def test_status_of_a_project_without_a_model(project: Project) -> None:
    text = (project.root / "workbench.toml").read_text()
    (project.root / "workbench.toml").write_text(
        text.replace("[model]", "").replace('name = "tiny-model"', "")
    )
    before, _, after = text.partition("[model]")
    (project.root / "workbench.toml").write_text(before + after[after.index("[sources") :])
    assert json.loads(_call(status.status, "--json").stdout)["model"] is None
    assert "next: workbench run" in _call(status.status).stdout


def test_runs_shows_what_they_took_where_it_is_known(project: Project) -> None:
    leave_run(project, parameters={"rate": 0.1})
    assert "cpu" not in _call(status.runs).stdout
    metrics = {"workbench.cpu_seconds": 12.25, "workbench.peak_memory_bytes": 1.5e9}
    run_id = leave_run(project, metrics=metrics)
    shown = _call(status.runs).stdout
    assert "12.2 s" in shown
    assert "1.5 GB" in shown
    assert "rate=0.1" in shown
    (run,) = (item for item in json.loads(_call(status.runs, "--json").stdout) if item["run_id"] == run_id)
    assert (run["cpu_seconds"], run["peak_memory_bytes"], run["cost"]) == (12.25, 1500000000, None)


def test_runs_can_be_filtered(project: Project) -> None:
    failed = leave_run(project, "train", days_ago=1, status="failed")
    for phase in ("gather", "train"):
        leave_run(project, phase)
    only = json.loads(_call(status.runs, "--phase", "train", "--status", "failed", "--json").stdout)
    assert [run["run_id"] for run in only] == [failed]
    assert len(json.loads(_call(status.runs, "--limit", "1", "--json").stdout)) == 1
    assert "no such runs" in _call(status.runs, "--status", "killed").stdout
    with pytest.raises(UnknownName, match="did you mean 'gather'"):
        _call(status.runs, "--phase", "gahter")


def test_the_index_can_be_lost_and_made_anew(project: Project) -> None:
    run_id = leave_run(project)
    _call(status.runs)
    (project.state / "workbench.db").unlink()
    assert run_id[:8] in _call(status.runs).stdout
    shown = _call(status.runs, "--rebuild")
    assert run_id[:8] in shown.stdout
    assert "made anew: 1 runs" in shown.stderr


def test_a_store_that_does_not_answer_is_one_line_on_standard_error(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    run_id = leave_run(project)
    _call(status.runs)
    store._clients.clear()
    shutil.move(project.state / "mlflow.db", project.state / "elsewhere.db")
    (project.state / "mlflow.db").mkdir()
    text = (project.root / "workbench.toml").read_text()
    (project.root / "workbench.toml").write_text(text + '\n[stores]\ntracking = "http://127.0.0.1:1"\n')
    assert run_id[:8] in _call(status.runs).stdout
    assert len([record for record in caplog.records if record.name.startswith("workbench")]) == 1
