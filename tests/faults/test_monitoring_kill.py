"""A monitor is killed at any moment, or finds no room: nothing is lost, half there, or told twice."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy

from tests.contract.monitoring import RULES, STORY, seen
from tests.disks import small_disk
from tests.killing import Start, killed
from tests.processes import FORKED
from tests.repeats import FULL, moments, repeats
from tests.unit.monitoring.alerting import LOG, Monitor, day, make
from tests.unit.monitoring.receiving import webhook
from tests.unit.monitoring.story import OLDER, Live, month, open_shop
from workbench.monitoring.alerts import deliver, evaluate, read
from workbench.project import Project, open_project
from workbench.store import tables
from workbench.store.clock import SimulatedClock
from workbench.store.database import open_database

KILLS, KILLS_OF_ALL = repeats(100, 5), repeats(100, 4)
SHORT, WHOLE = 0.2, 0.8  # seconds: about an evaluation and its messages, and all that the monitor does
MONTHS = range(8, 14)
_DRIFT = """
[[monitoring.alerts]]
name = "drift"
signal = "drift.share"
to = ["backlog", "webhook:x"]

[[monitoring.alerts]]
name = "dropped"
signal = "performance.drop"
"""
_HOOK = '\n[monitoring.webhooks.x]\nurl = "{url}"\n'


def alerting(root: str, upto: int, number: int) -> Callable[[], object]:
    """Evaluates what is seen by now, and delivers what is due."""
    project = open_project(Path(root))
    database = open_database(project)

    def monitor() -> None:
        with database.write() as connection:
            evaluate(connection, RULES, seen(upto), project="late", log=LOG, now=day(upto))
        deliver(database, project.name, project.config.monitoring, SimulatedClock(day(number)))

    return monitor


def watching(root: str, upto: int, number: int) -> Callable[[], object]:
    """The whole monitor, at the end of a month."""
    live = Live(open_project(Path(root)))
    return lambda: live.watch(month(upto + 1))


@pytest.mark.timeout(3600 if FULL else 300)
@pytest.mark.practice("L7")
def test_a_kill_at_any_moment_loses_no_alert_and_repeats_none(tmp_path: Path) -> None:
    with webhook() as posted:
        project = make(tmp_path / "project", more=_HOOK.format(url=posted.url))
        died, started = _kill_often(alerting, project, range(1, len(STORY) + 1), KILLS, SHORT)
        monitor = Monitor.of(project, *RULES)
        monitor.sees(seen(len(STORY)))
        last = deliver(
            monitor.database, project.name, project.config.monitoring, SimulatedClock(day(started + 100))
        )
    assert last.failed == ()
    alone = Monitor.of(make(tmp_path / "alone"), *RULES)
    for upto in range(1, len(STORY) + 1):
        alone.sees(seen(upto))
    assert monitor.spans == alone.spans
    assert sorted(monitor.told) == sorted(alone.told)
    assert [item.title for item in monitor.items] == [item.title for item in alone.items]
    heard = Counter(posted.keys)
    print(
        f"{died} of {started} killed; {len(heard)} messages, of which {heard.total() - len(heard)} came again"
    )
    assert len(heard) == len(monitor.told)
    # Only who is killed between sending and noting it is repeated, and tells by its key that it is.
    assert heard.total() - len(heard) <= died


@pytest.mark.timeout(3600 if FULL else 600)
@pytest.mark.practice("L7", "T2")
def test_a_monitor_that_is_killed_at_any_moment_finds_and_tells_what_any_other_does(tmp_path: Path) -> None:
    with webhook() as posted:
        project = open_shop(tmp_path / "shop", more=_DRIFT + _HOOK.format(url=posted.url))
        live = Live(project)
        died, started = _kill_often(
            watching, project, MONTHS, KILLS_OF_ALL, WHOLE, grow=lambda number: _answer(live, number)
        )
        last = live.watch(month(MONTHS[-1] + 1))
        assert (last.recorded, last.raised, last.undelivered) == (0, (), ())
    print(f"{died} of {started} killed")
    alone = "predictions/alone"
    for number in MONTHS:
        live.watch(month(number + 1), record_as=alone, replayed=True)
    revisions, documents = _recorded(project, live.name)
    assert (revisions, documents) == _recorded(project, alone)
    assert len(documents) == len(MONTHS)
    alerts, expected = (_alerts(project, log) for log in (live.name, alone))
    assert alerts == expected
    assert ("drift", "2026-09", "2026-09", "recovered") in alerts
    assert ("dropped", "2026-11", "2027-01", "") in alerts
    titles = [item.title for item in live.items()]
    assert sorted(titles) == sorted(item.title for item in live.items(alone))
    assert len(titles) == len(set(titles)) == len(alerts)
    heard = Counter(posted.keys)
    assert heard.total() - len(heard) <= died  # these tell by their key that they came again


@pytest.mark.timeout(120)
def test_without_room_one_line_says_so_and_nothing_is_half_recorded(tmp_path: Path) -> None:
    with small_disk(tmp_path, "16m") as disk:
        live = Live(open_shop(disk / "shop"))
        live.answers(datetime(2013, 8, 1, tzinfo=UTC), older=OLDER)
        live.answers(datetime(2013, 9, 1, tzinfo=UTC))
        ballast = disk / "ballast"
        for kilobytes in (8, 40):
            free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_bsize
            ballast.write_bytes(bytes(free - kilobytes * 1024))
            done = _command(live.project)
            assert done.returncode == 1
            assert re.fullmatch(r"workbench: no space left on the disk of .*: make room .*\n", done.stderr)
            assert done.stdout == ""
            ballast.unlink()
            assert _recorded(live.project, live.name) == ([], [])
            assert live.items() == []
        found = json.loads(_command(live.project).stdout)
        # Two months, and the one after, in which nobody asked any more.
        assert (found["recorded"], len(found["raised"])) == (3, 2)
        assert live.watch(datetime.now(UTC)).recorded == 0
        assert len(live.items()) == 2


def _command(project: Project) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "workbench", "monitor", "--json"]
    return subprocess.run(command, cwd=project.root, capture_output=True, text=True, check=False)


def _answer(live: Live, number: int) -> None:
    """Another month: orders are older in every second one, and from November on chance decides."""
    ids = live.answers(month(number), count=300, older=OLDER * (number % 2), chance=0.8 * (number >= 11))
    live.tell(ids)


def _recorded(project: Project, log: str) -> tuple[list[tuple[str, int]], list[object]]:
    """Every revision, and the newest document of each window, but for how much had been said by then."""
    table, database = tables.findings, open_database(project)
    with database.read() as connection:
        rows = connection.execute(
            sqlalchemy.select(table).where(table.c.log == log).order_by(table.c.id)
        ).all()
    newest = {row.window: json.loads(row.document) | {"told": None} for row in rows}
    return [(row.window, row.revision) for row in rows], list(newest.values())


def _alerts(project: Project, log: str) -> list[tuple[str, str, str, str]]:
    database = open_database(project)
    with database.read() as connection:
        found = read(connection, log)
    return sorted((each.rule, each.first_window, each.last_window, each.cleared) for each in found)


def _kill_often(
    start: Start,
    project: Project,
    stages: Sequence[int],
    kills: int,
    longest: float,
    grow: Callable[[int], object] = lambda _: None,
) -> tuple[int, int]:
    """As windows come in, monitors are killed, and one lives: how many were killed, and started."""
    here, there = FORKED.Pipe()
    process = FORKED.Process(target=killed, args=(there, start, str(project.root)))
    process.start()
    there.close()
    started = died = 0

    def live(upto: int, seconds: float) -> bool:
        nonlocal started, died
        started += 1
        here.send((upto, started, seconds))
        assert here.poll(90), "the monitor does not end"
        status = here.recv()
        assert status in (0, -signal.SIGKILL)
        died += status != 0
        return bool(status == 0)

    chance = moments(0, 1.0)
    for stage, upto in enumerate(stages, 1):
        grow(upto)
        while died * len(stages) < stage * kills:
            longest *= 0.9 if live(upto, longest * next(chance)) else 1.1
        assert live(upto, 60.0)
    here.close()
    process.join(60)
    return died, started
