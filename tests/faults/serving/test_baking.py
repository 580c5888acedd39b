"""Four broken models are promoted by force while clients ask: each is rolled back, the good one answers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import psutil
import pytest

from tests.baked import BAD, FLIPPED, GOOD, RAISES, SHIFTED, SLOW, asked, make_baked
from tests.unit.serving.tiny import until
from workbench.errors import ServingError
from workbench.monitoring.baking import Baking, find
from workbench.project import Project
from workbench.registry import aliases, promotion
from workbench.serving import Server, attach

pytestmark = pytest.mark.server
# What is slow takes 400 ms.
_GUARDS = """
score_shift = 0.6
p99_ms = 300
windows = 1
performance_drop = 0.2
minimum_labels = 100
"""
_EXPECTED = {
    SHIFTED: "score_shift",
    FLIPPED: "performance_drop",
    SLOW: "p99_ms",
    RAISES: "failed_share",
}
_ROWS = 20


@contextmanager
def _served(project: Project) -> Iterator[tuple[Server, subprocess.Popen[bytes]]]:
    """``workbench serve`` as a user starts it."""
    command = [sys.executable, "-m", "workbench", "serve", "--port", "0"]
    environment = {**os.environ, "WORKBENCH_AGENT": "0"}
    with subprocess.Popen(command, cwd=project.root, stdout=subprocess.DEVNULL, env=environment) as process:
        try:
            until(lambda: (project.state / "server.json").exists() or process.poll() is not None, seconds=120)
            server = attach(project)
            assert server is not None
            with server:
                yield server, process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


class Clients:
    """Asks all the time; says what turned out to be true of what was answered."""

    def __init__(self, server: Server) -> None:
        self._server, self._over = server, threading.Event()
        self.versions: list[int] = []
        self.refused = 0
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> Clients:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(60)

    def _ask(self) -> None:
        turn = 0
        while not self._over.wait(0.05):
            turn += 1
            rows = asked(_ROWS, seed=turn)
            try:
                answered = self._server.predict(rows.drop(columns="late"))
            except ServingError:
                self.refused += 1
                continue
            told = pd.DataFrame(
                {
                    "prediction_id": answered["prediction_id"],
                    "value": rows["late"],
                    "known_at": pd.Timestamp.now(UTC),
                }
            )
            self._server.truth(told)
            self.versions.append(int(answered["model_version"].iloc[0]))


def _watcher(process: subprocess.Popen[bytes]) -> psutil.Process:
    """The process that looks after the baking period of this server."""
    children = psutil.Process(process.pid).children()
    return next(child for child in children if "workbench.cli.baking_watch" in child.cmdline())


@pytest.mark.timeout(400)
@pytest.mark.practice("C2", "P4")
def test_each_of_four_broken_models_is_rolled_back_under_traffic(tmp_path: Path) -> None:
    project = make_baked(tmp_path / "project", _GUARDS, bad=tuple(BAD))
    promotion.promote(project, GOOD, reason="good")
    promotion.retire(project, RAISES, reason="the challenger, as the last that was registered")
    with _served(project) as (server, process), Clients(server) as clients:
        until(lambda: len(clients.versions) >= 20, seconds=120)
        for version, name in BAD.items():
            promotion.promote(project, version, reason=name, force=True)
            begun = len(clients.versions)
            if version == SLOW:  # whoever looks is killed, and there is another one
                until(lambda: find(project).version == SLOW, seconds=60)  # type: ignore[union-attr]
                _watcher(process).kill()
            until(lambda: aliases.current(project, "champion") == GOOD, seconds=90)
            until(lambda: clients.versions[begun:][-1:] == [GOOD], seconds=30)  # noqa: B023
            good_again = datetime.now(UTC)
            until(lambda: _newest(project).status != "baking", seconds=30)
            found = _newest(project)
            assert (found.version, found.status) == (version, "rolled_back")
            assert found.evidence.violation is not None
            assert found.evidence.violation.guard == _EXPECTED[version], found.evidence.violation.says
            later = (good_again - found.evidence.violation.at).total_seconds()
            print(f"{name}: {found.evidence.violation.says}; answered by v{GOOD} {later:.1f} s later")
    moves = [entry.to_version for entry in aliases.ledger(project, "champion")]
    assert moves == [GOOD, SHIFTED, GOOD, FLIPPED, GOOD, SLOW, GOOD, RAISES, GOOD]


def _newest(project: Project) -> Baking:
    found = find(project)
    assert found is not None
    return found
