"""A project whose model is served and watched, for the tests of what is handed to operations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import insert

from tests.unit.monitoring import watched
from tests.unit.registry import carded
from workbench.monitoring.alerts import WindowSignals, evaluate
from workbench.monitoring.baking.evidence import Evidence
from workbench.monitoring.findings import record
from workbench.monitoring.findings.documents import to_document
from workbench.project import Project, open_project
from workbench.registry import promotion
from workbench.site.standing import LIVE_LOG
from workbench.store import tables
from workbench.store.database import open_database

NOW = datetime(2014, 1, 2, tzinfo=UTC)
RULES = """
[[monitoring.alerts]]
name = "slower"
signal = "health.p99_ms"
above = 0
severity = "critical"
to = ["backlog", "webhook:team"]
owner = "duty@example.org"

[[monitoring.alerts]]
name = "inputs"
signal = "drift.feature.*"

[monitoring.webhooks.team]
url = "secret:TEAM_HOOK"

[serving]
workers = 3
keys = { shop = { role = "predict", key = "secret:SHOP_KEY" } }
"""
SCHEDULES = """
[[schedules]]
name = "nightly"
cron = "0 3 * * *"
timezone = "Europe/Berlin"
phases = ["train"]
code = "following"
on_failure = { retries = 2 }

[[schedules]]
name = "fresh"
fresh = { dataset = "prepared", within = "26 h" }
command = "monitor"
code = "following"
"""


def project_with(root: Path, more: str = "", **about: str) -> Project:
    """A project that declares a model, and nothing was ever run in it."""
    project = carded.carded_project(root, **about)
    file = root / "workbench.toml"
    file.write_text(file.read_text() + more)
    return open_project(project.root)


def served(root: Path, reason: str = "better", **about: str) -> Project:
    """v1 was champion, v2 is; a year was watched, and alerts of it are open."""
    project = project_with(root, RULES, **about)
    carded.register(project, model=carded.other_model(), until=carded.EARLIER)
    carded.register(project)
    promotion.promote(project, 1, reason="the first")
    promotion.promote(project, 2, reason=reason)
    watch(project)
    return project


def watch(project: Project, log: str = LIVE_LOG) -> None:
    """As the monitor leaves a year of findings: recorded, and alerts raised."""
    found, model = watched.year(), project.model.name
    signals = [
        WindowSignals(each.name, each.window.start, each.window.end, model, one.version, tuple(one.signals()))
        for each in found
        for one in each.versions
    ]
    database = open_database(project)
    with database.write() as connection:
        record.add(connection, log, model, found)
        rules = project.config.monitoring.alerts
        evaluate(connection, rules, signals, project=project.name, log=log, now=NOW)
    database.close()


def write_rows(project: Project) -> None:
    """A baking period that goes on, a retraining that shadows, a schedule that failed."""
    at = {"started_at": NOW, "until": NOW.replace(day=3)}
    baking = {"model": project.model.name, "version": 2, "previous": 1, "ledger_position": 2, **at}
    retraining = {"model": project.model.name, "trigger": "data_drift", "reason": "it drifted", "key": "k"}
    times = {
        "project": project.name,
        "claimed_by": "one",
        "claimed_at": NOW,
        "attempt": 1,
    }
    database = open_database(project)
    with database.write() as connection:
        connection.execute(
            insert(tables.baking), {**baking, "status": "baking", "evidence": to_document(Evidence())}
        )
        connection.execute(
            insert(tables.retrainings),
            {
                **retraining,
                "status": "shadowing",
                "version": 3,
                "started_at": NOW,
                "updated_at": NOW,
                "decision": "",
                "evidence": {},
            },
        )
        went = [("nightly", "failed", NOW)]
        went += [("hourly", "finished", NOW + timedelta(hours=hour)) for hour in range(40)]
        for schedule, status, at in went:
            told = {"schedule": schedule, "status": status, "report": "", "note": "no route to host"}
            connection.execute(insert(tables.scheduled_times), {**times, **told, "scheduled_at": at})
    database.close()
