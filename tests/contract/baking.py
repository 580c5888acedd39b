"""What the processes of a race do with a baking champion; imported by name where they start."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.baked import log_of
from workbench.monitoring.baking import evaluating
from workbench.project import open_project
from workbench.store.clock import SimulatedClock

__all__ = ["NOON", "look_at_once"]

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)


def look_at_once(root: str, gate: Any, results: Any, racer: int) -> None:
    """Look again and again, each as if it held the lease, until the champion does not bake any more."""
    evaluating._LEASE_SECONDS = 1e-6
    project = open_project(Path(root))
    now, looks = NOON + timedelta(minutes=2), 0
    gate.wait()
    while True:
        looks += 1
        now += timedelta(seconds=1)
        found = evaluating.bake(project, *log_of(project), clock=SimulatedClock(now))
        if found is not None and found.status != "baking":
            break
    results.put((racer, (found.status, looks)))
