"""What monitors do in a race; imported by name where they start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.unit.monitoring.alerting import LOG, day, rule, windows
from tests.unit.monitoring.story import Live, month
from workbench.monitoring.alerts import deliver, evaluate
from workbench.project import open_project
from workbench.store.clock import SimulatedClock
from workbench.store.database import open_database

__all__ = ["MONTHS", "RULES", "monitor_all", "seen", "watch_all"]

MONTHS = range(8, 11)

RULES = (
    rule("drift", to=("backlog", "webhook:x")),
    rule("twice", windows=3, violations=2, to=("backlog", "webhook:x")),
    rule("features", "drift.feature.*", to=("webhook:x",)),
)
STORY = "!.!!.!!!..!!.!"


def seen(upto: int) -> list[Any]:
    """The first windows of a story in which alerts come and go."""
    return [
        *windows(STORY[:upto]),
        *windows(STORY[::-1][:upto], signal="drift.feature.wind", version=2),
    ]


def monitor_all(root: str, gate: Any, results: Any, racer: int) -> None:
    """Evaluate after each window of the story, and deliver, as all others do at the same time."""
    project = open_project(Path(root))
    database, raised, sent = open_database(project), 0, 0
    gate.wait()
    for upto in range(1, len(STORY) + 1):
        with database.write() as connection:
            found = evaluate(connection, RULES, seen(upto), project="late", log=LOG, now=day(upto))
        raised += len(found.raised)
        sent += deliver(database, project.name, project.config.monitoring, SimulatedClock(day(200))).sent
    results.put((racer, (raised, sent)))


def watch_all(root: str, gate: Any, results: Any, racer: int) -> None:
    """Run the whole monitor at the end of each month, as all others do at the same time."""
    live = Live(open_project(Path(root)))
    recorded = raised = 0
    gate.wait()
    for number in MONTHS:
        watched = live.watch(month(number + 1))
        recorded += watched.recorded or 0
        raised += len(watched.raised)
    results.put((racer, (recorded, raised)))
