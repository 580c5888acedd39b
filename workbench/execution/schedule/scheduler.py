"""The scheduler: one process, one timer, any number of them beside each other.

It sleeps until the next scheduled time, or for a few seconds: so that a clock that was set, a changed
``workbench.toml``, and what another scheduler left behind are seen soon. How many schedules there are
makes no difference to that.
"""

from __future__ import annotations

import math
import os
import select
import time
from collections.abc import Callable, Sequence
from datetime import timedelta

from workbench.errors import WorkbenchError
from workbench.execution.schedule import jobs, records, taking_over
from workbench.execution.schedule.claiming import Claiming
from workbench.execution.schedule.ending import Notify
from workbench.execution.schedule.holding import Holder
from workbench.execution.schedule.running import Running
from workbench.project import CONFIG_NAME, Project, open_project
from workbench.store import trouble
from workbench.store.clock import Clock, SetClock, SystemClock
from workbench.store.database import open_database

__all__ = ["Scheduler"]

_SECONDS = 5.0
# Nobody tells when a set clock is set, and whoever sets it waits for what is due then.
_SECONDS_SET = 0.1
_WARM_UP = timedelta(seconds=60)


class Scheduler:
    """Claims what is due, runs it, and puts on record what became of it.

    Parameters
    ----------
    at_once : int
        How many scheduled runs go on at the same time.
    notify : callable
        Tells a failure to channels other than the backlog.
    say : callable
        Takes a line for a person about each thing that happens.
    beside : sequence of callable
        Called every few seconds; they neither block nor raise.
    elapsed : callable
        Seconds that only go forward.
    """

    def __init__(
        self,
        project: Project,
        clock: Clock,
        *,
        at_once: int,
        notify: Notify,
        say: Callable[[str], None],
        beside: Sequence[Callable[[], None]] = (),
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self.project, self._clock, self._elapsed = project, clock, elapsed
        self._notify, self._say, self._beside = notify, say, beside
        self._database = open_database(project)
        self._holder = Holder(self._database, SystemClock())
        self._claiming = Claiming(project, self._database, self._holder.name, elapsed)
        self._running = Running(self._database, clock, at_once, notify=notify, say=say)
        self._read_at = self._config_time()
        self._swept = -math.inf
        self._warmed = -math.inf
        self._problem = ""
        self._stops = 0
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._wake, False)

    @property
    def going_on(self) -> int:
        """How many scheduled runs go on now."""
        return self._running.going_on

    def stop(self) -> int:
        """End when what runs has ended; called again, tell it to. May be called from anywhere.

        Returns
        -------
        int
            How often it was called.
        """
        self._stops += 1
        os.write(self._wake, b".")
        return self._stops

    def run(self) -> None:
        """Until :meth:`stop`."""
        try:
            while not self._stops:
                self.look()
                self._sleep()
            self._in_spite_of_trouble(self._running.hand_back)
            self._wind_up()
        finally:
            self._leave()

    def run_once(self) -> None:
        """What is due now, and nothing that comes later.

        Raises
        ------
        Exception
            What a store that is away raised when it was asked what is due: that may not all have run.
        """
        unseen: Exception | None = None
        try:
            try:
                self._look()
            except Exception as error:  # what was begun all the same is waited for
                unseen = error
            while not (self._running.idle or self._stops):
                self._sleep()
                self._in_spite_of_trouble(self._go_on)
            self._in_spite_of_trouble(self._running.hand_back)
            self._wind_up()
        finally:
            self._leave()
        if unseen is not None:
            raise unseen

    def look(self) -> None:
        """See what is due and what has ended."""
        self._in_spite_of_trouble(self._look)

    def _look(self) -> None:
        self._reload()
        self._holder.keep()
        self._running.collect(self.project)
        self._running.add(self._claiming.claim(self._clock.now()))
        self._sweep()
        self._running.start(self.project)
        self._warm_up()

    def _in_spite_of_trouble(self, work: Callable[[], None]) -> None:
        """Trouble with a store is said, and is over when it is over: what was not done is done later."""
        try:
            work()
            self._problem = ""
        except Exception as error:
            known = trouble.in_words(error, self.project.state) or trouble.of_database(error)
            line = known.message if known else f"{type(error).__name__}: {error}"
            if line != self._problem:
                self._say(f"! {line}")
            self._problem = line

    def _go_on(self) -> None:
        self._running.collect(self.project)
        self._running.start(self.project)

    def _sweep(self) -> None:
        """Every few seconds: second attempts, and what others left behind."""
        if self._elapsed() - self._swept < _SECONDS:
            return
        self._swept = self._elapsed()
        for call in self._beside:
            call()
        project, database = self.project, self._database
        self._running.add(taking_over.retried(project, database, self._holder.name, self._clock.now()))
        self._running.add(
            taking_over.taken_over(
                project,
                database,
                self._holder,
                self._clock,
                in_hand=self._running.in_hand,
                notify=self._notify,
                say=self._say,
            )
        )
        if self._running.going_on:
            with database.read() as connection:
                self._running.end_lost(records.held_by(connection, project.name, self._holder.name))

    def _warm_up(self) -> None:
        coming = self._claiming.next_look
        soon = coming is not None and coming - self._clock.now() <= _WARM_UP
        if soon and self._elapsed() - self._warmed > _WARM_UP.total_seconds() / 2:
            self._warmed = self._elapsed()
            jobs.warm_up(self.project.root)

    def _reload(self) -> None:
        """Follow ``workbench.toml``; one that is wrong is said, and what was there before holds on."""
        changed = self._config_time()
        if changed == self._read_at:
            return
        self._read_at = changed
        try:
            self.project = open_project(self.project.root)
        except WorkbenchError as error:
            self._say(f"! {error.message}; the schedules stay as they were")
            return
        self._claiming.load(self.project, self._clock.now())
        self._say(f"{CONFIG_NAME} has changed and was read again")

    def _config_time(self) -> int:
        try:
            return (self.project.root / CONFIG_NAME).stat().st_mtime_ns
        except OSError:
            return 0

    def _sleep(self) -> None:
        """Until the next scheduled time, the end of a run or :meth:`stop`: for a few seconds at most."""
        coming = self._claiming.next_look
        seconds = _SECONDS_SET if isinstance(self._clock, SetClock) else _SECONDS
        if coming is not None and not (self._stops or self._problem):
            seconds = min(seconds, max(0.0, (coming - self._clock.now()).total_seconds()))
        poll = select.poll()
        poll.register(self._woken, select.POLLIN)
        for process in self._running.processes:
            poll.register(process.fileno(), select.POLLIN)
        if any(found == self._woken for found, _ in poll.poll(math.ceil(seconds * 1000))):
            os.read(self._woken, 4096)

    def _wind_up(self) -> None:
        """Wait for what runs; tell it to end if we are asked to stop once more."""
        told = False
        while self._running.going_on:
            if self._stops > 1 and not told:
                told = True
                self._running.end()
            self._sleep()
            self._in_spite_of_trouble(lambda: self._running.collect(self.project))

    def _leave(self) -> None:
        self._holder.leave()
        self._database.close()
        os.close(self._woken)
        os.close(self._wake)
