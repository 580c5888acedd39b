"""What is due now: one heap of next times, and a claim in the database for each that has come."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from operator import attrgetter

from sqlalchemy import Connection

from workbench.config import ScheduleConfig
from workbench.execution.schedule import freshness, records
from workbench.execution.schedule.deciding import Decision, decide
from workbench.execution.schedule.records import ScheduledTime, Status
from workbench.execution.schedule.times import next_time, passed
from workbench.project import Project
from workbench.store.database import Database

__all__ = ["Claiming"]

# So many missed times are counted; of more it is said that there were more.
_COUNTED = 1000
# How far back the time before a schedule was first seen is looked for.
_BEFORE = timedelta(days=5 * 366)
# In one order for all who claim several at once: PostgreSQL would have them wait for each other in a circle.
_by_name = attrgetter("name")
_FIRST_SEEN = "the schedule was first seen after this time; from here on its times count"


class Claiming:
    """The schedules of a project, with the moments at which to look at each.

    Of a schedule that nobody has seen before, the time before now is put on record: what is missed is
    counted from there, also by another process that starts later. Times are counted from the last one on
    record that is not in the future, so that a clock that was wrong for a while costs nothing.

    Parameters
    ----------
    elapsed : callable
        Seconds that only go forward, and not while the machine sleeps: for so long we were held up since we
        looked the last time, and what came meanwhile was not missed.
    """

    def __init__(
        self, project: Project, database: Database, by: str, elapsed: Callable[[], float] = time.monotonic
    ) -> None:
        self._project, self._database, self._by, self._elapsed = project, database, by, elapsed
        self._schedules: Mapping[str, ScheduleConfig] = {}
        self._since: dict[str, datetime] = {}
        self._next: list[tuple[datetime, str]] = []
        self._looked: datetime | None = None
        self._looked_at = elapsed()
        self._held_up = timedelta()

    @property
    def next_look(self) -> datetime | None:
        """When something is due next; None if nothing ever is."""
        return self._next[0][0] if self._next else None

    def load(self, project: Project, now: datetime) -> None:
        """Take the schedules of ``workbench.toml``, and what the database knows of them."""
        self._project = project
        self._schedules = {each.name: each for each in project.config.schedules if each.enabled}
        with self._database.write() as connection:
            self._since = records.last_times(connection, project.name, now)
            for name, schedule in sorted(self._schedules.items()):
                if name not in self._since and schedule.cron:
                    self._since[name] = self._first_seen(connection, schedule, now)
        self._next = [
            (freshness.next_look(now) - timedelta(minutes=1), name)
            if schedule.fresh
            else (next_time(schedule, self._since[name]), name)
            for name, schedule in self._schedules.items()
        ]
        heapq.heapify(self._next)
        self._looked = now

    def _first_seen(self, connection: Connection, schedule: ScheduleConfig, now: datetime) -> datetime:
        before = passed(schedule, now - _BEFORE, now, 1).times
        self._put(connection, schedule, before, now, "skipped", _FIRST_SEEN)
        return before[0] if before else now

    def claim(self, now: datetime) -> list[ScheduledTime]:
        """Claim what has come, unless others were quicker: what we have to run, oldest first."""
        if self._looked is None or now < self._looked:  # a clock that was set back: what is next has changed
            self.load(self._project, now)
        self._looked = now
        self._held_up = timedelta(seconds=self._elapsed() - self._looked_at)
        self._looked_at = self._elapsed()
        due = []
        while self._next and self._next[0][0] <= now:
            due.append(self._schedules[heapq.heappop(self._next)[1]])
        if not due:
            return []
        due.sort(key=_by_name)
        try:
            return self._claim(due, now)
        finally:  # what could not be claimed is looked at again, with all that came since
            for schedule in due:
                heapq.heappush(self._next, (self._look_again(schedule, now), schedule.name))

    def _look_again(self, schedule: ScheduleConfig, now: datetime) -> datetime:
        if schedule.fresh:
            return freshness.next_look(now)
        return next_time(schedule, self._since[schedule.name])

    def _claim(self, due: list[ScheduleConfig], now: datetime) -> list[ScheduledTime]:
        decided = [(schedule, self._decide(schedule, now)) for schedule in due]
        mine: list[ScheduledTime] = []
        with self._database.write() as connection:
            busy = records.busy(connection, self._project.name)
            for schedule, decision in decided:
                mine += self._record(connection, schedule, decision, now, schedule.name in busy)
        for schedule, decision in decided:
            if times := (*decision.run, *filter(None, (decision.missed,))):
                self._since[schedule.name] = max(times)
        return sorted(mine, key=lambda each: each.scheduled_at)

    def _decide(self, schedule: ScheduleConfig, now: datetime) -> Decision:
        if schedule.fresh is None:
            found = passed(schedule, self._since[schedule.name], now, _COUNTED)
            return decide(schedule, found, now, self._held_up)
        since = freshness.due_since(self._project, schedule.fresh, now)
        known = since is None or self._since.get(schedule.name) == since
        return Decision() if known or since is None else Decision((since,))

    def _record(
        self, connection: Connection, schedule: ScheduleConfig, decision: Decision, now: datetime, busy: bool
    ) -> list[ScheduledTime]:
        if decision.missed is not None:
            self._put(connection, schedule, (decision.missed,), now, "missed", decision.note)
        if busy and schedule.overlap == "skip":
            self._put(connection, schedule, decision.run, now, "skipped", "the run before was still going on")
            return []
        return self._put(connection, schedule, decision.run, now)

    def _put(
        self,
        connection: Connection,
        schedule: ScheduleConfig,
        times: Sequence[datetime],
        now: datetime,
        status: Status = "claimed",
        note: str = "",
    ) -> list[ScheduledTime]:
        return records.claim(
            connection,
            self._project.name,
            schedule.name,
            times,
            by=self._by,
            at=now,
            status=status,
            note=note,
        )
