"""Scheduled times that wait for a second attempt, or whose scheduler has died."""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import datetime

from workbench.config import FailureConfig
from workbench.execution.schedule import ending, records
from workbench.execution.schedule.ending import Notify
from workbench.execution.schedule.holding import Holder, is_there
from workbench.execution.schedule.records import ScheduledTime
from workbench.project import Project
from workbench.store.clock import Clock
from workbench.store.database import Database

__all__ = ["retried", "taken_over"]


def retried(project: Project, database: Database, by: str, now: datetime) -> list[ScheduledTime]:
    """Those that failed and whose next attempt is due: claimed by us."""
    declared = {each.name for each in project.config.schedules if each.enabled}
    with database.read() as connection:
        due = records.to_retry(connection, project.name, now)
    claimed = {"claimed_by": by, "claimed_at": now, "status": "claimed", "ended_at": None, "next_try": None}
    mine = []
    for seen in due:
        if seen.schedule in declared:
            with database.write() as connection:
                mine.append(records.change(connection, seen, attempt=seen.attempt + 1, **claimed))
    return [each for each in mine if each is not None]


def taken_over(
    project: Project,
    database: Database,
    holder: Holder,
    clock: Clock,
    *,
    notify: Notify,
    say: Callable[[str], None],
) -> list[ScheduledTime]:
    """Those of schedulers that died before they started them: ours to run.

    Those that were running get the status that their runs are on record with.
    """
    with database.read() as connection:
        found = [
            each for each in records.open_times(connection, project.name) if each.claimed_by != holder.name
        ]
    gone = {name for name in {each.claimed_by for each in found} if not is_there(database, name, clock)}
    mine = []
    for seen in found:
        if seen.claimed_by not in gone:
            continue
        if seen.status == "claimed":
            with database.write() as connection:
                mine.append(records.change(connection, seen, claimed_by=holder.name, claimed_at=clock.now()))
            continue
        here = seen.claimed_by.startswith(f"{socket.gethostname()[:60]}:")
        outcome = ending.of_record(project, seen, here=here)
        if outcome is not None:
            declared = {each.name: each.on_failure for each in project.config.schedules}
            on_failure = declared.get(seen.schedule, FailureConfig())
            say(ending.finish(project, database, seen, outcome, on_failure, now=clock.now(), notify=notify))
    return [each for each in mine if each is not None]
