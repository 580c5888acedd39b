"""A policy backtest is killed at any moment: called again it goes on, and comes to the same."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.killing import killed
from tests.repeats import FULL, moments
from tests.unit.monitoring.backtest import orders
from tests.unit.registry.warm import warm
from workbench.project import open_project

KILLS = 30
# Seconds that a backtest takes at most; as long as it takes here is learnt.
LONGEST = 8.0
POLICIES = ("never", "performance")
UNTIL = orders.UNTIL.replace(day=8)  # by then the second of them has retrained twice


def backtest(root: str) -> Callable[[], object]:
    """What ``workbench backtest`` does."""
    project = open_project(Path(root))
    return lambda: orders.backtested(project, POLICIES, until=UNTIL)


@pytest.mark.skipif(not FULL, reason="minutes: make faults")
@pytest.mark.timeout(1800)
def test_a_kill_at_any_moment_changes_nothing(tmp_path: Path) -> None:
    project = orders.make_shop(tmp_path / "shop", orders.orders())
    wanted = orders.backtested(project, POLICIES, until=UNTIL, name="whole")
    assert wanted.policy("performance").trainings == 2
    died, longest, chance = 0, LONGEST, moments(0, 1.0)
    with warm(killed, backtest, str(project.root)) as killer:
        while died < KILLS:
            killer.send((longest * next(chance),))
            assert killer.poll(300)
            code = killer.recv()
            assert code in (0, -signal.SIGKILL)
            died += code != 0
            longest *= 1.1 if code else 0.9
            if code == 0:  # it is whole, and would be taken as it is
                for key in project.state.glob("backtests/latest/worlds/*/outcome.key"):
                    key.unlink()
    found = orders.backtested(project, POLICIES, until=UNTIL)
    assert [each.decisions() for each in found.policies] == [each.decisions() for each in wanted.policies]
    assert not _left_over(project.root)


def _left_over(root: Path) -> list[str]:
    """Processes of worlds that outlived the one who asked for them."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if any(str(root).encode() in word for word in command) and path.parent.name != str(os.getpid()):
            found.append(b" ".join(command).decode(errors="replace"))
    return found
