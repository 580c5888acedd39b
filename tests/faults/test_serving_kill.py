"""A model server that is killed in the middle of its work has kept what it acknowledged."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from tests.unit.serving.tiny import SOURCE, make_tiny, rows, until
from workbench.errors import ServingError
from workbench.serving import Server, start


def _ask_until_it_dies(server: Server, acknowledged: list[str]) -> None:
    try:
        while True:
            acknowledged += server.predict(rows(2))["prediction_id"].tolist()
    except ServingError:
        return


@pytest.mark.server
@pytest.mark.practice("P6")
def test_every_acknowledged_prediction_is_in_the_log_once_after_a_kill_under_load(tmp_path: Path) -> None:
    project = make_tiny(tmp_path / "project")
    with start(project, champion=1, shadows=(2,), models=SOURCE) as server:
        acknowledged: list[list[str]] = [[] for _ in range(4)]
        clients = [threading.Thread(target=_ask_until_it_dies, args=(server, ids)) for ids in acknowledged]
        for client in clients:
            client.start()
        until(lambda: all(len(ids) >= 40 for ids in acknowledged), seconds=60)
        os.kill(server.pid, signal.SIGKILL)
        for client in clients:
            client.join()
    kept = server.log.read(role="champion")["prediction_id"]
    assert kept.is_unique
    assert {id for ids in acknowledged for id in ids} <= set(kept)
    shadowed = server.log.read(role="shadow")["prediction_id"]
    assert set(shadowed) <= set(kept)


@pytest.mark.server
@pytest.mark.practice("P6")
def test_a_server_asked_to_stop_answers_what_is_under_way(tmp_path: Path) -> None:
    project = make_tiny(tmp_path / "project")
    with start(project, champion=1, models=SOURCE) as server:
        acknowledged: list[list[str]] = [[] for _ in range(4)]
        clients = [threading.Thread(target=_ask_until_it_dies, args=(server, ids)) for ids in acknowledged]
        for client in clients:
            client.start()
        until(lambda: all(len(ids) >= 20 for ids in acknowledged), seconds=60)
        os.kill(server.pid, signal.SIGTERM)
        for client in clients:
            client.join()
    kept = server.log.read()["prediction_id"]
    # Nothing was predicted and logged for a client that then got no answer.
    assert sorted(kept) == sorted(id for ids in acknowledged for id in ids)
