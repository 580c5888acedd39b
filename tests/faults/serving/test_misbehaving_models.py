"""Models that are slow, raise or hang: beside the champion nobody notices, in its place everybody is told."""

from __future__ import annotations

import os
import signal
import statistics
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.faults.serving.served import (
    PATHS,
    SLOW,
    SLOW_SECONDS,
    Clients,
    acknowledged,
    body,
    ids_in,
    make_project,
    post,
    source,
)
from tests.unit.serving.tiny import alive, until
from tests.unit.serving.tiny_helpers import HANGS, RAISES
from workbench.serving import Server, start
from workbench.serving.settings import Limits

pytestmark = pytest.mark.server
_MEGABYTE = 2**20


def _timed(server: Server, content: bytes) -> tuple[float, int, Any]:
    begun = time.perf_counter()
    status, said = post(server, content)
    return time.perf_counter() - begun, status, said


def _seconds(server: Server, requests: int = 20) -> float:
    """What a request takes: the median."""
    return statistics.median(_timed(server, body())[0] for _ in range(requests))


@pytest.mark.practice("P5")
@pytest.mark.parametrize("path", PATHS)
def test_shadows_that_are_slow_raise_or_hang_delay_no_answer(tmp_path: Path, path: str) -> None:
    project = make_project(tmp_path / "project")
    limits = Limits(shadow_rows=50, drain_seconds=0.5)
    shadows = (RAISES, SLOW, HANGS) if path == "plain" else (RAISES, SLOW)
    with start(
        project, champion=1, shadows=shadows, models=source(path), limits=limits, seconds=120
    ) as server:
        with Clients(server, a_second=200) as clients:
            until(lambda: len(clients.given) >= 120, seconds=60)
            assert _seconds(server) < SLOW_SECONDS / 2
        assert clients.broken == clients.refused == []
        counts = server.health().counts
        # More than fifty rows never wait: what comes in the meantime is dropped, and counted.
        assert counts.shadow_dropped_rows > 0
        assert counts.shadow_failed_rows > 0
        assert counts.shadow_rows > 0
        assert counts.rows - counts.shadow_dropped_rows <= limits.shadow_rows + 10 * counts.shadow_rows
        assert server.health().state == "ready"
        pid = server.pid
    assert not alive(pid)
    answered = Counter(ids_in(server.log))
    assert answered.keys() >= set(acknowledged(clients))
    shadowed = Counter(ids_in(server.log, "shadow"))
    assert max(answered.values()) == max(shadowed.values()) == 1
    assert shadowed.keys() <= answered.keys()


def test_while_the_champion_hangs_everybody_is_told_in_time_and_nothing_piles_up(tmp_path: Path) -> None:
    """Version 1 is on the compiled path, the champion on the plain one, with version 2 behind it."""
    project = make_project(tmp_path / "project")
    limits = Limits(waiting=8, answer_seconds=0.5, grace_seconds=1, drain_seconds=1.0)
    with start(
        project, champion=HANGS, shadows=(1, 2), models=source("mixed"), limits=limits, seconds=120
    ) as server:
        assert post(server, body(version=2))[0] == 200
        seconds, status, said = _timed(server, body())
        assert status == 503
        assert "no answer within 0.5 s" in said["message"]
        assert seconds < 10 * limits.answer_seconds
        # Who asks for a version on the compiled path does not stand in that queue.
        assert post(server, body(version=1))[0] == 200
        assert post(server, body(version=2))[0] == 503
        before = psutil.Process(server.pid).memory_info().rss
        large = body(5_000)
        with ThreadPoolExecutor(8) as pool:
            told = list(pool.map(lambda _: _timed(server, large), range(64)))
        assert {status for _, status, _ in told} <= {429, 503}
        assert all("\n" not in said["message"] for _, _, said in told)
        assert max(seconds for seconds, _, _ in told) < 20 * limits.answer_seconds
        # Kept, 64 such requests are 42 MB.
        grown = psutil.Process(server.pid).memory_info().rss - before
        assert grown < 20 * _MEGABYTE, f"{grown / _MEGABYTE:.0f} MB more"
        assert post(server, body(version=1))[0] == 200
        os.kill(server.pid, signal.SIGTERM)
        until(lambda: not alive(server.pid), seconds=30)
