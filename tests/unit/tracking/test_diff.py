"""What differs between two runs."""

from __future__ import annotations

import math
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from tests.projects import make_project
from tests.unit.tracking.published import folder_of, leave_run
from workbench.data.tables import Origin, Tables
from workbench.errors import UnknownName
from workbench.project import Project
from workbench.tracking import runs, store
from workbench.tracking.diff import diff_runs
from workbench.tracking.models import TrainedModel

LOAD = "import pandas as pd\nframe = pd.read_parquet('rows.parquet')\nframe = frame.dropna()\nframe.head()"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path / "project", {"train": []})


def _model(sha256: str) -> TrainedModel:
    return TrainedModel("boosting", "models:/m-1", "r", datetime(2026, 1, 1, tzinfo=UTC), sha256=sha256)


def test_only_what_differs_is_told(project: Project) -> None:
    same = {"environment_hash": "e", "code_version": "c"}
    left = leave_run(
        project,
        parameters={"rate": 0.1, "rounds": 100},
        metrics={"auc": 0.5, "loss": math.nan, "only": 1.0},
        models=(_model("aa"),),
        **same,
    )
    right = leave_run(
        project,
        status="failed",
        parameters={"rate": 0.2, "rounds": 100},
        metrics={"auc": 0.75, "loss": math.nan},
        models=(_model("bb"),),
        **same,
    )
    found = diff_runs(project, left[:9], right[:9])
    assert [(item.name, item.left, item.right) for item in found.about] == [("status", "finished", "failed")]
    assert [(item.name, item.left, item.right) for item in found.parameters] == [("rate", 0.1, 0.2)]
    assert [(item.name, item.difference) for item in found.metrics] == [("auc", 0.25), ("only", None)]
    assert [(item.name, item.left, item.right) for item in found.models] == [("boosting", "aa", "bb")]
    assert (found.cells, found.missing, found.same) == ((), (), False)


def test_a_run_does_not_differ_from_itself_nor_by_outputs_and_times(project: Project) -> None:
    left, right = (leave_run(project, days_ago=days, cells=["# Title", LOAD]) for days in (0, 1))
    assert diff_runs(project, left, left).same
    assert diff_runs(project, left, right).same


def test_notebooks_are_compared_cell_by_cell(project: Project) -> None:
    left = leave_run(project, cells=["# Title", LOAD, "x = 1", "plot(frame)\nshow()\nsave()", "end()"])
    right = leave_run(
        project,
        cells=[
            "# Title",
            LOAD.replace("dropna", "fillna"),
            "plot(frame)\nshow()\nsave()",
            "more = 2",
            "end()",
        ],
    )
    changed, removed, added = diff_runs(project, left, right).cells
    assert (changed.kind, changed.left, changed.right) == ("changed", 2, 2)
    assert "-frame = frame.dropna()" in changed.lines
    assert "+frame = frame.fillna()" in changed.lines
    assert (removed.kind, removed.left, removed.lines) == ("removed", 3, ("-x = 1",))
    assert (added.kind, added.right, added.lines) == ("added", 4, ("+more = 2",))


def test_parameters_that_the_runner_put_in_are_no_cells(project: Project) -> None:
    left, right = leave_run(project, parameters={"rate": 1}), leave_run(project, parameters={"rate": 2})
    for number, run_id in enumerate((left, right)):
        folder = folder_of(project, run_id)
        assert folder is not None
        text = (folder / "notebook.ipynb").read_text()
        cell = f'{{"cell_type": "code", "source": "rate = {number}", "outputs": [], "execution_count": 1, '
        cell += '"id": "p", "metadata": {"tags": ["injected-parameters"]}},'
        (folder / "notebook.ipynb").write_text(text.replace('"cells": [', '"cells": [' + cell, 1))
    found = diff_runs(project, left, right)
    assert [item.name for item in found.parameters] == ["rate"]
    assert found.cells == ()


def test_what_a_lost_report_would_have_told_is_said(project: Project) -> None:
    left, right = leave_run(project, parameters={"rate": 1}), leave_run(project, parameters={"rate": 2})
    folder = folder_of(project, left)
    assert folder is not None
    shutil.rmtree(folder)
    found = diff_runs(project, left, right)
    assert [(item.left, item.right) for item in found.parameters] == [("1", "2")]
    assert [item for item in found.missing if left[:8] in item and "report is gone" in item]
    assert found.cells == ()


def test_datasets_differ_by_version_and_on_demand_by_rows(project: Project) -> None:
    tables = Tables(project.data_uri)
    ids = []
    for count in (3, 5):
        frame = pd.DataFrame({"id": range(count), "value": 1.0})
        version = tables.write("numbers", frame, origin=Origin("r", "train"), key=("id",))
        ids.append(leave_run(project, reads=(version,)))
        runs.end(project, ids[-1], "finished", tags=runs.dataset_tag([version]))
    found = diff_runs(project, *ids)
    assert [(item.name, item.left, item.right) for item in found.datasets] == [("numbers", 0, 1)]
    assert found.rows == {}
    assert diff_runs(project, *ids, data=True).rows == {"numbers": "2 rows added"}


def test_runs_by_plain_mlflow_can_be_compared(project: Project) -> None:
    experiment = store.experiment_id(project, draft=False)
    client = store.client(project)
    ids = [client.create_run(experiment).info.run_id for _ in range(2)]
    for value, run_id in enumerate(ids):
        client.log_metric(run_id, "loss", value)
        client.set_terminated(run_id)
    assert [item.difference for item in diff_runs(project, *ids).metrics] == [1.0]


def test_an_unknown_run_is_refused(project: Project) -> None:
    run_id = leave_run(project)
    with pytest.raises(UnknownName, match="no run 'nothing'"):
        diff_runs(project, run_id, "nothing")
