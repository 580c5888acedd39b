"""A model server that is asked to stop under load answers what has come in, and keeps it."""

from __future__ import annotations

import os
import signal
import threading
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
from tests.unit.serving.tiny import alive, until
from workbench.serving import PredictionLog, Server
from workbench.serving.child import launch
from workbench.serving.settings import Limits, Settings

pytestmark = pytest.mark.server


@pytest.mark.timeout(600)
@pytest.mark.practice("P6")
@pytest.mark.parametrize("path", PATHS)
def test_at_200_requests_a_second_none_is_dropped(tmp_path: Path, path: str) -> None:
    """On connections that are kept, and on new ones, some of which are opened after the signal."""
    project = make_project(tmp_path / "project", champion=1)
    log = PredictionLog(tmp_path / "log")
    # On a busy machine a client may be late with its next request.
    limits = Limits(linger_seconds=2.0)
    settings = Settings(str(project.root), str(log.folder), models=source(path), champion=1, limits=limits)
    given: list[str] = []
    pauses = moments(3, 0.3)
    for _ in range(repeats(20, 2)):
        child, ready = launch(settings, 120.0)
        server = Server(ready.url, ready.pid, log.folder, ready.log_name, child)
        try:
            clients = Clients(server, count=8, a_second=200)
            until(lambda clients=clients: len(clients.given) >= 50, seconds=60)
            threading.Event().wait(next(pauses))
            os.kill(ready.pid, signal.SIGTERM)
            clients.wait()
            until(lambda pid=ready.pid: not alive(pid), seconds=60)
        finally:
            server.stop()
        assert child.process.returncode == 0
        assert clients.broken == []
        assert clients.refused == []
        given += acknowledged(clients)
        # Nothing was logged for a client that then got no answer.
        assert sorted(ids_in(log)) == sorted(given)
