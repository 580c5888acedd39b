"""Models kept through MLflow, as data."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from pydantic import BaseModel
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from tests.unit.registry import small
from workbench.errors import RegistryError, UnsafeModel
from workbench.project import Project
from workbench.store.hashing import hash_folder
from workbench.tracking import store
from workbench.tracking.models import TrainedModel, log_model, positive_scores


def _doubled(values: pd.DataFrame) -> pd.DataFrame:
    return values * 2


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return small.small_project(tmp_path / "project")


def test_a_model_is_kept_with_its_hash_its_metrics_and_the_installed_versions(project: Project) -> None:
    run = small.start(project)
    trained = small.train(run)
    client = store.client(project)
    logged = client.get_logged_model(trained.model_id)
    folder = Path(logged.artifact_location.removeprefix("file://"))
    assert hash_folder(folder) == trained.sha256 == logged.tags["workbench.sha256"]
    assert trained.size_bytes == sum(file.stat().st_size for file in folder.iterdir())
    assert sorted(file.name for file in folder.iterdir() if file.suffix in {".skops", ".pkl"}) == [
        "model.skops"
    ]
    requirements = (folder / "requirements.txt").read_text().split()
    assert f"scikit-learn=={version('scikit-learn')}" in requirements
    assert f"skops=={version('skops')}" in requirements
    assert trained.metrics == {"roc_auc": 0.8}  # the metric that is NaN is left out
    assert client.get_run(run.run_id).data.metrics == {"boosting.roc_auc": 0.8}
    assert [item.model_id for item in client.get_run(run.run_id).outputs.model_outputs] == [trained.model_id]
    assert logged.status.value == "READY"


def test_it_loads_with_mlflows_own_api(project: Project) -> None:
    trained = small.train(small.start(project))
    mlflow.set_tracking_uri(project.tracking_uri)
    found = positive_scores(mlflow.sklearn.load_model(trained.uri), small.rows()[small.FEATURES])
    assert np.array_equal(found, positive_scores(small.estimator(), small.rows()[small.FEATURES]))


def test_a_type_that_nobody_declared_harmless_is_named(project: Project) -> None:
    model = make_pipeline(FunctionTransformer(_doubled), LogisticRegression())
    model.fit(small.rows()[["size"]], small.rows()["late"])
    run = small.start(project)
    with pytest.raises(UnsafeModel, match=r"_doubled.*trusted_types") as refused:
        log_model(
            project,
            run.run_id,
            "odd",
            model,
            sample=small.rows()[["size"]],
            metrics={},
            trained_until=small.CUT_OFF,
        )
    assert "\n" not in refused.value.message


def test_a_declared_type_and_a_forest_are_kept(tmp_path: Path) -> None:
    project = small.small_project(tmp_path / "trusting", trusted=(f"{__name__}._doubled",))
    rows = small.rows()[["size"]]
    own = make_pipeline(FunctionTransformer(_doubled), LogisticRegression())
    for model in (RandomForestClassifier(3), own):
        trained = log_model(
            project,
            small.start(project).run_id,
            "forest",
            model.fit(rows, small.rows()["late"]),
            sample=rows,
            metrics={},
            trained_until=small.CUT_OFF,
        )
        assert len(trained.sha256) == 64


def test_what_cannot_be_written_as_data_is_refused(project: Project) -> None:
    model = LogisticRegression().fit(small.rows()[["size"]], small.rows()["late"])
    model.notes_ = (number for number in range(3))
    with pytest.raises(RegistryError, match="model 'odd': cannot be kept as data"):
        log_model(
            project,
            small.start(project).run_id,
            "odd",
            model,
            sample=small.rows()[["size"]],
            metrics={},
            trained_until=small.CUT_OFF,
        )


def test_a_cut_off_without_a_zone_is_refused(project: Project) -> None:
    with pytest.raises(RegistryError, match="no time zone"):
        log_model(
            project,
            "",
            "boosting",
            small.estimator(),
            sample=small.rows(),
            metrics={},
            trained_until=datetime(2026, 7, 1),
        )


def test_a_trained_model_travels_as_json_and_within_pydantic() -> None:
    trained = TrainedModel(
        "b", "models:/m-1", "r", datetime(2026, 7, 1, tzinfo=UTC), {"f1": 0.5}, "ab", 7, {"x": 2}
    )
    assert TrainedModel.from_dict(json.loads(json.dumps(trained.to_dict()))) == trained

    class Context(BaseModel):
        models: dict[str, TrainedModel]

    context = Context(models={"b": trained})
    assert Context.model_validate_json(context.model_dump_json()) == context
