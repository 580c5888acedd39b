"""A server at half of its top rate for a while: nothing of it grows but its log."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.faults.serving.paced import Paced, begin
from tests.faults.serving.served import BODY, PATHS, ids_in, make_project, source
from tests.repeats import FULL
from tests.unit.serving.tiny import port_of, until
from workbench.serving import Server, start

pytestmark = pytest.mark.server
_SECONDS = 600.0 if FULL else 4.0
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


def _pass(seconds: float) -> None:
    end = time.monotonic() + seconds
    until(lambda: time.monotonic() >= end, seconds=seconds + 60)


@pytest.mark.timeout(1500)
@pytest.mark.parametrize("path", PATHS if FULL else ["compiled"])
def test_at_half_of_the_top_rate_nothing_grows(tmp_path: Path, path: str) -> None:
    """With a shadow on the same path; the log is compacted meanwhile, when there are enough rows."""
    project = make_project(tmp_path / "project")
    content = tmp_path / "body.json"
    content.write_bytes(BODY)

    def run(a_second: float, seconds: float) -> tuple[Paced, Held, Held]:
        with begin(port_of(server), a_second, seconds, content) as clients:
            _pass(seconds / 4)
            before = Held.by(server)
            _pass(seconds / 2)
            after = Held.by(server)
            said, _ = clients.communicate(timeout=seconds + 60)
        return Paced(**json.loads(said)), before, after

    with start(project, champion=1, shadows=(2,), models=source(path), seconds=120) as server:
        fast, _, _ = run(0, 2.0)
        top = fast.answered / 2.0
        steady, before, after = run(top / 2, _SECONDS)
        for seen in (fast, steady):
            assert (seen.refused, seen.broken) == (0, 0)
        assert steady.answered > _SECONDS * top / 4, (top, steady)
        assert after.megabytes < before.megabytes + 16, (before, after)
        assert after.threads <= before.threads + 1, (before, after)
        # While connections are replaced, both may be there.
        assert after.files <= before.files + 8, (before, after)
        assert server.health().counts.failed == 0
    kept = ids_in(server.log)
    assert len(kept) == len(set(kept)) == fast.answered + steady.answered
    if FULL:
        print(f"{path}: {top:.0f} requests/s at most; {steady.answered} in {_SECONDS:g} s: {before}, {after}")
