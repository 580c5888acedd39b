"""What every kind of models does alike: it is kept as data, registered, loaded, and answers the same."""

from __future__ import annotations

import builtins
import importlib
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import mlflow
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.contract.model_kinds import CASES, FEATURES, Case, rows, small_project
from tests.unit.registry import small
from workbench.data.columns import columns_of, moments_of
from workbench.errors import MissingExtra, RegistryError
from workbench.project import Project
from workbench.registry import loading, versions
from workbench.registry.cases import record_cases
from workbench.registry.gates.costs import one_row_latency
from workbench.serving.models.loaded import FeatureBuilder, LoadedModel
from workbench.serving.protocol.schema import RequestSchema
from workbench.tracking.models import TrainedModel, log_model, outputs, positive_scores, scores_of


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return small_project(tmp_path_factory.mktemp("kinds") / "project")


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    return Case.or_skip(request.param)


@pytest.fixture(scope="module")
def made(project: Project) -> dict[str, Any]:
    """What was fitted, trained and registered, by the name of the case: once for all tests."""
    return {}


def _log(project: Project, model: Any, sample: Any = None) -> TrainedModel:
    run = small.start(project)
    frame = rows()[FEATURES] if sample is None else sample
    return log_model(
        project,
        run.run_id,
        "candidate",
        model,
        sample=frame,
        metrics={"roc_auc": 0.8},
        trained_until=small.CUT_OFF,
    )


def _registered(
    case: Case, project: Project, made: dict[str, Any]
) -> tuple[versions.ModelVersion, NDArray[np.float64]]:
    if case.name not in made:
        model = case.fit(project)
        scores = positive_scores(model, rows()[FEATURES])
        run, trained = small.start(project), _log(project, model)
        cases = record_cases(rows(), scores, inputs=FEATURES, features=FEATURES)
        made[case.name] = versions.register(run, trained, small.validation(), cases), scores
    found: tuple[versions.ModelVersion, NDArray[np.float64]] = made[case.name]
    return found


@pytest.mark.practice("M12")
def test_it_is_registered_loaded_and_answers_the_same(
    case: Case, project: Project, made: dict[str, Any]
) -> None:
    version, scores = _registered(case, project, made)
    assert version.tag("kind") == case.kind
    assert 0 < scores.min() < scores.max() < 1
    loaded = loading.load(version, project)
    # A network's last digits depend on how many rows are answered at once.
    assert np.allclose(positive_scores(loaded, rows()[FEATURES]), scores, rtol=0, atol=1e-7)
    answered = loading.answers(version, project, loaded)
    assert (answered.cases, len(answered.wrong), answered.helpers) == (20, 0, ())


def test_it_is_served_and_timed_like_any_other(case: Case, project: Project, made: dict[str, Any]) -> None:
    version, scores = _registered(case, project, made)
    served = LoadedModel(
        version.model,
        version.version,
        version.run_id,
        loading.load(version, project),
        FeatureBuilder(lambda rows, tables, asked_at: rows),
        RequestSchema(dict.fromkeys(["heavy", *FEATURES[:2]], "number")),  # a column's place does not matter
    )
    columns = columns_of(rows(), served.request.columns)
    answered = served.scored(served.built(columns, moments_of(rows()["asked_at"])), len(rows()))
    assert served.classes in (("0", "1"), ("False", "True"))
    assert np.allclose(scores_of(answered), scores, rtol=0, atol=1e-7)
    assert one_row_latency(served.estimator, rows()[FEATURES], rows=3) > 0


def test_its_files_are_data_and_nothing_else(case: Case, project: Project, made: dict[str, Any]) -> None:
    version, _ = _registered(case, project, made)
    folder = Path(urlparse(version.location).path)
    names = {file.name for file in folder.iterdir()} - {"registered_model_meta"}
    described = {"MLmodel", "conda.yaml", "python_env.yaml", "requirements.txt"}
    examples = {"input_example.json", "serving_input_example.json"}
    assert names - described - examples in (
        {"model.skops"},
        {"model.json"},
        {"model.lgb"},
        {"model.safetensors"},
    )
    assert described <= names
    # No pickle of any protocol that is in use begins a file.
    assert not any(file.read_bytes()[:1] == b"\x80" for file in folder.iterdir())


def test_mlflows_own_api_loads_it(
    case: Case, project: Project, made: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    version, scores = _registered(case, project, made)
    monkeypatch.chdir(project.root)
    mlflow.set_tracking_uri(project.tracking_uri)
    flavor = importlib.import_module(f"mlflow.{case.flavor}")
    found = case.mlflow_scores(flavor.load_model(version.uri), rows()[FEATURES])
    assert np.allclose(found, scores, rtol=0, atol=1e-6)
    generic = mlflow.pyfunc.load_model(version.uri).predict(rows()[FEATURES])
    assert len(generic) == len(scores)
    if case.kind == "scikit-learn":  # MLflow's server then answers what ours does
        assert np.array_equal(generic, outputs(loading.load(version, project), rows()[FEATURES]))
    # MLflow left a file of its own in the folder, which is no reason to refuse it.
    assert hasattr(loading.load(version, project), "predict_proba")


def test_requirements_name_its_library(case: Case, project: Project, made: dict[str, Any]) -> None:
    version, _ = _registered(case, project, made)
    lines = (Path(urlparse(version.location).path) / "requirements.txt").read_text().split()
    names = {line.partition("==")[0] for line in lines}
    library = {"pytorch": {"torch"}, "xgboost": {"xgboost", "xgboost-cpu"}}.get(case.kind, {case.kind})
    assert names & library
    assert all("==" in line for line in lines)


def test_text_is_refused_with_advice(case: Case, project: Project) -> None:
    if case.kind == "scikit-learn":
        pytest.skip("scikit-learn takes text, through an encoder")
    frame = rows()[FEATURES].assign(size="large")
    with pytest.raises(RegistryError, match=r"'candidate'.*column 'size' holds str:.*features function"):
        _log(project, case.fit(project), frame)


def test_other_columns_than_it_was_fitted_on_are_refused(case: Case, project: Project) -> None:
    if case.kind in ("scikit-learn", "pytorch"):
        pytest.skip("the library refuses it, or knows no names")
    frame = rows()[FEATURES].rename(columns={"age": "years"})
    with pytest.raises(RegistryError, match="fitted on size, age, heavy, but the sample has size, years"):
        _log(project, case.fit(project), frame)


@pytest.mark.parametrize("name", ["XGBoost classifier", "LightGBM classifier"])
def test_categories_are_answered_as_they_were_and_recorded(name: str, project: Project) -> None:
    case = next(item for item in CASES if item.name == name).or_skip()
    frame = rows()[FEATURES].assign(colour=small.rows()["colour"].astype("category"))
    model = case.fit(project)
    if case.kind == "xgboost":
        model.set_params(enable_categorical=True)
    model.fit(frame, rows()["late"])
    scores = positive_scores(model, frame)
    features = [*FEATURES, "colour"]
    recorded = record_cases(rows().assign(colour=frame["colour"]), scores, inputs=features, features=features)
    run, trained = small.start(project), _log(project, model, frame)
    version = versions.register(run, trained, small.validation(), recorded)
    assert version is not None
    loaded = loading.load(version, project)
    assert len(loading.answers(version, project, loaded).wrong) == 0
    fewer = frame[frame["colour"] == "red"].assign(colour=lambda found: found["colour"].astype(str))
    fewer = fewer.astype({"colour": "category"})
    assert np.array_equal(positive_scores(loaded, fewer), scores[frame["colour"] == "red"])


@pytest.mark.parametrize(
    ("kind", "package", "extra"),
    [
        ("xgboost", "xgboost", "xgboost"),
        ("lightgbm", "lightgbm", "lightgbm"),
        ("pytorch", "torch", "pytorch"),
    ],
)
def test_a_library_that_is_missing_is_named_with_its_command(
    kind: str,
    package: str,
    extra: str,
    project: Project,
    made: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    case = next(item for item in CASES if item.kind == kind).or_skip()
    version, _ = _registered(case, project, made)
    found = builtins.__import__

    def without(name: str, *arguments: Any, **more: Any) -> Any:
        if name.partition(".")[0] == package:
            raise ImportError(name)
        return found(name, *arguments, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.delitem(sys.modules, package)
    with pytest.raises(MissingExtra, match=rf"pip install 'mlops-workbench\[{extra}\]'"):
        loading.load(version, project)


def test_a_class_that_is_not_declared_is_refused_with_the_line_to_write(project: Project) -> None:
    CASES[-1].or_skip()
    import torch

    with pytest.raises(RegistryError, match=r"is a Linear.*\[model\] classes = \[\"torch.*:Linear\"\]"):
        _log(project, torch.nn.Linear(3, 1))


def test_an_objective_that_gives_no_probability_is_refused(project: Project) -> None:
    CASES[2].or_skip()
    import xgboost

    data = xgboost.DMatrix(rows()[FEATURES], label=rows()["late"])
    booster = xgboost.train({"objective": "reg:squarederror"}, data, num_boost_round=2)
    with pytest.raises(RegistryError, match="reg:squarederror gives no probability"):
        _log(project, booster)


def test_a_pipeline_with_a_booster_says_what_is_possible(project: Project, tmp_path: Path) -> None:
    case = CASES[1].or_skip()
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), case.fit(project)).fit(rows()[FEATURES], rows()["late"])
    with pytest.raises(RegistryError, match="log the XGBClassifier by itself") as refused:
        _log(project, model)
    assert "[model] trusted_types" in str(refused.value)
    names = ("builtins.bytearray", "xgboost.core.Booster", "xgboost.sklearn.XGBClassifier")
    trusting = small.small_project(tmp_path / "trusting", trusted=names)
    loaded = loading.load(_log(trusting, model), trusting)
    expected = positive_scores(model, rows()[FEATURES])
    assert np.array_equal(positive_scores(loaded, rows()[FEATURES]), expected)
