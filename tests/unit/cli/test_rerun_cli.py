"""``workbench rerun``, as a person sees it, on a model that a notebook trained."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.projects import make_project
from workbench.cli.rerun import rerun
from workbench.errors import UnknownName, UsageError
from workbench.execution import pipeline
from workbench.project import Project
from workbench.registry import versions
from workbench.tracking import reports, store

TRAIN = [
    "import numpy as np, pandas as pd",
    "from sklearn.linear_model import LogisticRegression",
    "random = np.random.default_rng(seed)",
    "rows = pd.DataFrame({'size': random.normal(size=200), 'age': random.normal(size=200)})\n"
    "late = rows['size'] + random.normal(size=200) > 0",
    "model = LogisticRegression().fit(rows, late)\naccuracy = model.score(rows, late)\nprint(accuracy)",
    'until = pd.Timestamp("2026-07-01", tz="UTC")\n'
    'phase.log_model("plain", model, sample=rows, metrics={"accuracy": accuracy}, trained_until=until)',
    'phase.log_metrics({"accuracy": accuracy})',
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A run with a fixed seed, registered as v1, and one that learns by chance."""
    project = make_project(
        tmp_path_factory.mktemp("rerun-cli") / "project",
        {"train": TRAIN, "chance": [line.replace("(seed)", "()") for line in TRAIN]},
        needs={"chance": []},
        parameters={"train": "seed: int = 0"},
    )
    assert pipeline.run(project, parameters={"seed": 7}).status == "finished"
    manifest = reports.latest(project, "train")
    assert manifest is not None
    client, (model,) = store.client(project), manifest.models
    client.create_registered_model(project.model.name)
    place = client.get_logged_model(model.model_id).artifact_location
    client.create_model_version(project.model.name, source=place, run_id=manifest.run_id)
    return project


@pytest.fixture(autouse=True)
def _here(trained: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(trained.root)
    monkeypatch.setenv("COLUMNS", "200")


def _call(*arguments: str) -> Result:
    return CliRunner().invoke(rerun, arguments, catch_exceptions=False)


@pytest.mark.practice("M9")
def test_the_run_behind_a_version_is_repeated_to_the_bit(trained: Project) -> None:
    done = _call("v1")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[-1] == "the same: 2 metrics, 1 model, 2 cells"
    assert "showed another text" not in done.stdout
    assert [version.version for version in versions.list_versions(trained)] == [1], "nothing is registered"


def test_a_run_that_learns_by_chance_is_told_by_how_much_it_differs(trained: Project) -> None:
    newest = reports.latest(trained, "chance")
    assert newest is not None
    done = _call("chance")
    assert done.exit_code == 1
    last = done.stdout.splitlines()[-1]
    assert last.startswith("differs: ")
    assert "model plain answers its sample otherwise, by up to 0." in last
    told = json.loads(_call(newest.run_id[:8], "--json").stdout)
    assert (told["result"], told["same"], told["original"]["run_id"]) == ("differs", False, newest.run_id)
    assert told["models"][0]["largest"] > 0
    assert told["models"][0]["left"] != told["models"][0]["right"]
    assert told["parameters"] == {}
    assert Path(told["report"], reports.HTML).is_file()


def test_files_and_data_stay_when_asked_for(trained: Project) -> None:
    found = reports.latest_with_folder(trained, "train")
    assert found is not None
    told = json.loads(_call(str(found[1]), "--keep", "--json").stdout)
    assert told["result"] == "the same"
    assert told["parameters"] == {"seed": 7}
    assert (Path(told["files"]) / "notebooks" / "train.ipynb").is_file()


def test_a_version_without_its_run_is_said_in_one_line(trained: Project) -> None:
    client = store.client(trained)
    client.create_model_version(trained.model.name, source="elsewhere")
    with pytest.raises(UsageError, match="v2: the run that trained it has no report any more"):
        _call("v2")
    with pytest.raises(UnknownName):
        _call("v77")
    client.delete_model_version(trained.model.name, "2")
    shutil.rmtree(trained.state / "drafts", ignore_errors=True)
