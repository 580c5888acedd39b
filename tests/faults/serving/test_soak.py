"""A server at half of its top rate for a while: nothing of it grows but its log."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.faults.serving.served import Clients, acknowledged, ids_in, make_project, source
from tests.repeats import FULL
from tests.unit.serving.tiny import until
from workbench.serving import Server, start

pytestmark = pytest.mark.server
_SECONDS = 600.0 if FULL else 8.0
_MEGABYTE = 2**20


@dataclass(frozen=True)
class Held:
    """What a process holds."""

    megabytes: float
    threads: int
    files: int

    @classmethod
    def by(cls, server: Server) -> Held:
        process = psutil.Process(server.pid)
        return cls(process.memory_info().rss / _MEGABYTE, process.num_threads(), process.num_fds())


def _answered(clients: Clients, seconds: float) -> int:
    """How many requests are answered in that time."""
    before, end = len(clients.given), time.monotonic() + seconds
    until(lambda: time.monotonic() >= end, seconds=seconds + 60)
    return len(clients.given) - before


@pytest.mark.timeout(1500)
def test_at_half_of_the_top_rate_nothing_grows(tmp_path: Path) -> None:
    """The top rate is that of these clients, half of which open a connection for each request."""
    project = make_project(tmp_path / "project")
    with start(project, champion=1, shadows=(2, 3), models=source("mixed"), seconds=120) as server:
        with Clients(server, count=8) as fast:
            until(lambda: len(fast.given) >= 200, seconds=60)
            top = _answered(fast, 2.0) / 2.0
        with Clients(server, count=8, a_second=top / 2) as clients:
            _answered(clients, _SECONDS / 5)
            before = Held.by(server)
            answered = _answered(clients, _SECONDS * 4 / 5)
            after = Held.by(server)
        assert answered > _SECONDS * 4 / 5 * top / 8
        for each in (fast, clients):
            assert each.broken == each.refused == []
        assert after.megabytes < before.megabytes + 16, (before, after)
        assert after.threads <= before.threads + 1, (before, after)
        # Each of the clients may have a connection more open than then.
        assert after.files <= before.files + clients.count, (before, after)
        health = server.health()
        assert (health.counts.failed, health.counts.shadow_dropped_rows) == (0, 0)
        assert not list(Path(server.log.folder).glob("*.part"))
    assert sorted(ids_in(server.log)) == sorted(acknowledged(fast) + acknowledged(clients))
    if FULL:
        print(f"{top:.0f} requests/s at most, {answered} then; {before} -> {after}")
