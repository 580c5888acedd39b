"""Whoever looks after a baking champion is killed at any moment: it is rolled back once, and told once."""

from __future__ import annotations

import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.baked import FLIPPED, GOOD, answer, log_of, make_baked
from tests.killing import end_leases, killed
from tests.repeats import FULL, moments, repeats
from tests.unit.registry.warm import warm
from workbench.monitoring.alerts import read
from workbench.monitoring.baking import bake, find
from workbench.project import Project, open_project
from workbench.registry import aliases, promotion
from workbench.store import backlog
from workbench.store.clock import SimulatedClock
from workbench.store.database import open_database

KILLS = repeats(120, 3)
NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)
SHORT = 0.5  # seconds: about a look that rolls back


def looking(root: str, now: datetime) -> Callable[[], object]:
    """Somebody looks after the champion, as of then."""
    project = open_project(Path(root))
    return lambda: bake(project, *log_of(project), clock=SimulatedClock(now))


@pytest.mark.timeout(3600 if FULL else 400)
@pytest.mark.practice("C2", "P4")
def test_a_kill_at_any_moment_neither_loses_nor_repeats_a_rollback(tmp_path: Path) -> None:
    project = make_baked(tmp_path / "project", bad=(FLIPPED,))
    promotion.promote(project, GOOD, reason="good", clock=SimulatedClock(NOON))
    rounds = died = 0
    chance, longest = moments(0, 1.0), SHORT
    with warm(killed, looking, str(project.root)) as killer:
        while died < KILLS:
            rounds += 1
            now = NOON + timedelta(hours=rounds)
            promotion.promote(project, 2, reason="bad", force=True, clock=SimulatedClock(now))
            answer(project, 2, now, rows=60, failed=40)
            now += timedelta(minutes=2)
            while _bakes(project, position=2 * rounds):
                killer.send((now, longest * next(chance)))
                assert killer.poll(90)
                status = killer.recv()
                assert status in (0, -signal.SIGKILL)
                died += status != 0
                longest *= 1.05 if status else 0.9  # whatever the machine's speed, about half of them live
                now += timedelta(seconds=10)
                end_leases(project)
    moves = [entry.to_version for entry in aliases.ledger(project, "champion")]
    assert moves == [GOOD, *[2, GOOD] * rounds]
    assert _told(project) == (rounds, rounds)
    aliases.repair(project)
    print(f"{died} kills in {rounds} baking periods")


def _bakes(project: Project, position: int) -> bool:
    """Whether the champion of that promotion bakes, or nobody has looked yet."""
    found = find(project)
    if found is None or found.position != position or found.status == "baking":
        return True
    assert found.status == "rolled_back"
    return False


def _told(project: Project) -> tuple[int, int]:
    """Items of the backlog, and alerts."""
    with open_database(project).read() as connection:
        items = backlog.items(connection, project.name)
        alerts = read(connection, log_of(project)[1])
        return sum(each.opened_by == "baking period" for each in items), len(alerts)
