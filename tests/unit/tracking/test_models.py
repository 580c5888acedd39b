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
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import LinearSVC

from tests.unit.registry import small, tasks
from workbench.errors import RegistryError, UnsafeModel
from workbench.project import Project
from workbench.store.hashing import hash_folder
from workbench.tracking import store
from workbench.tracking.models import TrainedModel, log_model, outputs, positive_scores, scores_of


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


def test_mlflows_server_would_answer_the_probabilities_that_ours_answers(project: Project) -> None:
    trained = small.train(small.start(project))
    mlflow.set_tracking_uri(project.tracking_uri)
    loaded = mlflow.pyfunc.load_model(trained.uri)
    rows = small.rows()[small.FEATURES]
    assert np.array_equal(loaded.predict(rows), small.estimator().predict_proba(rows))
    (answered,) = loaded.metadata.signature.outputs.inputs
    assert (answered.type, answered.shape) == (np.dtype("float64"), (-1, 2))


class TestOutputs:
    """What a model answers, whatever its task."""

    def test_probabilities_of_a_classifier(self) -> None:
        rows = small.rows()[small.FEATURES]
        found = outputs(small.estimator(), rows)
        assert np.array_equal(found, small.estimator().predict_proba(rows))
        assert np.array_equal(scores_of(found), found[:, 1])
        assert np.array_equal(positive_scores(small.estimator(), rows), found[:, 1])

    def test_of_many_classes_the_score_is_the_answered_ones(self) -> None:
        rows = small.rows()[["size", "age"]]
        model = tasks.three_classes()
        found = outputs(model, rows)
        assert found.shape == (600, 3)
        place = [list(model.classes_).index(answer) for answer in model.predict(rows)]
        assert np.array_equal(scores_of(found), found[np.arange(600), place])
        with pytest.raises(RegistryError, match="RandomForestClassifier knows 3 classes"):
            positive_scores(model, rows)

    def test_numbers_of_a_regressor(self) -> None:
        rows = small.rows()[small.FEATURES]
        found = outputs(tasks.regressor(), rows)
        assert np.array_equal(found, tasks.regressor().predict(rows))
        assert scores_of(found) is found
        with pytest.raises(RegistryError, match="Pipeline is no classifier"):
            positive_scores(tasks.regressor(), rows)

    def test_a_target_in_a_column_is_one_question_and_two_columns_are_two(self) -> None:
        rows, target = small.rows()[["size"]], small.rows()[["size"]].assign(twice=small.rows()["size"] * 2)
        one = LinearRegression().fit(rows, target[["twice"]])
        assert np.allclose(outputs(one, rows), target["twice"])
        classes = target > 0
        for model in (LinearRegression().fit(rows, target), RandomForestClassifier(2).fit(rows, classes)):
            with pytest.raises(RegistryError, match="answers more than one question a row"):
                outputs(model, rows)

    def test_a_classifier_without_probabilities_has_none(self) -> None:
        model = LinearSVC().fit(small.rows()[["size"]], small.rows()["late"])
        with pytest.raises(RegistryError, match="LinearSVC is a classifier that gives no probabilities"):
            outputs(model, small.rows()[["size"]])


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
