"""A version and the helpers it was registered with: what changed is said, and the recorded cases decide."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.registry import small
from workbench.errors import DataError
from workbench.project import Project, open_project
from workbench.registry import loading, versions
from workbench.registry.cases import record_cases
from workbench.tracking.models import positive_scores

# The requests have no age; the features function makes one.
_BUILD = """
def build(rows, tables, asked_at):
    return rows.assign(age={age})[["size", "age", "colour"]]
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project whose features need no data but the request."""
    project = small.small_project(tmp_path / "project")
    name = f"features_{tmp_path.name}".replace("-", "_")
    (project.helpers / f"{name}.py").write_text(_BUILD.format(age="0.5"))
    text = (project.root / "workbench.toml").read_text()
    (project.root / "workbench.toml").write_text(text.replace("helpers:build", f"{name}:build"))
    return open_project(project.root)


@pytest.fixture
def version(project: Project) -> versions.ModelVersion:
    frame = small.rows().assign(age=0.5)
    scores = positive_scores(small.estimator(), frame[small.FEATURES])
    cases = record_cases(frame, scores, inputs=small.INPUTS, features=small.FEATURES)
    run = small.start(project)
    made = versions.register(run, small.train(run), small.validation(), cases)
    assert made is not None
    return made


def _change(project: Project, age: str) -> None:
    module = project.model.features.partition(":")[0]
    file = project.helpers / f"{module}.py"
    file.write_text("# changed\n" + _BUILD.format(age=age))
    sys.modules.pop(module, None)


def _ask(version: versions.ModelVersion, project: Project) -> loading.Answers:
    return loading.answers(version, project, loading.load(version, project))


def test_with_the_helpers_it_was_registered_with_the_recorded_features_are_taken(
    project: Project, version: versions.ModelVersion
) -> None:
    recorded = json.loads(version.tag("helpers"))
    assert [name for name in recorded if "features_" in name]
    assert loading.helper_changes(version, project) == []
    found = _ask(version, project)
    assert (found.cases, len(found.wrong), found.from_requests) == (20, 0, False)


@pytest.mark.practice("D3")
def test_changed_helpers_that_make_the_same_features_are_said_and_do_no_harm(
    project: Project, version: versions.ModelVersion
) -> None:
    _change(project, "1 / 2")
    found = _ask(version, project)
    assert [text.partition(".py")[2] for text in found.helpers] == [" was changed"]
    assert (len(found.wrong), found.from_requests) == (0, True)


def test_changed_helpers_that_make_other_features_are_found_by_the_recorded_requests(
    project: Project, version: versions.ModelVersion
) -> None:
    _change(project, "2.5")
    found = _ask(version, project)
    assert found.from_requests
    assert len(found.wrong) > 0
    assert (found.wrong["answer"] != found.wrong["score"]).all()


def test_a_feature_that_is_not_made_any_more_is_named(
    project: Project, version: versions.ModelVersion
) -> None:
    _change(project, "0")
    file = project.helpers / f"{project.model.features.partition(':')[0]}.py"
    file.write_text("def build(rows, tables, asked_at):\n    return rows\n")
    with pytest.raises(DataError, match="makes no feature 'age' of the 20 recorded requests"):
        _ask(version, project)


def test_features_that_look_up_data_are_not_made_anew(
    project: Project, version: versions.ModelVersion
) -> None:
    _change(project, "2.5")
    model = project.model.model_copy(update={"memory": ("weather",)})
    remembering = replace(project, config=project.config.model_copy(update={"model": model}))
    found = _ask(version, remembering)
    assert (len(found.helpers), len(found.wrong), found.from_requests) == (1, 0, False)


@pytest.mark.parametrize("tags", [{}, {"workbench.helpers": ""}])
def test_a_version_without_recorded_helpers_says_so(
    project: Project, version: versions.ModelVersion, tags: dict[str, str]
) -> None:
    kept = {name: value for name, value in version.tags.items() if name != "workbench.helpers"}
    old = replace(version, tags=kept | tags)
    assert loading.registered_helpers(old) == {}
    assert loading.helper_changes(old, project) == [
        "tiny-model v1 was registered without the hashes of the helpers that it needs"
    ]


def test_the_lock_is_on_record(project: Project) -> None:
    (project.root / "requirements.lock").write_text("numpy==1.0\nskops==0.0.1\n")
    made = small.register(small.start(project))
    assert made.tag("kind") == "scikit-learn"
    assert made.tag("lock") == "requirements.lock"
    assert len(made.tag("lock_sha256")) == 64
    assert "skops" in made.tag("apart_from_lock")
    folder = Path(made.location.removeprefix("file://"))
    assert "skops==0.0.1" in (folder / "requirements.txt").read_text().split()
