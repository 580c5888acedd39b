"""From a version the whole way back, and from a run forwards."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.projects import write_notebook
from tests.unit.registry import small
from tests.unit.tracking.published import folder_of, leave_run
from workbench.data.tables import DatasetVersion, Origin, Tables
from workbench.errors import UnknownName
from workbench.project import Project
from workbench.registry import lineage, versions
from workbench.store.hashing import hash_file
from workbench.tracking import environment, store


def _git(project: Project, *arguments: str) -> None:
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=project.root, check=True, capture_output=True)


def _write(project: Project, run_id: str) -> DatasetVersion:
    """What a run of ``prepare`` wrote, as ``prepared``."""
    frame = pd.DataFrame({"x": [1, 2]})
    return Tables(project.data_uri).write("prepared", frame, origin=Origin(run_id, "prepare"))


def _leave(project: Project, phase: str, **more: Any) -> small.Run:
    """A run that recorded what the runner records, from the files as they are now."""
    path = project.root / "notebooks" / f"{phase}.ipynb"
    write_notebook(path, ["import helpers"])
    recorded = {
        "code": {"notebooks/helpers.py": hash_file(project.root / "notebooks/helpers.py")},
        "code_version": environment.code_version(project.root),
        "environment_hash": environment.environment_hash(),
        "notebook_hash": environment.notebook_hash(path),
    }
    return small.Run(project, leave_run(project, phase, **recorded | more))


class Registered:
    """A version with the runs that it came out of, in a repository with one commit."""

    def __init__(self, project: Project) -> None:
        (project.root / "requirements.lock").write_text("numpy==2.0\n")
        (project.root / ".gitignore").write_text(".workbench/\n")
        _git(project, "init", "--quiet")
        _git(project, "add", ".")
        _git(project, "commit", "--quiet", "-m", "first")
        self.pipeline = leave_run(project, "pipeline", report=False)
        self.prepared_by = leave_run(project, "prepare", parent=self.pipeline)
        self.prepared = _write(project, self.prepared_by)
        self.trained = _leave(
            project, "train", reads=(self.prepared,), parameters={"rate": 0.1}, parent=self.pipeline
        )
        self.validated = _leave(project, "validate", reads=(self.prepared,), parent=self.pipeline)
        self.version = small.register(self.validated, small.train(self.trained))
        self.project = project

    def states(self, kind: str) -> dict[str, str]:
        """What has become of all links of a kind, by name."""
        found = lineage.of(self.project, 1)
        return {link.name: link.state for run in found.runs for link in run.links if link.kind == kind}


@pytest.fixture
def registered(project: Project) -> Registered:
    return Registered(project)


@pytest.mark.practice("M9")
def test_a_version_leads_the_whole_way_back(registered: Registered) -> None:
    found = lineage.of(registered.project, "challenger")
    assert (found.model, found.version, found.sha256) == ("tiny-model", 1, registered.version.sha256)
    trained, validated = found.runs
    assert (trained.role, trained.run_id) == ("trained", registered.trained.run_id)
    assert (validated.role, validated.run_id) == ("validated", registered.validated.run_id)
    assert trained.report == str(folder_of(registered.project, trained.run_id))
    assert Path(trained.html).read_text() == "<p>a report</p>"
    assert (trained.notebook, trained.parameters) == ("notebooks/train.ipynb", {"rate": 0.1})
    assert trained.datasets == (registered.prepared,)
    assert set(trained.helpers or ()) == {"notebooks/helpers.py"}
    # The notebooks were written after the commit.
    assert trained.code_version == f"{trained.commit}+changed"
    assert len(trained.commit) == 40
    assert found.broken == ()
    assert {link.kind: link.state for link in trained.links} == {
        "run": "there",
        "report": "kept",
        "notebook": "unchanged",
        "code version": "in the repository",
        "helper": "unchanged",
        "dataset": "readable",
        "environment": "the same",
        "lock": "the same",
    }
    told = json.loads(json.dumps(found.to_dict()))
    assert told["trained"]["datasets"][0]["content"] == registered.prepared.content
    assert all(link["there"] for link in told["validated"]["links"])


def test_each_link_says_what_has_become_of_it(registered: Registered) -> None:
    root = registered.project.root
    write_notebook(root / "notebooks/train.ipynb", ["import helpers", "1"])
    (root / "notebooks/validate.ipynb").unlink()
    (root / "notebooks/helpers.py").write_text("")
    (root / "requirements.lock").write_text("numpy==2.1\n")
    for file in (root / ".workbench/data/prepared").glob("*.parquet"):
        file.unlink()  # what a vacuum does to the files of old versions
    shutil.rmtree(root / ".git")
    store.client(registered.project).delete_run(registered.trained.run_id)
    assert registered.states("notebook") == {
        "notebooks/train.ipynb": "changed",
        "notebooks/validate.ipynb": "gone",
    }
    assert registered.states("helper") == {"notebooks/helpers.py": "changed"}
    assert registered.states("dataset") == {"prepared v0": "gone"}
    assert set(registered.states("code version").values()) == {"not in the repository"}
    assert registered.states("lock") == {"requirements.lock": "unknown"}
    assert registered.states("run")[registered.trained.run_id] == "deleted"
    assert len(lineage.of(registered.project, 1).broken) == 7


def test_a_changed_lock_and_environment_are_seen(
    registered: Registered, monkeypatch: pytest.MonkeyPatch
) -> None:
    (registered.project.root / "requirements.lock").write_text("numpy==2.1\n")
    monkeypatch.setattr(environment, "environment_hash", lambda: "another")
    assert registered.states("lock") == {"requirements.lock": "changed"}
    assert registered.states("environment") == {"packages": "changed"}


def test_a_dataset_that_was_written_anew_under_the_old_number_is_not_the_one(registered: Registered) -> None:
    shutil.rmtree(registered.project.root / ".workbench/data/prepared")
    Tables(registered.project.data_uri).write("prepared", pd.DataFrame({"x": [3]}), origin=Origin())
    assert registered.states("dataset") == {"prepared v0": "gone"}


def test_a_report_that_was_pruned_is_gone_unless_mlflow_has_a_copy(registered: Registered) -> None:
    trained, validated = registered.trained.run_id, registered.validated.run_id
    folders = [folder_of(registered.project, run_id) for run_id in (trained, validated)]
    store.client(registered.project).log_artifacts(trained, str(folders[0]), "report")
    for folder in filter(None, folders):
        shutil.rmtree(folder)
    found = lineage.of(registered.project, 1)
    assert registered.states("report") == {trained[:8]: "in MLflow", validated[:8]: "gone"}
    assert found.trained is not None
    assert found.trained.notebook == "notebooks/train.ipynb"
    assert found.trained.report == ""
    assert found.validated is not None
    assert (found.validated.run_id, found.validated.notebook) == (validated, "")


def test_a_version_that_others_registered_has_no_way_back(project: Project) -> None:
    client = store.client(project)
    client.create_registered_model("tiny-model")
    client.create_model_version("tiny-model", source="elsewhere")
    found = lineage.of(project, 1)
    assert (found.runs, found.broken) == ((), ())


@pytest.mark.practice("M9")
def test_a_run_leads_forward_to_the_versions_that_came_of_it(registered: Registered) -> None:
    def told(run: str) -> list[tuple[int, str]]:
        return [(item.version.version, item.how) for item in lineage.came_of(registered.project, run)]

    assert told(registered.trained.run_id[:8]) == [(1, "trained by it")]
    assert told(registered.validated.run_id) == [(1, "validated by it")]
    assert told(str(folder_of(registered.project, registered.trained.run_id))) == [(1, "trained by it")]
    assert told(registered.prepared_by) == [(1, "learnt from its prepared v0")]
    assert told(registered.pipeline) == [(1, "trained in it")]
    small.register(small.Run(registered.project, registered.trained.run_id))
    assert told(registered.trained.run_id) == [(2, "trained and validated by it"), (1, "trained by it")]
    assert told(leave_run(registered.project, "gather")) == []
    with pytest.raises(UnknownName):
        told("no-such-run")


def test_a_version_that_was_found_before_is_not_looked_up_again(registered: Registered) -> None:
    found = versions.get_version(registered.project, 1)
    assert lineage.of(registered.project, replace(found, version=7)).version == 7
