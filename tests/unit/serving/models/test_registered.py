"""A server on the project's own registry and memory datasets."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.unit.registry import small
from tests.unit.serving.tiny import until
from workbench.data.tables import Origin, Tables
from workbench.errors import ConfigError, DatasetNotFound, ServingError
from workbench.project import Project, open_project
from workbench.registry import compile
from workbench.registry.promotion import promote, rollback
from workbench.serving import start
from workbench.serving.models.registered import RegisteredModels, feature_builder
from workbench.serving.settings import MemoryVersion, Settings
from workbench.tracking import reports, store

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
HELPERS = """

from workbench.data.features import MemorySpec

MEMORY = {"ages": MemorySpec("colour", ("age",), pd.Timedelta("2D"))}
REQUEST = {"size": "number", "colour": "category"}


def build(rows, memory, asked_at):
    found = memory["ages"].lookup(rows["colour"], asked_at) if memory else {"age": float("nan")}
    return rows.assign(age=found["age"])[["size", "age", "colour"]]
"""


@pytest.fixture(autouse=True)
def _helpers_of_this_test(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every project's helpers are called ``helpers``: forget those of the test before."""
    monkeypatch.setattr(sys, "path", sys.path.copy())
    sys.modules.pop("helpers", None)
    yield
    sys.modules.pop("helpers", None)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project whose helpers build what the small model wants."""
    made = small.small_project(tmp_path / "project")
    with (made.helpers / "helpers.py").open("a") as file:
        file.write(HELPERS)
    return made


@pytest.fixture
def remembering(project: Project) -> Project:
    """The same, with a memory dataset."""
    path = project.root / "workbench.toml"
    path.write_text(path.read_text().replace("[model]\n", '[model]\nmemory = ["ages"]\n'))
    return open_project(project.root)


def write_ages(project: Project, run_id: str, *ages: float, default: bool = True) -> MemoryVersion:
    days = pd.date_range(NOON, periods=len(ages), freq="D")
    frame = pd.DataFrame({"colour": "red", "valid_from": days, "age": ages})
    written = Tables(project.data_uri).write("ages", frame, origin=Origin(run_id, "train", default=default))
    return MemoryVersion(written.uri, written.version)


def publish(project: Project, run_id: str, status: str) -> None:
    """The report of a run, which makes what it wrote readable if it finished."""
    manifest = reports.Manifest(
        run_id=run_id,
        pipeline_run_id=run_id,
        project=project.name,
        phase="train",
        notebook="train.ipynb",
        status=status,  # type: ignore[arg-type]
        started_at=NOON,
        ended_at=NOON,
        seconds=1.0,
    )
    reports.publish(project.reports, manifest, "{}", "")


@pytest.mark.server
@pytest.mark.practice("P2", "L6")
def test_promotion_is_the_deployment_and_rollback_undoes_it(project: Project) -> None:
    run = small.start(project)
    trained = small.train(run)
    small.register(run, trained)
    rows = pd.DataFrame({"size": [0.5, None], "colour": ["red", None]})
    with start(project) as server:
        assert server.health().state == "no_champion"
        promote(project, 1, reason="the first")
        until(lambda: server.health().champion == 1)
        first = server.predict(rows)
        assert first["model_version"].tolist() == [1, 1]
        assert (
            first["score"].tolist()
            == small.positive_scores(
                small.estimator(), rows.assign(age=float("nan"))[small.FEATURES]
            ).tolist()
        )
        small.register(run, trained)
        until(lambda: server.health().shadows == (2,))
        promote(project, 2, reason="the better one")
        until(lambda: server.predict(rows)["model_version"].tolist() == [2, 2])
        rollback(project, reason="it was not")
        until(lambda: server.predict(rows)["model_version"].tolist() == [1, 1])
        with pytest.raises(ServingError, match="unknown column 'kind'"):
            server.predict(rows.assign(kind=1))
    kept = server.log.read(role="champion")
    assert set(kept["model_version"]) == {1, 2}
    assert set(kept["run_id"]) == {trained.run_id}


@pytest.mark.practice("P4")
def test_a_server_that_starts_while_the_champion_is_damaged_answers_with_the_one_before(
    project: Project,
) -> None:
    run = small.start(project)
    trained = small.train(run)
    for reason in ("the first", "the better one"):
        made = small.register(run, trained)
        promote(project, made.version, reason=reason)
    store.client(project).set_model_version_tag(made.model, "2", "workbench.sha256", "0" * 64)
    with start(project) as server:
        health = server.health()
        assert (health.state, health.champion) == ("ready", 1)
        assert server.predict(pd.DataFrame({"size": [0.5], "colour": ["red"]}))["model_version"].tolist() == [
            1
        ]


ARRAYS = """

def build_arrays(rows, memory, asked_at):
    size, colour = rows["size"], rows["colour"]
    return {"size": {size}, "age": size * float("nan"), "colour": colour}
"""


@pytest.mark.practice("D3")
@pytest.mark.parametrize(
    ("size", "says"),
    [
        ("size", ""),
        ("size + 1", "build_arrays builds the feature 'size' otherwise than build"),
        ("size if len(size) > 1 else size * 0", "'size' otherwise than build"),
    ],
)
def test_arrays_that_are_built_otherwise_than_training_builds_them_are_not_served(
    project: Project, size: str, says: str
) -> None:
    with (project.helpers / "helpers.py").open("a") as file:
        file.write(ARRAYS.replace("{size}", size))
    small.register(small.start(project))
    source = RegisteredModels(project, Settings(str(project.root), ""))
    features = source.features()
    assert features.build_arrays is not None
    if not says:
        assert source.load(1, features).version == 1
        return
    with pytest.raises(ServingError, match=says):
        source.load(1, features)


@pytest.mark.parametrize("alike", [True, False])
def test_the_plain_path_asks_with_the_frame_that_training_has(project: Project, alike: bool) -> None:
    arrays = ARRAYS.replace("{size}", "size")
    if not alike:  # in another order
        arrays = arrays.replace('{"size": size, ', "{").replace("colour}", 'colour, "size": size}')
    with (project.helpers / "helpers.py").open("a") as file:
        file.write(arrays)
    small.register(small.start(project))
    source = RegisteredModels(project, Settings(str(project.root), ""))
    plain = compile.Path(None, "as a test wants it")
    model = replace(source.load(1, source.features()), path=plain)
    assert model.frames_of_arrays is alike
    asked = {"size": np.array([1.0, np.nan]), "colour": np.array(["red", None], dtype=object)}
    moments = np.full(2, "2013-08-01", dtype="datetime64[us]")
    frame = model.features.frame(model.request, asked, moments)
    built = model.built(asked, moments)
    pd.testing.assert_frame_equal(built.frame, frame)
    assert model.scored(built, 2).tolist() == model.estimator.predict_proba(frame).tolist()


@pytest.mark.practice("K1", "P2")
def test_a_version_that_answers_its_cases_differently_is_not_loaded(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = small.start(project)
    small.register(run)
    source = RegisteredModels(project, Settings(str(project.root), ""))
    loaded = source.load(1, source.features())
    assert loaded.request.columns == {"size": "number", "colour": "category"}
    different = small.estimator().named_steps["boosting"].__class__
    original = different.predict_proba
    # Another build of the library, as it were, with other answers.
    monkeypatch.setattr(different, "predict_proba", lambda self, X: original(self, X)[:, ::-1])
    with pytest.raises(ServingError, match="answers 8 of 8 recorded cases differently"):
        source.load(1, source.features())


def test_without_request_the_columns_are_those_of_the_recorded_cases(tmp_path: Path) -> None:
    project = small.small_project(tmp_path / "plain")
    small.register(small.start(project))
    source = RegisteredModels(project, Settings(str(project.root), ""))
    assert source.load(1, source.features()).request.columns == {"size": "number", "colour": "category"}


def test_what_is_noted_of_a_personal_column_does_not_have_the_value(project: Project) -> None:
    with (project.helpers / "helpers.py").open("a") as file:
        file.write('\nREQUEST["name"] = {"kind": "category", "values": ["nobody"], "outside": "flag"}\n')
    path = project.root / "workbench.toml"
    path.write_text(path.read_text() + '\n[serving]\npersonal = ["name"]\n')
    project = open_project(project.root)
    small.register(small.start(project))
    source = RegisteredModels(project, Settings(str(project.root), ""))
    request = source.load(1, source.features()).request
    typed = request.typed({"size": [1], "colour": ["red"], "name": ["Jane Doe"]})
    assert typed.notes == {0: ("column 'name': unknown value",)}


def test_memory_is_what_a_finished_run_published_last(remembering: Project) -> None:
    source = RegisteredModels(remembering, Settings(str(remembering.root), ""))
    with pytest.raises(DatasetNotFound, match="ages"):
        source.features()
    write_ages(remembering, "a" * 32, 1.0)
    publish(remembering, "a" * 32, "finished")
    first = source.features()
    assert source.features() is first, "nothing is read twice"
    write_ages(remembering, "b" * 32, 1.0, 2.0)
    write_ages(remembering, "c" * 32, 3.0, default=False)
    publish(remembering, "b" * 32, "failed")
    publish(remembering, "c" * 32, "finished")
    assert source.features() is first, "a failed run and a nested one publish nothing"
    write_ages(remembering, "d" * 32, 4.0, 5.0)
    publish(remembering, "d" * 32, "finished")
    (memory,) = source.features().memory
    assert (memory.name, memory.rows) == ("ages", 2)
    assert memory.newest == datetime(2026, 7, 2, 12, tzinfo=UTC)
    assert source.features().versions == {"ages": memory.version}


def test_pinned_memory_stays_whatever_is_published(remembering: Project) -> None:
    pinned = write_ages(remembering, "a" * 32, 1.0)
    write_ages(remembering, "b" * 32, 9.0)
    publish(remembering, "b" * 32, "finished")
    features = RegisteredModels(
        remembering, Settings(str(remembering.root), "", memory={"ages": pinned})
    ).features()
    rows = pd.DataFrame({"size": 0.0, "colour": ["red"] * 3 + ["blue"]})
    asked_at = pd.Series([NOON, NOON - pd.Timedelta("1s"), NOON + pd.Timedelta("3D"), NOON])
    # Known, not known yet, too old, never heard of.
    assert features(rows, asked_at)["age"].isna().tolist() == [False, True, True, True]
    assert features(rows, asked_at)["age"].iloc[0] == 1.0


def test_memory_that_is_not_given_or_not_described_is_named(remembering: Project) -> None:
    with pytest.raises(ConfigError, match="no version of the memory dataset 'ages' was given"):
        feature_builder(remembering, {})
    path = remembering.root / "workbench.toml"
    path.write_text(path.read_text().replace('["ages"]', '["winds"]'))
    with pytest.raises(ConfigError, match="does not say what the memory dataset 'winds' holds"):
        feature_builder(open_project(remembering.root), {"winds": MemoryVersion("", 0)})


@pytest.mark.practice("M9")
def test_other_helpers_than_it_was_registered_with_are_said(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    small.register(small.start(project))
    helpers = project.helpers / "helpers.py"
    helpers.write_text(helpers.read_text() + "\n# read once more\n")
    source = RegisteredModels(project, Settings(str(project.root), ""))
    with caplog.at_level("WARNING"), suppress(ServingError):
        source.load(1, source.features())
    assert "helpers.py" in caplog.text


@pytest.mark.practice("M9", "P2")
def test_a_version_whose_helpers_this_process_has_not_imported_is_not_put_in_front(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    """A feature is redefined, and a version trained on it, while the server runs."""
    run = small.start(project)
    trained = small.train(run)
    small.register(run, trained)
    running = RegisteredModels(project, Settings(str(project.root), ""))
    features = running.features()
    helpers = project.helpers / "helpers.py"
    before = helpers.read_text()
    helpers.write_text(before.replace("rows.assign(age=", "rows.assign(size=2 * rows['size'], age="))
    small.register(run, trained)
    with pytest.raises(ServingError, match=r"helpers.py was changed.*have it replace its workers \(SIGHUP"):
        running.load(2, features)
    with caplog.at_level("WARNING"):
        assert running.load(1, features).version == 1, "what it has imported is what this one needs"
    assert caplog.text == ""
    # No process builds what it needs, as on the way back while somebody mends them: its cases are to tell.
    for present in (before + "\n# nobody has registered this\n", before):
        helpers.write_text(present)
        caplog.clear()
        with suppress(ServingError):
            running.load(2, features)
        assert "helpers.py was changed" in caplog.text


@pytest.mark.parametrize("declared", ["{}", "'size'", "{'size': 'float'}"])
def test_a_request_that_means_nothing_is_refused(project: Project, declared: str) -> None:
    with (project.helpers / "helpers.py").open("a") as file:
        file.write(f"\nREQUEST = {declared}\n")
    small.register(small.start(project))
    source = RegisteredModels(project, Settings(str(project.root), ""))
    with pytest.raises(ConfigError, match="helpers:REQUEST"):
        source.load(1, source.features())
