"""A model server that is killed in the middle of its work has kept what it acknowledged."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from pathlib import Path

import pytest

from tests.faults.serving.served import (
    PATHS,
    Clients,
    acknowledged,
    ids_in,
    make_project,
    source,
)
from tests.repeats import moments, repeats
from tests.unit.serving.tiny import alive, until, workers_of
from workbench.serving import PredictionLog, start
from workbench.serving.log.compact import compact

pytestmark = pytest.mark.server


class Compactions:
    """One compaction of a log after the other, beside whatever happens to it."""

    def __init__(self, folder: Path) -> None:
        self.rows, self.runs = 0, 0
        self.problem: BaseException | None = None
        self._folder, self._over = folder, threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Compactions:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._over.wait(0.05):
                self.rows += compact(self._folder).rows
                self.runs += 1
        except BaseException as error:
            self.problem = error


@pytest.mark.timeout(900)
@pytest.mark.practice("P6")
def test_every_acknowledged_prediction_is_in_the_log_once_after_a_kill_under_load(tmp_path: Path) -> None:
    """By turns on either path; all the time somebody compacts the log that each of them writes."""
    project = make_project(tmp_path / "project")
    log = PredictionLog(project.state / "predictions" / "live")
    given: list[str] = []
    pauses = moments(1, 0.4)
    with Compactions(log.folder) as compactions:
        for number in range(repeats(100, 4)):
            server = start(project, champion=1, shadows=(2,), models=source(PATHS[number % 2]), seconds=120)
            clients = Clients(server)
            until(lambda clients=clients: len(clients.given) >= 5, seconds=60)
            threading.Event().wait(next(pauses))
            os.kill(server.pid, signal.SIGKILL)
            clients.wait()
            server.stop()
            given += acknowledged(clients)
            assert clients.refused == []
            kept = Counter(ids_in(log))
            assert max(kept.values()) == 1, "an answer is in the log twice"
            assert kept.keys() >= set(given), "an acknowledged answer is not in the log"
        assert compactions.problem is None
    compact(log)
    assert compactions.rows > 0
    assert Counter(ids_in(log)) == kept
    shadowed = Counter(ids_in(log, "shadow"))
    assert max(shadowed.values()) == 1
    assert shadowed.keys() <= kept.keys()


@pytest.mark.timeout(600)
@pytest.mark.practice("P6")
def test_one_of_two_workers_is_killed_the_other_goes_on_and_both_have_kept_theirs(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    pauses = moments(2, 0.4)
    with start(project, champion=1, models=source("compiled"), workers=2, seconds=120) as server:
        with Clients(server, goes_on=True) as clients:
            # Each waits longer before it is replaced, as whoever dies soon after its start does.
            for number in range(repeats(6, 2)):
                before = workers_of(server, 2)
                threading.Event().wait(next(pauses))
                killed = sorted(before)[number % 2]
                os.kill(killed, signal.SIGKILL)
                until(lambda killed=killed: not alive(killed), seconds=60)
                answered = len(clients.given)
                until(lambda answered=answered: len(clients.given) >= answered + 20, seconds=60)
                assert len(before & workers_of(server, 2)) == 1
        # At most what was under way on connections of the killed.
        assert len(clients.broken) <= clients.count * repeats(6, 2)
        assert clients.refused == []
    kept = Counter(ids_in(server.log))
    assert max(kept.values()) == 1
    assert kept.keys() >= set(acknowledged(clients))
    compact(server.log)
    assert Counter(ids_in(server.log)) == kept
