"""Registering versions, and finding them again with MLflow's own API too."""

from __future__ import annotations

import json
from datetime import timedelta

import mlflow
import numpy as np
import pandas as pd
import pytest

from tests.unit.registry import small
from workbench.errors import UnknownName
from workbench.project import Project
from workbench.registry import aliases, loading, versions
from workbench.tracking import store
from workbench.tracking.models import positive_scores


@pytest.mark.practice("L5", "M9")
def test_a_version_leads_back_to_runs_data_cut_off_and_evidence(run: small.Run) -> None:
    trained = small.train(run)
    validated = small.start(run.project)
    made = small.register(validated, trained)
    assert (made.model, made.version, made.verdict) == ("tiny-model", 1, "passed")
    assert made.run_id == run.run_id
    assert made.tag("run_id") == validated.run_id
    assert made.trained_until == small.CUT_OFF
    assert made.sha256 == trained.sha256
    assert made.datasets == {"prepared": 3}
    assert made.aliases == ("challenger",)
    assert loading.evidence(made, run.project) == small.validation().to_dict()
    pd.testing.assert_frame_equal(
        loading.recorded_cases(made, run.project), small.recorded(), check_dtype=False, check_index_type=False
    )


def test_the_newest_to_register_is_the_challenger_whatever_its_verdict(run: small.Run) -> None:
    for verdict in ("passed", "failed", "inconclusive"):
        small.register(run, verdict=verdict)
    found = versions.list_versions(run.project)
    assert [(item.version, item.verdict, item.aliases) for item in found] == [
        (3, "inconclusive", ("challenger",)),
        (2, "failed", ()),
        (1, "passed", ()),
    ]
    moves = aliases.ledger(run.project, "challenger")
    assert [(entry.from_version, entry.to_version, entry.run_id) for entry in moves] == [
        (None, 1, run.run_id),
        (1, 2, run.run_id),
        (2, 3, run.run_id),
    ]
    told = moves[1].evidence
    assert (told["action"], told["verdict"], told["sha256"]) == ("register", "failed", found[1].sha256)


def test_a_draft_registers_nothing_and_says_so(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    draft = small.start(project, draft=True)
    made = versions.register(draft, small.train(draft), small.validation(), small.recorded())
    assert made is None
    assert capsys.readouterr().out.startswith("draft: 'boosting' was not registered")
    assert versions.list_versions(project) == []
    assert aliases.ledger(project) == []


def test_mlflow_shows_and_loads_what_was_registered(run: small.Run) -> None:
    made = small.register(run)
    mlflow.set_tracking_uri(run.project.tracking_uri)
    for uri in (made.uri, "models:/tiny-model@challenger"):
        loaded = mlflow.sklearn.load_model(uri)
        answers = positive_scores(loaded, small.rows()[small.FEATURES])
        assert np.array_equal(answers, positive_scores(small.estimator(), small.rows()[small.FEATURES]))
    assert len(mlflow.pyfunc.load_model(made.uri).predict(small.rows()[small.FEATURES])) == 600
    linked = (
        store.client(run.project).search_logged_models([_experiment(run)])[0].tags["mlflow.modelVersions"]
    )
    assert json.loads(linked) == [{"name": "tiny-model", "version": "1"}]
    # Loading through MLflow leaves a file in the model's folder; it is the same model still.
    loading.load(made, run.project)


def _experiment(run: small.Run) -> str:
    return str(store.client(run.project).get_run(run.run_id).info.experiment_id)


def test_registering_writes_nothing_beside_the_project(
    run: small.Run, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.chdir(elsewhere)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    mlflow.set_tracking_uri("")
    small.register(run)
    assert list(elsewhere.iterdir()) == []


def test_a_version_is_found_by_number_and_by_alias(run: small.Run) -> None:
    small.register(run)
    small.register(run)
    assert versions.get_version(run.project, 1).version == 1
    assert versions.get_version(run.project, "v1").version == 1
    assert versions.get_version(run.project, "challenger").version == 2


def test_an_unknown_version_is_told_with_those_that_exist(run: small.Run) -> None:
    small.register(run)
    with pytest.raises(UnknownName, match="no model version '7' in tiny-model; there is: 1, challenger"):
        versions.get_version(run.project, 7)
    with pytest.raises(
        UnknownName, match="no model version 'chalenger' in tiny-model; did you mean 'challenger'"
    ):
        versions.get_version(run.project, "chalenger")


def test_before_the_first_version_there_is_none(project: Project) -> None:
    assert versions.list_versions(project) == []
    with pytest.raises(UnknownName, match="no model version 'champion' in tiny-model; there is none"):
        versions.get_version(project, "champion")


@pytest.mark.practice("P12")
def test_whether_a_champion_saw_the_holdout_is_told_by_its_cut_off(run: small.Run) -> None:
    made = small.register(run)
    after = pd.Series([pd.Timestamp(small.CUT_OFF), pd.Timestamp(small.CUT_OFF) + timedelta(days=3)])
    assert versions.champion_saw(made, after) == ""
    assert versions.champion_saw(made, after - timedelta(hours=1)) == (
        "the champion v1 was trained on data up to 2026-07-01, which includes these rows"
    )
    assert versions.champion_saw(None, after) == ""
    assert versions.champion_saw(made, after.head(0)) == ""
