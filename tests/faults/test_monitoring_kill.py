"""A monitor is killed at any moment: no alert is lost, and none is raised twice."""

from __future__ import annotations

import os
import select
import signal
import traceback
from collections import Counter
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NoReturn

import pytest

from tests.contract.monitoring import RULES, STORY, seen
from tests.processes import FORKED
from tests.repeats import moments, repeats
from tests.unit.monitoring.alerting import LOG, Monitor, day, make
from tests.unit.monitoring.receiving import webhook
from workbench.monitoring.alerts import deliver, evaluate
from workbench.project import Project, open_project
from workbench.store.clock import SimulatedClock
from workbench.store.database import open_database

KILLS = repeats(100, 24)
SHORT = 0.2  # seconds: about an evaluation and its messages
_HOOK = '\n[monitoring.webhooks.x]\nurl = "{url}"\n'


def killed(connection: Connection, root: str) -> None:
    """For each (windows, day, seconds) that is received: a monitor starts, and is killed after so long."""
    with suppress(EOFError):
        while True:
            upto, started, seconds = connection.recv()
            ready, begun = os.pipe()
            pid = os.fork()
            if pid == 0:
                _monitor(root, upto, started, begun)
            os.close(begun)
            assert os.read(ready, 1) == b"!"
            ended = select.select([ready], [], [], seconds)[0]  # only its end makes it readable
            if not ended:
                os.kill(pid, signal.SIGKILL)
            _, status = os.waitpid(pid, 0)
            os.close(ready)
            connection.send(os.waitstatus_to_exitcode(status))


def _monitor(root: str, upto: int, started: int, begun: int) -> NoReturn:
    """Evaluate what is seen by now and deliver what is due; says so before."""
    status = 1
    try:
        project = open_project(Path(root))
        database = open_database(project)
        os.write(begun, b"!")
        with database.write() as connection:
            evaluate(connection, RULES, seen(upto), project="late", log=LOG, now=day(upto))
        deliver(database, project.config.monitoring, SimulatedClock(day(started)))
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


@pytest.mark.timeout(300)
@pytest.mark.practice("L7")
def test_a_kill_at_any_moment_loses_no_alert_and_repeats_none(tmp_path: Path) -> None:
    with webhook() as posted:
        project = make(tmp_path / "project", more=_HOOK.format(url=posted.url))
        died, started = _kill_often(project)
        monitor = Monitor.of(project, *RULES)
        monitor.sees(seen(len(STORY)))
        last = deliver(monitor.database, project.config.monitoring, SimulatedClock(day(started + 100)))
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


def _kill_often(project: Project) -> tuple[int, int]:
    """As windows come in, monitors are killed, and one lives: how many were killed, and started."""
    here, there = FORKED.Pipe()
    process = FORKED.Process(target=killed, args=(there, str(project.root)))
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

    chance, longest = moments(0, 1.0), SHORT
    for upto in range(1, len(STORY) + 1):
        while died * len(STORY) < upto * KILLS:
            longest *= 0.9 if live(upto, longest * next(chance)) else 1.1
        assert live(upto, 60.0)
    here.close()
    process.join(60)
    return died, started
