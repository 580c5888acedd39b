"""Scheduled times that wait for a second attempt, or whose scheduler has died."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime

from workbench.config import FailureConfig
from workbench.execution.schedule import ending, records
from workbench.execution.schedule.ending import Notify
from workbench.execution.schedule.holding import Holder, is_here
from workbench.execution.schedule.records import ScheduledTime
from workbench.project import Project
from workbench.store.clock import Clock
from workbench.store.database import Database

__all__ = ["retried", "taken_over"]


def retried(project: Project, database: Database, by: str, now: datetime) -> list[ScheduledTime]:
    """Those that failed and whose next attempt is due: claimed by us.

    One that must not overlap stays due for as long as another time of its schedule is not over; one that may
    wait is claimed, and waits for its turn.
    """
    declared = {each.name: each for each in project.config.schedules if each.enabled}
    with database.read() as connection:
        due = records.to_retry(connection, project.name, now)
        busy = records.busy(connection, project.name) if due else set()
    claimed = {"claimed_by": by, "claimed_at": now, "status": "claimed", "ended_at": None, "next_try": None}
    mine = []
    for seen in due:
        schedule = declared.get(seen.schedule)
        if schedule is None or (schedule.overlap == "skip" and seen.schedule in busy):
            continue
        with database.write() as connection:
            mine.append(records.change(connection, seen, attempt=seen.attempt + 1, **claimed))
        busy.add(seen.schedule)
    return [each for each in mine if each is not None]


def taken_over(
    project: Project,
    database: Database,
    holder: Holder,
    clock: Clock,
    *,
    in_hand: Collection[int],
    notify: Notify,
    say: Callable[[str], None],
) -> list[ScheduledTime]:
    """Those of schedulers that died before they started them: ours to run.

    Those that were running get the status that their runs are on record with. ``in_hand`` are the ids of
    what we know that we hold: what is ours and not among them was claimed when something went wrong.
    """
    with database.read() as connection:
        everything = records.open_times(connection, project.name)
    found = [each for each in everything if each.id not in in_hand]
    names = {each.claimed_by for each in found}
    gone = {name for name in names if name == holder.name or not holder.sees(name)}
    mine = []
    for seen in found:
        if seen.claimed_by not in gone:
            continue
        if seen.status == "claimed":
            with database.write() as connection:
                mine.append(records.change(connection, seen, claimed_by=holder.name, claimed_at=clock.now()))
            continue
        outcome = ending.of_record(project, seen, here=is_here(seen.claimed_by))
        if outcome is not None:
            declared = {each.name: each.on_failure for each in project.config.schedules}
            on_failure = declared.get(seen.schedule, FailureConfig())
            say(ending.finish(project, database, seen, outcome, on_failure, now=clock.now(), notify=notify))
    return [each for each in mine if each is not None]
