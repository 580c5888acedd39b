"""What to do next, on the flights: a source is tried, and the policy says what it would do."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from tests.flights import FlightsRun
from workbench import registry
from workbench.monitoring.retraining import retrain, retrainings
from workbench.store.clock import SimulatedClock

pytestmark = [pytest.mark.server, pytest.mark.timeout(900)]


@pytest.mark.practice("M10")
def test_what_the_aircrafts_engines_would_add_is_measured_and_no_version_is_made(
    flights_run: FlightsRun,
) -> None:
    versions = [item.version for item in registry.list_versions(flights_run.project)]
    done = flights_run.command(
        "trial", "--source", "planes", "--features", "flights.trials:engines", "--json"
    )
    found = json.loads(done.stdout)
    assert found["columns"] == ["aircraft_manufacturer", "aircraft_engine"]
    assert found["gain"]["low"] < found["gain"]["value"] < found["gain"]["high"]
    assert abs(found["gain"]["value"]) < 0.02
    assert found["judged"] > 20_000
    assert [item.version for item in registry.list_versions(flights_run.project)] == versions


@pytest.mark.practice("L8", "P12")
def test_the_policy_says_beforehand_what_it_would_do_and_changes_nothing(flights_run: FlightsRun) -> None:
    clock = SimulatedClock(datetime(2013, 12, 1, 5, tzinfo=UTC))
    found = retrain(flights_run.project, "predictions/replay", clock=clock, dry_run=True)
    assert found.status == "nothing"
    champion = registry.champion(flights_run.project)
    assert champion is not None
    if champion.version == flights_run.manifest("monitor").notes["version"]:
        assert found.reason == flights_run.manifest("retrain").notes["decision"]["reason"]
    if "is called for" in found.reason:
        days = "as_of=2013-11-01, train_from=2012-12-06, known_until=2013-12-01"
        assert f"run prepare, train, validate with {days}" in found.would
    assert retrainings(flights_run.project) == []
