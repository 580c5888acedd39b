"""The eight notebooks on a whole year of flights: what a user sees after ``workbench run``."""

from __future__ import annotations

import json
import re
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.flights import FlightsRun
from workbench import monitoring, registry
from workbench.data.tables import Tables
from workbench.monitoring.alerts import read
from workbench.monitoring.findings import record
from workbench.serving import PredictionLog, labelled
from workbench.store import backlog
from workbench.store.database import open_database
from workbench.tracking import runs, store

pytestmark = [pytest.mark.server, pytest.mark.timeout(900)]

PHASES = ["gather", "analyze", "prepare", "train", "validate", "serve", "monitor", "retrain"]


def _read(run: FlightsRun, phase: str, name: str):  # type: ignore[no-untyped-def]
    version = next(item for item in run.manifest(phase).writes if item.name == name)
    return Tables(run.project.data_uri).read(version)


@pytest.mark.practice("M1", "P1", "T1")
def test_one_command_runs_all_eight_phases_and_reports_each(flights_run: FlightsRun) -> None:
    assert flights_run.result["status"] == "finished"
    assert [phase["phase"] for phase in flights_run.result["phases"]] == PHASES
    for phase in PHASES:
        names = sorted(path.name for path in flights_run.report(phase).iterdir())
        assert names == ["log.jsonl", "manifest.json", "notebook.ipynb", "report.html"]
        assert flights_run.manifest(phase).notes["summary"]
    status = json.loads(flights_run.command("status", "--json").stdout)
    assert [phase["status"] for phase in status["phases"]] == ["finished"] * 8


@pytest.mark.practice("L1", "D2")
def test_gather_keeps_every_source_whole_as_a_checked_version(flights_run: FlightsRun) -> None:
    writes = {item.name: item for item in flights_run.manifest("gather").writes}
    assert sorted(writes) == ["airlines", "airports", "flights", "planes", "weather"]
    assert writes["flights"].rows == 336_776
    assert all(len(item.content) == 64 for item in writes.values())


@pytest.mark.practice("L2")
def test_analyze_names_what_is_known_too_late(flights_run: FlightsRun) -> None:
    text = (flights_run.report("analyze") / "report.html").read_text()
    for column in ("arr_delay", "dep_delay", "air_time"):
        assert column in text


@pytest.mark.practice("L3", "D3", "D4", "P12")
def test_prepare_splits_by_time_and_keeps_what_was_unknown_apart(flights_run: FlightsRun) -> None:
    prepared = _read(flights_run, "prepare", "prepared")
    parts = prepared.groupby("split")
    start = parts["asked_at"].min()["validate"]
    assert parts["asked_at"].max()["develop"] < start
    assert parts["asked_at"].max()["train"] < parts["asked_at"].min()["develop"]
    assert parts["landed_at"].max()["develop"] < start, (
        "labels that were not known yet may not be learnt from"
    )
    assert parts["asked_at"].max()["validate"] < parts["asked_at"].min()["later"]
    catalogue = _read(flights_run, "prepare", "feature_catalogue")
    assert {"definition", "owner", "unit"} <= set(catalogue.columns)


@pytest.mark.practice("L4", "M2", "O1")
def test_train_beats_an_interpretable_baseline_and_tracks_the_whole_family(flights_run: FlightsRun) -> None:
    run = next(run for run in runs.list_runs(flights_run.project, phase="train", limit=10) if not run.draft)
    for model in ("baseline", "gradient_boosting"):
        assert {f"{model}.{name}" for name in ("roc_auc", "log_loss", "brier", "recall")} <= set(run.metrics)
    assert run.metrics["gradient_boosting.roc_auc"] > run.metrics["baseline.roc_auc"] > 0.55


@pytest.mark.practice("L5", "O4", "P10", "M3")
def test_validate_judges_on_the_month_after_with_intervals_slices_and_fairness(
    flights_run: FlightsRun,
) -> None:
    version = registry.get_version(flights_run.project, flights_run.manifest("validate").notes["version"])
    found = registry.evidence(version, flights_run.project)
    gates = {gate["name"]: gate for gate in found["gates"]}
    assert {"primary metric", "beats baseline", "slices", "fairness", "latency", "size"} <= set(gates)
    primary = gates["primary metric"]
    assert primary["low"] < primary["value"] < primary["high"]
    # Nothing known too late went in: with a leak of the outcome it would be far above.
    assert 0.65 < primary["value"] < 0.85
    assert found["start"].startswith("2013-07-01") or found["start"].startswith("2013-06-30")
    assert version.verdict == found["verdict"] == flights_run.manifest("validate").notes["verdict"]


@pytest.mark.practice("L6", "P2")
def test_the_first_version_that_passed_became_champion_and_the_ledger_says_why(
    flights_run: FlightsRun,
) -> None:
    first = flights_run.manifest("validate").notes
    assert first["verdict"] == "passed"
    entries = [entry for entry in registry.ledger(flights_run.project) if entry.alias == "champion"]
    assert entries[0].to_version == first["version"]
    assert "first version" in entries[0].reason
    assert entries[0].run_id == flights_run.manifest("serve").run_id


@pytest.mark.practice("L7", "P6", "M8")
def test_monitor_logged_every_replayed_flight_with_version_inputs_and_features(
    flights_run: FlightsRun,
) -> None:
    folder = flights_run.project.state / "predictions"
    log = folder / f"replay-{flights_run.manifest('monitor').run_id[:8]}"
    answers = PredictionLog(log).read()
    prepared = _read(flights_run, "prepare", "prepared")
    later = prepared[(prepared["split"] == "later") & (prepared["asked_at"] < "2013-12-01T05:00Z")]
    assert len(answers) == len(later)
    assert answers["prediction_id"].is_unique
    assert answers["model_version"].nunique() == 1
    assert {"input.carrier", "feature.carrier_late_share_7d"} <= set(answers.columns)
    known = labelled(flights_run.project, f"predictions/{log.name}", answers)
    assert known["truth"].notna().mean() > 0.95
    findings = monitoring.from_frame(_read(flights_run, "monitor", "findings"))
    assert [finding.name for finding in findings] == ["2013-08", "2013-09", "2013-10", "2013-11"]
    found = [item for finding in findings for item in finding.versions]
    assert sum(item.rows for item in found) == len(answers)
    assert any(item.drift.drifted for item in found)
    assert [item.performance.verdict for item in found[:3] if item.performance] != ["inconclusive"] * 3
    assert {item.skew.verdict for item in found if item.skew} == {"equal"}


@pytest.mark.practice("L7", "T2", "P12")
def test_monitor_watched_on_the_first_of_each_month_and_kept_what_it_found(flights_run: FlightsRun) -> None:
    project, log = flights_run.project, "predictions/replay"
    database = open_database(project)
    with database.read() as connection:
        kept = record.newest(connection, log, project.model.name)
        alerts = read(connection, log)
        items = backlog.items(connection, project.name, closed=True)
    assert [window.name for window in kept] == ["2013-08", "2013-09", "2013-10", "2013-11"]
    firsts = {
        alert.raised_at.astimezone(ZoneInfo("America/New_York")).strftime("%d %H:%M") for alert in alerts
    }
    assert firsts <= {"01 00:00"}
    assert all(alert.first_start < alert.raised_at for alert in alerts)
    assert sum(f"log {log}" in item.links for item in items) == len(alerts)
    run = flights_run.manifest("monitor").run_id
    files = {Path(item.path).name for item in store.client(project).list_artifacts(run, "monitor")}
    assert files == {"index.html", "verdicts.csv", "findings.json", "evidently.html"}


@pytest.mark.practice("L8", "C3", "P5", "P9")
def test_retrain_says_in_one_paragraph_what_it_decided_and_why(flights_run: FlightsRun) -> None:
    notes = flights_run.manifest("retrain").notes
    assert re.search(r"\d", notes["explanation"])
    if notes["decision"]["retrain"]:
        nested = runs.list_runs(flights_run.project, phase="validate", limit=10)
        assert any(run.params.get("random_state") is None for run in nested)
        versions = registry.list_versions(flights_run.project)
        assert len(versions) >= 2
        assert "challenger" in notes["explanation"]


@pytest.mark.practice("M9")
def test_a_version_leads_back_to_its_notebook_code_and_data(flights_run: FlightsRun) -> None:
    version = registry.get_version(flights_run.project, flights_run.manifest("validate").notes["version"])
    manifest = flights_run.manifest("train")
    assert version.run_id == manifest.run_id
    assert version.datasets["prepared"] == next(
        item.version for item in manifest.reads if item.name == "prepared"
    )
    assert manifest.notebook == "notebooks/4_train.ipynb"
    assert len(manifest.notebook_hash) == 64
    assert len(manifest.environment_hash) == 64


@pytest.mark.practice("M9")
def test_a_second_run_runs_only_what_would_come_out_differently(flights_run: FlightsRun) -> None:
    """There is a champion now, which the first validation did not have; nothing else has changed."""
    before = flights_run.report("train")
    upstream = ("gather", "analyze", "prepare", "train", "validate")
    told = flights_run.command("run", "--explain", *upstream).stdout
    assert "up to date" in told
    assert "alias flights-late@champion: none then, v1 now" in told
    again = json.loads(flights_run.command("run", *upstream, "--json").stdout)
    assert [phase["status"] for phase in again["phases"]] == ["up_to_date"] * 4 + ["finished"]
    assert again["phases"][3]["report"] == str(before)
    third = json.loads(flights_run.command("run", *upstream, "--json").stdout)
    assert {phase["status"] for phase in third["phases"]} == {"up_to_date"}
    assert not third["run_id"]


def test_what_the_notebooks_read_is_known_so_that_each_can_be_up_to_date(flights_run: FlightsRun) -> None:
    for phase in flights_run.result["phases"]:
        manifest = flights_run.manifest(phase["phase"])
        assert not manifest.unaccounted, phase["phase"]
        assert manifest.inputs
        assert manifest.cpu_seconds > 0.5
