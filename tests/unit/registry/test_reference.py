"""The reference that drift is measured against is made at registration, and kept with the version."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from tests.unit.registry import small
from workbench import registry
from workbench.data.summary import PREDICTION, NumberSummary
from workbench.errors import RegistryError, UnknownName
from workbench.project import Project, open_project
from workbench.registry import versions
from workbench.registry.gates.candidate import judge
from workbench.registry.gates.validation import Validation
from workbench.tracking import store


@pytest.mark.practice("L7")
def test_the_holdout_and_the_candidates_scores_are_the_reference(project: Project) -> None:
    project = _about_lateness(project)
    run = small.start(project)
    trained = small.train(run)
    contenders = {"candidate": trained, "baseline": small.train(run)}
    judged = judge(project, small.rows(), contenders, features=small.FEATURES)
    made = versions.register(run, trained, judged, small.recorded())
    assert made is not None
    kept = registry.reference(made, project)
    assert kept is not None
    assert list(kept.columns) == [*small.FEATURES, PREDICTION]
    assert kept.rows == len(small.rows())
    scores = kept.columns[PREDICTION]
    assert isinstance(scores, NumberSummary)
    assert scores.mean == pytest.approx(judged.scores["candidate"].mean())
    assert kept.columns["age"].missing == small.rows()["age"].isna().sum()


def _about_lateness(project: Project) -> Project:
    config = project.root / "workbench.toml"
    said = config.read_text().replace('"y"', '"late"').replace('time = "x"', 'time = "asked_at"')
    config.write_text(said + "\n[gates]\nminimum_rows = 100\nbootstrap_rounds = 100\n")
    return open_project(project.root)


def test_evidence_does_not_hold_it_a_second_time() -> None:
    assert "reference" not in small.validation().to_dict()
    assert Validation.from_dict(small.validation().to_dict()).reference is None


def test_a_wider_one_can_be_given(run: small.Run) -> None:
    wide = registry.summarize(small.rows(), small.estimator(), features=small.FEATURES[:3])
    made = versions.register(run, small.train(run), small.validation(), small.recorded(), reference=wide)
    assert made is not None
    kept = registry.reference(made, run.project)
    assert kept is not None
    assert kept.to_bytes() == wide.to_bytes()


def test_a_version_without_one_has_none(run: small.Run) -> None:
    assert registry.reference(small.register(run), run.project) is None


def test_a_draft_keeps_nothing(project: Project) -> None:
    run = small.start(project, draft=True)
    wide = registry.summarize(small.rows(), small.estimator(), features=small.FEATURES)
    found = versions.register(run, small.train(run), small.validation(), small.recorded(), reference=wide)
    assert found is None
    assert versions.list_versions(project) == []


def test_a_changed_file_is_noticed(run: small.Run) -> None:
    wide = registry.summarize(small.rows(), small.estimator(), features=small.FEATURES)
    other = registry.summarize(small.rows().head(300), small.estimator(), features=small.FEATURES)
    made = versions.register(run, small.train(run), small.validation(), small.recorded(), reference=wide)
    assert made is not None
    file = _file(run.project, made)
    file.write_bytes(other.to_bytes())  # whole, but another one
    with pytest.raises(RegistryError, match=r"the reference of .* v1 was changed since it was registered"):
        registry.reference(made, run.project)
    file.unlink()
    with pytest.raises(RegistryError, match=r"reference\.arrows of its run .* cannot be read"):
        registry.reference(made, run.project)


def _file(project: Project, version: versions.ModelVersion) -> Path:
    root = store.client(project).get_run(version.tag("run_id")).info.artifact_uri.removeprefix("file://")
    return Path(root) / version.tag("evidence") / "reference.arrows"


def test_the_scores_of_any_kind_of_model_can_be_summarised() -> None:
    rows = small.rows().fillna({"age": 0.0})
    numbers = ["size", "age"]
    regressor = LinearRegression().fit(rows[numbers], rows["size"] * 3)
    of_three = LogisticRegression().fit(rows[numbers], rows["colour"])
    for model, expected in (
        (regressor, regressor.predict(rows[numbers])),
        (of_three, of_three.predict_proba(rows[numbers]).max(axis=1)),
    ):
        found = registry.summarize(rows, model, features=numbers).columns[PREDICTION]
        assert isinstance(found, NumberSummary)
        assert (found.minimum, found.maximum) == (np.min(expected), np.max(expected))
    with pytest.raises(UnknownName, match="'weight'"):
        registry.summarize(rows, regressor, features=["weight"])
