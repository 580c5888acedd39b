"""What is scheduled and what became of it, as lists show it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from workbench.config import ScheduleConfig
from workbench.errors import UnknownName
from workbench.execution.schedule import jobs, records
from workbench.execution.schedule.records import ScheduledTime
from workbench.execution.schedule.times import next_time
from workbench.project import CONFIG_NAME, Project
from workbench.store.database import open_database
from workbench.tracking import runs

__all__ = ["Entry", "history", "overview"]


@dataclass(frozen=True)
class Entry:
    """A schedule with its next time and the newest that it had.

    Attributes
    ----------
    what : str
        What follows ``workbench`` on the command line.
    next_time : datetime or None
        In UTC; None for one that is not enabled, or goes by the age of a dataset.
    """

    schedule: ScheduleConfig
    what: str
    next_time: datetime | None
    last: ScheduledTime | None

    @property
    def when(self) -> str:
        """In words: the cron expression and its time zone, or the dataset and how old it may be."""
        if self.schedule.fresh:
            hours = self.schedule.fresh.within / timedelta(hours=1)
            return f"{self.schedule.fresh.dataset} older than {hours:g} h"
        return f"{self.schedule.cron} {self.schedule.timezone}"


def overview(project: Project, now: datetime) -> list[Entry]:
    """All schedules, in the order of ``workbench.toml``."""
    with open_database(project).read() as connection:
        last = records.newest(connection, project.name)
    return [
        Entry(
            each,
            shlex.join(word for word in jobs.arguments(each) if word != "--json"),
            next_time(each, now) if each.enabled and each.cron else None,
            last.get(each.name),
        )
        for each in project.config.schedules
    ]


def history(project: Project, name: str = "", last: int = 20) -> list[ScheduledTime]:
    """The newest scheduled times first; those that run now with the run that they have opened.

    Raises
    ------
    UnknownName
        For a schedule that is not declared and never was.
    """
    with open_database(project).read() as connection:
        found = records.history(connection, project.name, name, last)
    if name and not found:
        declared = [each.name for each in project.config.schedules]
        if name not in declared:
            raise UnknownName("schedule", name, declared, where=CONFIG_NAME)
    return [_with_run(project, each) if each.status == "running" else each for each in found]


def _with_run(project: Project, time: ScheduledTime) -> ScheduledTime:
    opened = runs.scheduled(project, time.mark)
    return replace(time, run_id=opened[0]) if opened else time
