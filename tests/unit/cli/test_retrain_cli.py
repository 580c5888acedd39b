"""``workbench retrain`` and ``trial``, as a person and a script see them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.unit.monitoring.retrained import PHASES, found, make, monitored, with_champion
from workbench.cli.retrain import retrain
from workbench.cli.trial import trial
from workbench.execution import pipeline
from workbench.monitoring.retraining import retrainings


@pytest.mark.practice("L8")
def test_what_would_be_done_is_said_and_nothing_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = with_champion(make(tmp_path / "late", 'shadow_for = "3d"'))
    monkeypatch.chdir(project.root)
    quiet = CliRunner().invoke(retrain, [], catch_exceptions=False)
    assert quiet.exit_code == 0
    assert "nothing can be said about performance yet" in quiet.stdout
    assert "next: workbench monitor" in quiet.stdout
    monitored(project, [found(5, year=2025, verdict="dropped")])
    done = CliRunner().invoke(retrain, ["--dry-run"], catch_exceptions=False)
    assert done.exit_code == 0
    assert "Retraining is called for: the champion's performance" in done.stdout
    assert "it would run prepare, challenge with as_of=" in done.stdout
    assert (
        "then if its gates pass, let it answer in the champion's shadow, and then promote it" in done.stdout
    )
    told = json.loads(CliRunner().invoke(retrain, ["--dry-run", "--json"]).stdout)
    assert (told["status"], told["retraining"]) == ("nothing", None)
    assert retrainings(project) == []


@pytest.mark.practice("M10")
def test_a_trial_says_what_was_found_and_what_is_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make(tmp_path / "late")
    pipeline.run(project, PHASES)
    monkeypatch.chdir(project.root)
    options = ["--source", "altitudes", "--features", "helpers:hint"]
    done = CliRunner().invoke(trial, options, catch_exceptions=False)
    assert done.exit_code == 0
    assert done.stdout.startswith("altitudes adds something: roc_auc 0.")
    assert "next: add its columns to the features" in done.stdout
    told = json.loads(CliRunner().invoke(trial, [*options, "--json"]).stdout)
    assert told["verdict"] == "adds"
