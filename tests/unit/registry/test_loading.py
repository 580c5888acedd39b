"""Hostile and damaged models: none is run, each refusal says why."""

from __future__ import annotations

import io
import json
import os
import pickle
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import mlflow
import numpy as np
import pytest
import skops.io
from sklearn.cluster import KMeans
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import LinearSVC

from tests.unit.registry import small, tasks
from workbench.errors import RegistryError, UnsafeModel
from workbench.project import Project
from workbench.registry import loading, versions
from workbench.registry.cases import record_cases
from workbench.registry.versions import ModelVersion
from workbench.store.hashing import hash_folder
from workbench.tracking.flavors import scikit
from workbench.tracking.models import log_model, outputs, positive_scores


class Hostile:
    """Leaves a file behind when it is unpickled, imported or built."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch {self.path}",)


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, ModelVersion]:
    """A project with one version; each test spoils a copy of its files."""
    project = small.small_project(tmp_path_factory.mktemp("loading") / "project")
    return project, small.register(small.start(project))


@pytest.fixture
def project(registered: tuple[Project, ModelVersion]) -> Project:
    return registered[0]


@pytest.fixture
def folder(registered: tuple[Project, ModelVersion], tmp_path: Path) -> Path:
    return Path(shutil.copytree(urlparse(registered[1].location).path, tmp_path / "artifacts"))


@pytest.fixture
def version(registered: tuple[Project, ModelVersion], folder: Path) -> ModelVersion:
    return replace(registered[1], location=str(folder))


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """What a model that ran would leave behind."""
    return tmp_path / "it-ran"


def _refused(version: ModelVersion, project: Project, says: str, trace: Path | None = None) -> UnsafeModel:
    with pytest.raises(UnsafeModel, match=says) as refused:
        loading.load(version, project)
    assert str(version) in refused.value.message
    assert "\n" not in refused.value.message
    assert trace is None or not trace.exists()
    return refused.value


def _as_if_registered(version: ModelVersion, folder: Path) -> ModelVersion:
    """The version as its registry would have it if somebody had registered the folder as it is now."""
    return replace(version, sha256=hash_folder(folder))


def test_what_was_registered_loads_and_answers_to_the_last_bit(
    version: ModelVersion, project: Project
) -> None:
    found = positive_scores(loading.load(version, project), small.rows()[small.FEATURES])
    assert np.array_equal(found, positive_scores(small.estimator(), small.rows()[small.FEATURES]))


def test_a_model_just_trained_loads_too(project: Project) -> None:
    run = small.start(project)
    trained = small.train(run)
    assert hasattr(loading.load(trained, run.project), "predict_proba")
    with pytest.raises(UnsafeModel, match=r"model 'boosting' \(models:/m-.*\): its files were changed"):
        loading.load(replace(trained, sha256="0" * 64), run.project)


@pytest.mark.practice("L6")
@pytest.mark.parametrize("place", [0.0, 0.3, 0.6, 0.99])
def test_one_flipped_bit_is_noticed(
    version: ModelVersion, project: Project, folder: Path, place: float
) -> None:
    file = folder / "model.skops"
    content = bytearray(file.read_bytes())
    content[int(place * len(content))] ^= 1
    file.write_bytes(content)
    _refused(version, project, "its files were changed since they were written")


@pytest.mark.parametrize("name", ["MLmodel", "requirements.txt"])
def test_a_change_beside_the_model_is_noticed(
    version: ModelVersion, project: Project, folder: Path, name: str
) -> None:
    with (folder / name).open("a") as file:
        file.write("\n")
    _refused(version, project, "its files were changed")


def test_a_pickle_swapped_in_is_not_run(
    version: ModelVersion, project: Project, folder: Path, trace: Path
) -> None:
    (folder / "model.skops").unlink()
    (folder / "model.pkl").write_bytes(pickle.dumps(Hostile(trace)))
    said = (folder / "MLmodel").read_text()
    said = said.replace("serialization_format: skops", "serialization_format: pickle")
    (folder / "MLmodel").write_text(said.replace("model.skops", "model.pkl"))
    _refused(version, project, "its files were changed", trace)
    _refused(_as_if_registered(version, folder), project, "holds a pickle, model.pkl", trace)


def test_a_pickle_under_the_models_name_is_not_run(
    version: ModelVersion, project: Project, folder: Path, trace: Path
) -> None:
    (folder / "model.skops").write_bytes(pickle.dumps(Hostile(trace)))
    _refused(_as_if_registered(version, folder), project, "is no model that skops can read", trace)
    said = (folder / "MLmodel").read_text()
    (folder / "MLmodel").write_text(said.replace("format: skops", "format: cloudpickle"))
    says = "its MLmodel says cloudpickle in model.skops, not skops"
    _refused(_as_if_registered(version, folder), project, says, trace)


def test_a_code_folder_is_not_imported(
    version: ModelVersion, project: Project, folder: Path, trace: Path
) -> None:
    (folder / "code").mkdir()
    (folder / "code" / "sitecustomize.py").write_text(f"open({str(trace)!r}, 'w')")
    _refused(version, project, "its files were changed", trace)
    _refused(_as_if_registered(version, folder), project, "holds a folder code/", trace)


def test_code_that_only_the_description_names_is_refused(
    version: ModelVersion, project: Project, folder: Path
) -> None:
    said = (folder / "MLmodel").read_text()
    (folder / "MLmodel").write_text(
        said.replace("    code: null\n    pickled", "    code: /tmp/evil\n    pickled")
    )
    _refused(_as_if_registered(version, folder), project, "names code to import: /tmp/evil")


def test_a_file_that_the_workbench_does_not_write_is_refused(
    version: ModelVersion, project: Project, folder: Path
) -> None:
    (folder / "setup.py").write_text("")
    _refused(
        _as_if_registered(version, folder), project, "holds setup.py, which the workbench does not write"
    )


def test_the_models_own_list_of_trusted_types_counts_for_nothing(
    version: ModelVersion, project: Project, folder: Path, trace: Path
) -> None:
    skops.io.dump(FunctionTransformer(os.system, kw_args={}), folder / "model.skops")
    said = (folder / "MLmodel").read_text()
    (folder / "MLmodel").write_text(said.replace("trusted_types:\n", "trusted_types:\n    - posix.system\n"))
    error = _refused(_as_if_registered(version, folder), project, r"nobody declared harmless.*posix\.system")
    assert "[model] trusted_types" in error.message


def test_a_type_that_the_project_declares_is_loaded(
    version: ModelVersion, project: Project, folder: Path
) -> None:
    trusting = project.config.model.model_copy(update={"trusted_types": ("posix.getpid",)})
    project = replace(project, config=project.config.model_copy(update={"model": trusting}))
    skops.io.dump(FunctionTransformer(os.getpid), folder / "model.skops")
    # It gets past the types, and is refused for what it is.
    _refused(
        _as_if_registered(version, folder), project, "is a FunctionTransformer, which gives no probabilities"
    )


def test_what_gives_no_probabilities_is_refused(
    version: ModelVersion, project: Project, folder: Path
) -> None:
    skops.io.dump(LinearRegression().fit([[0.0], [1.0]], [0, 1]), folder / "model.skops")
    # A regressor may be kept, but not in the place of a classifier.
    says = "is a LinearRegression, which gives no probabilities, but a classifier was written"
    _refused(_as_if_registered(version, folder), project, says)
    described = (folder / "MLmodel").read_text()
    (folder / "MLmodel").write_text(described.replace("predict_fn: predict_proba", "predict_fn: predict"))
    for model in (LinearSVC(), KMeans(2, n_init=1)):
        skops.io.dump(model.fit([[0.0], [1.0]], [0, 1]), folder / "model.skops")
        says = f"is a {type(model).__name__}, which gives no probabilities and is no regressor"
        _refused(_as_if_registered(version, folder), project, says)


def test_another_function_to_call_is_refused(version: ModelVersion, project: Project, folder: Path) -> None:
    described = (folder / "MLmodel").read_text()
    (folder / "MLmodel").write_text(described.replace("predict_fn: predict_proba", "predict_fn: __reduce__"))
    _refused(_as_if_registered(version, folder), project, "python_function calls __reduce__")


def test_an_older_version_loads_whose_mlmodel_says_that_it_predicts_classes(
    version: ModelVersion, project: Project, folder: Path
) -> None:
    described = (folder / "MLmodel").read_text()
    (folder / "MLmodel").write_text(described.replace("predict_fn: predict_proba", "predict_fn: predict"))
    old = _as_if_registered(version, folder)
    assert loading.answers(old, project, loading.load(old, project)).wrong.empty


class TestOtherTasks:
    """Kept, registered, loaded and asked its recorded cases: not for two classes only."""

    def registered(self, project: Project, model: Any, features: list[str]) -> ModelVersion:
        frame = small.rows()
        cases = record_cases(
            frame,
            outputs(model, frame[features]),
            inputs=features,
            features=features,
            classes=getattr(model, "classes_", ()),
        )
        run = small.start(project)
        trained = log_model(
            project,
            run.run_id,
            "other",
            model,
            sample=frame[features],
            metrics={},
            trained_until=small.CUT_OFF,
        )
        made = versions.register(run, trained, small.validation(), cases)
        assert made is not None
        return made

    @pytest.mark.parametrize("task", ["regression", "three classes"])
    def test_it_loads_and_answers_to_the_last_bit(self, project: Project, task: str) -> None:
        regression = task == "regression"
        model = tasks.regressor() if regression else tasks.three_classes()
        features = small.FEATURES if regression else ["size", "age"]
        version = self.registered(project, model, features)
        rows = small.rows()[features]
        loaded = loading.load(version, project)
        expected = model.predict(rows) if regression else model.predict_proba(rows)
        assert np.array_equal(outputs(loaded, rows), expected)
        answered = loading.answers(version, project, loaded)
        assert (answered.cases, len(answered.wrong)) == (20, 0)
        # MLflow's own API, and so its server, answers the same.
        mlflow.set_tracking_uri(project.tracking_uri)
        assert np.array_equal(mlflow.pyfunc.load_model(version.uri).predict(rows), expected)
        other = (tasks.regressor if regression else tasks.three_classes).__wrapped__()
        other = other.set_params(**({"boosting__max_iter": 2} if regression else {"max_depth": 2}))
        target = 1000 + 500 * rows["size"] if regression else small.rows()["colour"]
        assert len(loading.answers(version, project, other.fit(rows, target)).wrong) > 10


@pytest.mark.parametrize("target", ["/etc/hostname", "MLmodel"])
def test_links_are_refused_wherever_they_lead(
    version: ModelVersion, project: Project, folder: Path, target: str
) -> None:
    (folder / "requirements.txt").unlink()
    (folder / "requirements.txt").symlink_to(target)
    _refused(version, project, "requirements.txt is a link")


def test_a_link_in_place_of_the_model_is_refused_although_its_content_is_right(
    version: ModelVersion, project: Project, folder: Path, tmp_path: Path
) -> None:
    shutil.move(folder / "model.skops", tmp_path / "moved.skops")
    (folder / "model.skops").symlink_to(tmp_path / "moved.skops")
    _refused(version, project, "model.skops is a link")


def test_a_pipe_does_not_block(version: ModelVersion, project: Project, folder: Path) -> None:
    (folder / "requirements.txt").unlink()
    os.mkfifo(folder / "requirements.txt")
    _refused(version, project, "requirements.txt is neither a file nor a folder")


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("", "describes no model: it names no flavour"),
        ("flavors: {}", "describes no model: it names no flavour"),
        ("flavors: {sklearn: 1}", "describes no model: a flavour is no mapping"),
        ("flavors: [", "describes no model: it cannot be read as plain YAML"),
        ("!!python/object/apply:os.system ['true']", "asks for an object of Python"),
    ],
)
def test_a_description_that_is_none_is_refused(
    version: ModelVersion, project: Project, folder: Path, said: str, why: str
) -> None:
    (folder / "MLmodel").write_text(said)
    _refused(_as_if_registered(version, folder), project, f"its MLmodel {why}")


def _doctored_schema(folder: Path, **changed: str) -> None:
    file = folder / "model.skops"
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(parts["schema.json"]) | changed
    parts["schema.json"] = json.dumps(schema).encode()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


@pytest.mark.parametrize(
    ("module", "name"),
    [("builtins", "eval"), ("os", "system"), ("subprocess", "Popen"), ("builtins", "exec")],
)
def test_a_schema_that_names_something_to_run_is_refused(
    version: ModelVersion, project: Project, folder: Path, module: str, name: str
) -> None:
    _doctored_schema(folder, __module__=module, __class__=name)
    _refused(_as_if_registered(version, folder), project, f"nobody declared harmless.*{module}.{name}")


def test_an_archive_that_unpacks_to_more_than_a_model_is_refused(
    version: ModelVersion, project: Project, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scikit, "_LARGEST_UNPACKED", 50_000_000)
    with zipfile.ZipFile(folder / "model.skops", "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.npy", io.BytesIO(bytes(60_000_000)).getvalue())
    assert (folder / "model.skops").stat().st_size < 1_000_000
    _refused(_as_if_registered(version, folder), project, "unpacks to 0.1 GiB")


def test_a_truncated_archive_is_refused(version: ModelVersion, project: Project, folder: Path) -> None:
    content = (folder / "model.skops").read_bytes()
    (folder / "model.skops").write_bytes(content[: len(content) // 2])
    _refused(_as_if_registered(version, folder), project, "is no model that skops can read")


def test_a_version_without_a_recorded_hash_is_refused(version: ModelVersion, project: Project) -> None:
    _refused(replace(version, sha256=""), project, "no hash of its files was recorded")


def test_files_that_are_gone_are_said(version: ModelVersion, project: Project, folder: Path) -> None:
    shutil.rmtree(folder)
    with pytest.raises(RegistryError, match=r"tiny-model v1: its files are gone: there is no folder /"):
        loading.load(version, project)


def test_cases_of_a_version_without_evidence_are_said(version: ModelVersion, project: Project) -> None:
    bare = replace(version, tags={})
    with pytest.raises(RegistryError, match="tiny-model v1 has no recorded evidence"):
        loading.recorded_cases(bare, project)


def test_loading_changes_nothing_in_the_models_folder(
    version: ModelVersion, project: Project, folder: Path
) -> None:
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    loading.load(version, project)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
