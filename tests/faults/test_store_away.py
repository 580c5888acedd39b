"""A tracking server that goes away: before a run, in the middle of one, and comes back."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.faults.agents import until
from tests.faults.lives import Life, agent_folder, torn
from tests.ports import free_port
from tests.projects import make_project, migrated_stores
from workbench.execution import recover
from workbench.project import Project, open_project
from workbench.tracking import reports, runs, work
from workbench.tracking.context import RunContext


class _Server:
    """A real tracking server with a store of its own, on a port that stays the same."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        shutil.copyfile(migrated_stores() / "mlflow.db", folder / "mlflow.db")
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        store = ["--backend-store-uri", f"sqlite:///{self._folder / 'mlflow.db'}"]
        files = ["--artifacts-destination", str(self._folder / "artifacts"), "--workers", "1"]
        where = ["--host", "127.0.0.1", "--port", str(self.port)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "server", *store, *files, *where],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        until(self._answers, seconds=90, what="the tracking server answers")

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.address}/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def stop(self) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None
            until(lambda: not self._answers())


@pytest.fixture
def server(tmp_path: Path) -> Iterator[_Server]:
    made = _Server(tmp_path / "server")
    yield made
    made.stop()


@pytest.fixture
def agents() -> Iterator[Path]:
    with agent_folder() as folder:
        yield folder


def _project(root: Path, server: _Server) -> Project:
    wait = (
        "from pathlib import Path\nimport time\nPath('../{0}').touch()\n"
        "while not Path('../go').exists():\n    time.sleep(0.02)"
    )
    make_project(
        root,
        {
            "quiet": [wait.format("quiet"), 'phase.note("rows", 9)'],
            "measure": [wait.format("measure"), 'phase.log_metrics({"score": 0.5})'],
            "after": ['phase.note("seen", phase.facts("quiet")["rows"])'],
        },
        needs={"quiet": [], "measure": [], "after": ["quiet"]},
    )
    with (root / "workbench.toml").open("a") as file:
        file.write(
            f'\n[stores]\ntracking = "{server.address}"\n\n[execution]\npreload = ["json"]\ncores = 3\n'
        )
    return open_project(root)


def test_without_its_tracking_server_a_run_says_so_in_seconds(
    tmp_path: Path, server: _Server, agents: Path
) -> None:
    project = _project(tmp_path / "project", server)
    began = time.monotonic()
    status, said = Life(project, agents).end()
    assert status == 1
    assert time.monotonic() - began < 20
    (line,) = [line for line in said.splitlines() if "workbench: " in line]
    assert f"the tracking store at {server.address} does not answer" in line
    assert "Traceback" not in said


@pytest.mark.timeout(300)
def test_what_a_server_missed_it_is_told_when_it_is_back(
    tmp_path: Path, server: _Server, agents: Path
) -> None:
    project = _project(tmp_path / "project", server)
    server.start()
    life = Life(project, agents, environment={"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"})
    until(lambda: (project.root / "quiet").exists() and (project.root / "measure").exists(), seconds=60)
    server.stop()
    (project.root / "go").touch()
    status, said = life.end()

    assert status == 1
    assert said.count("the tracking store was not told") == 2
    assert torn(project) == []
    quiet, measure = reports.latest(project, "quiet"), _only(project, "measure")
    assert quiet is not None
    assert measure.status == "failed"
    assert measure.error is not None
    assert "does not answer" in measure.error.message
    assert reports.latest(project, "after") is None
    assert len(list((project.state / "outbox").iterdir())) == 2

    server.start()
    status, said = Life(project, agents).end()
    assert status == 0, said
    assert "the tracking store has now been told of 2 reports" in said
    assert list((project.state / "outbox").iterdir()) == []
    assert list((project.state / "work").glob("*/")) == []
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=server.address)
    experiment = client.get_experiment_by_name(project.name)
    assert experiment is not None
    statuses = {run.info.run_id: run.info.status for run in client.search_runs([experiment.experiment_id])}
    assert statuses[quiet.run_id] == "FINISHED"
    assert statuses[measure.run_id] == "FAILED"
    assert "RUNNING" not in statuses.values()
    assert len(client.list_artifacts(quiet.run_id, "report")) == 4
    assert len(client.list_artifacts(measure.run_id, "report")) == 4


def test_a_run_that_can_neither_be_told_nor_noted_waits_for_a_command_that_can(
    tmp_path: Path, server: _Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a full disk: a process was killed after its report was whole, and the next cannot write."""
    project = _project(tmp_path / "project", server)
    server.start()
    held = work.claim(project, "quiet")
    run_id = runs.start(project, "quiet", token=held.token)
    _killed_with_its_report(project, run_id, held)
    server.stop()
    (project.state / "outbox").write_text("a file, where the notes' folder would be")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    for _ in range(2):
        (said,) = recover.tidy(project)
        assert "waits for the next command" in said
        assert server.address in said
    (project.state / "outbox").unlink()

    (told, waits) = recover.tidy(project)
    assert "had finished" in told
    assert "on record" not in told
    assert "1 report waits" in waits
    server.start()
    assert recover.tidy(project) == ["the tracking store has now been told of 1 report"]
    assert recover.tidy(project) == []
    assert runs.find(project, run_id).status == "finished"


def _killed_with_its_report(project: Project, run_id: str, held: work.Work) -> None:
    RunContext(
        project_root=project.root,
        phase="quiet",
        run_id=run_id,
        pipeline_run_id=run_id,
        data_root=project.data_uri,
        folder=held.folder,
    ).save()
    now = datetime.now(UTC)
    manifest = reports.Manifest(
        run_id=run_id,
        pipeline_run_id=run_id,
        project=project.name,
        phase="quiet",
        notebook="notebooks/quiet.ipynb",
        status="finished",
        started_at=now,
        ended_at=now,
        seconds=0.1,
    )
    reports.publish(project.reports, manifest, "{}", "<p>a report</p>")
    held.leave()


def _only(project: Project, phase: str) -> reports.Manifest:
    (folder,) = (project.reports / phase).iterdir()
    manifest = reports.read(folder)
    assert manifest is not None
    return manifest
