"""The scheduled times that one scheduler holds: those that wait for their turn, and those that run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass

from workbench.config import FailureConfig, ScheduleConfig
from workbench.errors import WorkbenchError
from workbench.execution.agent.client import Process
from workbench.execution.schedule import ending, jobs, pinned, records
from workbench.execution.schedule.ending import Notify
from workbench.execution.schedule.outcomes import Outcome
from workbench.execution.schedule.records import ScheduledTime
from workbench.project import Project
from workbench.store.clock import Clock
from workbench.store.database import Database

__all__ = ["Running"]


class _Lost(Exception):
    """Somebody else has taken it over: nothing is run."""


class _NotYet(Exception):
    """Another time of its schedule has begun since it was its turn: nothing is run, and it waits."""


@dataclass(frozen=True)
class _Started:
    time: ScheduledTime
    schedule: ScheduleConfig
    process: Process


class Running:
    """Starts what waits, a few at a time and one of each schedule, and puts on record how it ended."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        at_once: int,
        *,
        notify: Notify,
        say: Callable[[str], None],
    ) -> None:
        self._database, self._clock, self._at_once = database, clock, at_once
        self._notify, self._say = notify, say
        self._waiting: list[ScheduledTime] = []
        self._started: list[_Started] = []

    @property
    def idle(self) -> bool:
        return not (self._waiting or self._started)

    @property
    def going_on(self) -> int:
        """How many run now."""
        return len(self._started)

    @property
    def processes(self) -> list[Process]:
        """Those that run; one that has ended may still have to be put on record, when a store is back."""
        return [each.process for each in self._started if each.process.poll() is None]

    @property
    def in_hand(self) -> set[int]:
        """The ids of what waits and what runs."""
        return {each.id for each in self._waiting} | {each.time.id for each in self._started}

    def add(self, times: Iterable[ScheduledTime]) -> None:
        """What we have claimed, to be started when it is its turn."""
        self._waiting = sorted([*self._waiting, *times], key=lambda each: (each.scheduled_at, each.id))

    def start(self, project: Project) -> None:
        """Start what there is room for. Of one schedule, a time waits for what runs and what came before."""
        if not self._waiting or len(self._started) >= self._at_once:
            return
        schedules = {each.name: each for each in project.config.schedules}
        with self._database.read() as connection:
            ahead = records.ahead(connection, project.name)
        for time in list(self._waiting):
            if len(self._started) >= self._at_once:
                break
            if ahead.get(time.schedule, time.id) == time.id:
                with suppress(_NotYet):
                    self._start(project, time, schedules.get(time.schedule))
                    self._waiting.remove(time)

    def _start(self, project: Project, time: ScheduledTime, schedule: ScheduleConfig | None) -> None:
        if schedule is None:
            self._finish(project, time, None, Outcome("skipped", why="there is no such schedule any more"))
            return
        now_running = time

        def mark() -> None:
            nonlocal now_running
            if now_running is time:
                with self._database.write() as connection:
                    if records.goes_on(connection, project.name, time.schedule):
                        raise _NotYet
                    marked = records.change(connection, time, status="running")
                if marked is None:
                    raise _Lost
                now_running = marked

        try:
            folder = pinned.folder_of(project, schedule.commit) if schedule.commit else project.root
            process = jobs.begin(project, schedule, time, folder, before=mark)
        except _Lost:
            self._say(f"{time.mark}: another scheduler has taken it over")
        except (WorkbenchError, OSError) as error:
            self._finish(project, now_running, schedule, Outcome("failed", why=f"not started: {error}"))
        else:
            self._started.append(_Started(now_running, schedule, process))
            self._say(f"{time.mark} started")

    def collect(self, project: Project) -> None:
        """Put on record what has ended."""
        for each in list(self._started):
            status = each.process.poll()
            if status is not None:
                ended = jobs.outcome(project, each.time, status) or Outcome("killed")
                self._finish(project, each.time, each.schedule, ended)
                self._started.remove(each)
                if ended.status == "finished":
                    jobs.forget(project, each.time)

    def _finish(
        self, project: Project, time: ScheduledTime, schedule: ScheduleConfig | None, outcome: Outcome
    ) -> None:
        on_failure = schedule.on_failure if schedule else FailureConfig()
        self._say(
            ending.finish(
                project,
                self._database,
                time,
                outcome,
                on_failure,
                now=self._clock.now(),
                notify=self._notify,
            )
        )

    def hand_back(self) -> None:
        """What was not started is anybody's again."""
        if not self._waiting:
            return
        with self._database.write() as connection:
            for time in self._waiting:
                records.change(connection, time, claimed_by="")
        self._waiting.clear()

    def end_lost(self, held: Collection[int]) -> None:
        """End what is no longer ours: who was away for long finds that others have begun it again."""
        for each in self._started:
            if each.time.id not in held:
                self._say(f"{each.time.mark}: another scheduler has taken it over; it ends here")
                each.process.terminate()

    def end(self) -> None:
        """Tell what runs to end; it writes its report, and :meth:`collect` finds how it ended."""
        for each in self._started:
            each.process.terminate()
