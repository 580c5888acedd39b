"""How the served model stands: what ``workbench status`` says of it, and the runbook."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import func, insert, select

from tests.unit.monitoring import watched
from tests.unit.site import handed
from workbench.cli.status import status
from workbench.monitoring.findings import record
from workbench.project import Project
from workbench.serving.settings import LIVE_LOG
from workbench.site import standing as module
from workbench.site.standing import standing
from workbench.store import tables
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
    assert said["schedules"] == "hourly, finished 2014-01-03 15:00 UTC; nightly, failed 2014-01-02 00:00 UTC"
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
        "hourly, finished 2014-01-03 15:00 UTC",
    ]


def test_a_person_who_asks_does_not_wait_for_libraries() -> None:
    modules = (
        "workbench.site.standing, workbench.execution.schedule.records, workbench.execution.schedule.times"
    )
    heavy = ("mlflow", "pandas", "scipy", "pyarrow", "workbench.monitoring", "workbench.serving")
    program = f"import sys, {modules}; print(*(name for name in sys.argv[1:] if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", program, *heavy], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def _decide(project: Project, decision: str) -> None:
    row = {
        "model": project.model.name,
        **{"trigger": "schedule", "reason": "it is time", "status": "decided", "decision": decision},
        **{"started_at": handed.NOW, "updated_at": handed.NOW, "decided_at": handed.NOW, "evidence": {}},
    }
    database = open_database(project)
    with database.write() as connection:
        made = connection.scalar(select(func.count()).select_from(tables.retrainings)) or 0
        connection.execute(insert(tables.retrainings), {**row, "key": f"{made + 1}"})
    database.close()


def _crown(project: Project, version: int) -> None:
    about = {"model": project.model.name, "alias": "champion", "to_version": version}
    told = {"at": handed.NOW, "actor": "ada", "reason": "better", "evidence": {}}
    database = open_database(project)
    with database.write() as connection:
        moves = connection.scalar(select(func.count()).select_from(tables.ledger)) or 0
        connection.execute(insert(tables.ledger), {**about, **told, "position": moves + 1})
    database.close()


def test_several_refusals_in_a_row_are_a_plateau(project: Project) -> None:
    for decisions, expected in (("refused refused", 0), ("promoted", 0), ("refused refused refused", 3)):
        for decision in decisions.split():
            _decide(project, decision)
        told = dict(standing(project, handed.NOW).lines()).get("plateau", "")
        assert told.startswith(f"{expected} retrainings in a row were refused") is bool(expected)


def test_of_several_champions_of_a_window_the_present_one_is_told(project: Project) -> None:
    handed.watch(project)
    before = watched.year()[-1]
    assert before.champion is not None
    window = dataclasses.replace(
        before, versions=(before.champion, dataclasses.replace(before.champion, version=9))
    )
    database = open_database(project)
    with database.write() as connection:
        record.add(connection, LIVE_LOG, project.model.name, [window])
    for champion in (9, before.champion.version):
        _crown(project, champion)
        told = standing(project, handed.NOW).window
        assert told is not None
        assert told.version == champion
