"""How the served model stands: what ``workbench status`` says of it, and the runbook."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.unit.monitoring import watched
from tests.unit.site import handed
from workbench.cli.status import status
from workbench.monitoring.findings import record
from workbench.project import Project
from workbench.serving.settings import LIVE_LOG
from workbench.site import standing as module
from workbench.site.standing import standing
from workbench.store.database import open_database


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    made = handed.project_with(tmp_path / "project", handed.RULES)
    monkeypatch.chdir(made.root)
    monkeypatch.setenv("COLUMNS", "200")
    return made


def _status(*arguments: str) -> str:
    done = CliRunner().invoke(status, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def test_of_a_model_that_nobody_watched_there_is_little_to_say(project: Project) -> None:
    assert dict(standing(project, handed.NOW).lines()) == {"backlog": "empty"}
    assert json.loads(_status("--json"))["standing"]["window"] is None


@pytest.mark.practice("P3", "T2")
def test_status_says_what_is_open_how_the_newest_window_was_and_what_goes_on(project: Project) -> None:
    handed.watch(project)
    handed.write_rows(project)
    told = dict(line.split(":", 1) for line in _status().splitlines() if ":" in line)
    said = {about: text.strip() for about, text in told.items()}
    counts = standing(project, handed.NOW).alerts
    assert list(counts) == ["critical", "warning"]
    assert said["alerts"] == f"{sum(counts.values())} open: {counts['critical']} critical, " + (
        f"{counts['warning']} warning"
    )
    assert said["newest window"].startswith("2013-12: v4 answered 10,100, ")
    assert (
        "performance inconclusive (the truth of 34% of the answers is known so far)" in said["newest window"]
    )
    assert said["backlog"] == f"{standing(project, handed.NOW).backlog} open"
    assert said["baking"] == "v2 until 2014-01-03 00:00 UTC"
    assert said["retraining"] == "shadowing v3 since 2014-01-02 00:00 UTC (data_drift)"
    assert said["schedules"] == "hourly, finished 2014-01-02 00:00 UTC; nightly, failed 2014-01-02 00:00 UTC"
    facts = json.loads(_status("--json"))["standing"]
    assert facts["alerts"] == counts
    assert facts["window"]["performance"] == "inconclusive"
    assert facts["baking"]["previous"] == 1


def test_its_figures_are_those_that_were_found(project: Project) -> None:
    handed.watch(project)
    found = watched.year()[-1].champion
    window = standing(project, handed.NOW).window
    assert found is not None
    assert window is not None
    assert (window.version, window.answers, window.failed) == (found.version, found.rows, found.failed)
    assert (window.drifted, window.judged) == (len(found.drift.drifted), len(found.drift.judged))


def test_the_live_log_comes_first_else_the_one_that_was_looked_at_last(project: Project) -> None:
    assert module.LIVE_LOG == LIVE_LOG
    model = project.model.name
    for log, expected in (("june", "june"), ("july", "july"), (LIVE_LOG, LIVE_LOG), ("august", LIVE_LOG)):
        database = open_database(project)
        with database.write() as connection:
            record.add(connection, log, model, watched.year(windows=3))
        database.close()
        assert standing(project, handed.NOW).log == expected


def test_a_schedule_is_shown_with_its_next_time_as_soon_as_it_is_declared(tmp_path: Path) -> None:
    project = handed.project_with(tmp_path / "project", handed.SCHEDULES)
    handed.write_rows(project)
    said = [str(each) for each in standing(project, handed.NOW).schedules]
    assert said == [
        "nightly, next 2014-01-02 02:00 UTC, failed 2014-01-02 00:00 UTC",
        "fresh",
        "hourly, finished 2014-01-02 00:00 UTC",
    ]


def test_a_person_who_asks_does_not_wait_for_libraries() -> None:
    modules = (
        "workbench.site.standing, workbench.execution.schedule.records, workbench.execution.schedule.times"
    )
    heavy = ("mlflow", "pandas", "scipy", "pyarrow", "workbench.monitoring", "workbench.serving")
    program = f"import sys, {modules}; print(*(name for name in sys.argv[1:] if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", program, *heavy], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
