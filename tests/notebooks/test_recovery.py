"""Runs on a year of flights that are killed, again and again, and what the next one makes of it."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from tests.flights import WORKBENCH, FlightsRun
from tests.repeats import moments, repeats
from workbench.tracking import reports, runs

KILLS = repeats(10, 2)
_LONGEST_SECONDS = 11.0


def _kill_at(flights_run: FlightsRun, seconds: float) -> None:
    """Start the two phases with the most work, and kill that after so many seconds."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("WORKBENCH")}
    process = subprocess.Popen(
        [*WORKBENCH, "run", "prepare", "train", "--force"],
        cwd=flights_run.project.root,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with process:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()


@pytest.mark.practice("M9")
@pytest.mark.timeout(600)
def test_after_kills_the_same_command_ends_with_the_same_results(flights_run: FlightsRun) -> None:
    project = flights_run.project
    for _, seconds in zip(range(KILLS), moments(13, _LONGEST_SECONDS, 1.0), strict=False):
        _kill_at(flights_run, seconds)
    again = json.loads(flights_run.command("run", "prepare", "train", "--force", "--json").stdout)
    assert again["status"] == "finished"
    for phase, result in zip(("prepare", "train"), again["phases"], strict=True):
        before, after = flights_run.manifest(phase), reports.find(project, phase, result["run_id"])
        assert after is not None
        assert after.notes == before.notes
        assert [item.content for item in after.writes] == [item.content for item in before.writes]
    statuses = [run.status for run in runs.list_runs(project, limit=1000)]
    assert "running" not in statuses
    assert statuses.count("killed") >= KILLS // 2, "some may come before a run is opened"
    for folder, manifest in reports.all_manifests(project):
        assert manifest is not None, folder
        assert "</html>" in (folder / reports.HTML).read_text()
    assert not list(project.reports.glob("*/.*")), "half a report"
    assert not list(project.state.glob("work/*/")), "scratch of a run that is over"
