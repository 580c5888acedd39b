"""An alert while the live server does not put the champion in front, by what its processes say."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from tests.baked import log_of
from tests.unit.monitoring.baking.conftest import Make
from workbench.monitoring.alerts import Alert, evaluate, read, settle_unserved
from workbench.monitoring.alerts.rules import WindowSignals
from workbench.project import Project
from workbench.registry import promotion
from workbench.store import backlog
from workbench.store.clock import SimulatedClock
from workbench.store.database import open_database
from workbench.store.processes import began
from workbench.store.standing import Teller, standings

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
WHY = "tiny-model v2 answers 8 of 8 recorded cases differently now"


@pytest.fixture
def project(make: Make) -> Project:
    """Its second version is champion since noon, after the first."""
    made = make()
    promotion.promote(made, 1, reason="first", clock=SimulatedClock(NOON - 60 * MINUTE))
    promotion.promote(made, 2, reason="next", clock=SimulatedClock(NOON))
    return made


@contextmanager
def another_worker(project: Project, champion: int) -> Iterator[None]:
    """A process that answers with a champion, as its file says."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        name = f"standing-{process.pid}-{began(process.pid)}-{socket.gethostname()}.json"
        file = project.state / "serving" / name
        file.parent.mkdir(exist_ok=True)
        said = {"pid": process.pid, "wanted": 2, "champion": champion, "problem": "", "since": None}
        file.write_text(json.dumps(said))
        try:
            yield
        finally:
            process.kill()


def settle(project: Project, minutes: float) -> list[str]:
    found = settle_unserved(project, clock=SimulatedClock(NOON + minutes * MINUTE))
    return [alert.cleared or "open" for alert in found]


def alerts(project: Project) -> list[Alert]:
    with open_database(project).read() as connection:
        return read(connection, log_of(project)[1])


def item(project: Project) -> backlog.Item:
    with open_database(project).read() as connection:
        (found,) = [each for each in backlog.items(connection, "tiny") if "not-served" in each.title]
        return found


@pytest.mark.practice("P2", "P4")
def test_somebody_is_told_once_that_the_champion_is_refused_and_when_it_is_served(project: Project) -> None:
    server = Teller(project)
    server.tell(2, 1)  # it is loading it
    assert settle(project, 0.1) == []
    server.tell(2, 1, WHY, NOON + MINUTE)
    assert settle(project, 1) == ["open"]
    assert settle(project, 1.1) == []
    (alert,) = alerts(project)
    assert (alert.rule, alert.severity, alert.subject) == ("not-served", "critical", "tiny-model v2")
    assert alert.says == f"the server does not put v2 in front, v1 goes on answering: {WHY}"
    told = item(project)
    assert (told.priority, told.status, told.title.endswith(alert.says)) == ("high", "open", True)
    server.tell(2, 2)
    assert [settle(project, minutes) for minutes in (1.2, 5, 6)] == [[], ["recovered"], []]
    with open_database(project).read() as connection:
        assert backlog.history(connection, told)[-1].detail == "recovered as of 2026-08-01 12:01"
    # It is another matter when that happens again.
    server.tell(2, None, "its files are gone", NOON + 30 * MINUTE)
    assert settle(project, 31) == ["open"]
    assert "nobody answers: its files are gone" in alerts(project)[-1].says


def test_who_is_champion_no_more_need_not_be_served(project: Project) -> None:
    server = Teller(project)
    server.tell(2, 1, WHY, NOON)
    assert settle(project, 1) == ["open"]
    promotion.rollback(project, reason="it is refused", clock=SimulatedClock(NOON + 2 * MINUTE))
    assert settle(project, 2.1) == ["retired"]
    assert settle(project, 2.2) == []


def test_one_worker_of_several_that_refuses_is_enough(project: Project) -> None:
    server = Teller(project)
    server.tell(2, 1, WHY, NOON)
    with another_worker(project, 2):
        assert settle(project, 1) == ["open"]
        assert settle(project, 10) == ["open"], "it is confirmed"
        server.tell(2, 2)
        assert settle(project, 11) == []
        assert settle(project, 12) == ["recovered"]


def test_a_server_that_is_stopped_or_killed_says_nothing_any_more(project: Project) -> None:
    server = Teller(project)
    server.tell(2, 1, WHY, NOON)
    assert settle(project, 1) == ["open"]
    server.end()
    with another_worker(project, 2):
        pass
    # Another process may have the number of one that was killed; another machine's is not ours to judge.
    mine, other = os.getpid(), "standing-1-1-elsewhere.json"
    for name in (f"standing-{mine}-1-{socket.gethostname()}.json", other):
        (project.state / "serving" / name).write_text("{}")
    assert standings(project) == []
    assert [file.name for file in (project.state / "serving").iterdir()] == [other]
    assert settle(project, 60) == [], "that nobody answers does not put it in front"


def test_rules_over_windows_leave_it_alone(project: Project) -> None:
    Teller(project).tell(2, 1, WHY, NOON)
    settle(project, 1)
    window = WindowSignals("2026-08-01", NOON, NOON + 60 * MINUTE, "tiny-model", 1, [])
    with open_database(project).write() as connection:
        found = evaluate(
            connection,
            project.config.monitoring.alerts,
            [window],
            project="tiny",
            log=log_of(project)[1],
            now=NOON + 90 * MINUTE,
            serving={1},
        )
    assert [alert.rule for alert in found.open] == ["not-served"]
