"""What a backtest decides on a day, production decides: a real server and scheduler, the clock is set."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from tests.repeats import FULL
from tests.scheduled import caught_up
from tests.unit.monitoring.backtest import orders
from workbench import registry, serving
from workbench.execution import pipeline
from workbench.monitoring import alerts
from workbench.monitoring.backtest import PolicyOutcome
from workbench.monitoring.backtest.beginning import First
from workbench.monitoring.backtest.history import plan_of
from workbench.monitoring.retraining import retrainings
from workbench.project import Project
from workbench.serving import Server
from workbench.store.clock import SETTING, SetClock
from workbench.store.database import open_database

SINCE, UNTIL = date(2026, 2, 16), date(2026, 3, 4)
_SCHEDULES = """
[[schedules]]
name = "monitor"
cron = "0 0 * * *"
command = "monitor"
code = "following"
[[schedules]]
name = "retrain"
cron = "5 0 * * *"
command = "retrain"
code = "following"
"""
_SECONDS = 300.0


@pytest.mark.skipif(not FULL, reason="minutes: make faults")
@pytest.mark.timeout(1800)
def test_production_takes_the_same_decisions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = orders.make_shop(tmp_path / "shop", orders.orders(), _SCHEDULES)
    wanted = orders.backtested(project, ["declared"], since=SINCE, until=UNTIL).policies[0]
    clock = SetClock(tmp_path / "clock")
    monkeypatch.setenv(SETTING, str(clock.path))
    clock.set(datetime(2026, 2, 16, tzinfo=UTC))
    first = First.of(project, plan_of(project, since=SINCE, until=UNTIL))
    assert pipeline.run(project, first.phases, first.parameters).status == "finished"
    registry.promote(project, 1, reason="the first", force=True, clock=clock)
    with serving.start(project) as server, _scheduler(project):
        _live(project, server, clock)
    assert wanted.trainings >= 2
    assert _decided_by(project) == _decided_in(wanted)


def _live(project: Project, server: Server, clock: SetClock) -> None:
    rows = orders.orders()
    rows["prediction_id"] = ""
    for day in pd.date_range(SINCE, UNTIL, inclusive="left", tz="UTC"):
        ends = day + pd.Timedelta(days=1)
        asked = rows[(rows["asked_at"] >= day) & (rows["asked_at"] < ends)]
        for index, row in asked.iterrows():
            clock.set(row["asked_at"].to_pydatetime())
            answer = server.predict(pd.DataFrame([row[["size", "age"]]]).astype(float))
            rows.loc[index, "prediction_id"] = answer["prediction_id"].iloc[0]
        known = rows["known_at"].between(day, ends, inclusive="right") & (rows["prediction_id"] != "")
        told = rows[known].rename(columns={"late": "value"}).astype({"value": float})
        server.truth(told[["prediction_id", "value", "known_at"]])
        for late in (0, 5):
            clock.set(ends.to_pydatetime() + timedelta(minutes=late))
            caught_up(project, clock.now(), since=_BEFORE)


@contextmanager
def _scheduler(project: Project) -> Iterator[None]:
    command = [sys.executable, "-m", "workbench", "schedule", "run"]
    with open(project.root.parent / "scheduler.log", "wb") as said:
        process = subprocess.Popen(command, cwd=project.root, env=os.environ, stdout=said, stderr=said)
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(_SECONDS)


_BEFORE = datetime(2026, 2, 16, 12, tzinfo=UTC)  # what was due before the first day was over is none of ours


@dataclass(frozen=True)
class _Decision:
    """Something that was decided on a day, in the words of whoever decided."""

    day: date
    what: str
    version: int | None
    says: str


def _decided_by(project: Project) -> list[_Decision]:
    found = []
    for item in retrainings(project):
        found.append(_Decision(item.started_at.date(), "retrained", None, item.reason))
        if item.decided_at is not None:
            found.append(_Decision(item.decided_at.date(), item.decision, item.version, item.explanation))
    database = open_database(project)
    with database.read() as connection:
        raised = alerts.read(connection, "predictions/live", model=project.model.name)
    database.close()
    for alert in raised:
        says = f"{alert.severity} {alert.rule}, {alert.first_window}"  # its figures go on with the windows
        found.append(_Decision(alert.raised_at.date(), "alert", alert.version, says))
    return sorted(found, key=str)


def _decided_in(outcome: PolicyOutcome) -> list[_Decision]:
    kinds = ("retrained", "promoted", "proposed", "refused", "failed", "alert")
    found = (event for event in outcome.events if event.kind in kinds)
    return sorted(
        (
            _Decision(
                event.at.date(),
                event.kind,
                event.version,
                event.says.partition(":")[0] if event.kind == "alert" else event.says,
            )
            for event in found
        ),
        key=str,
    )
