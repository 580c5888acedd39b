"""Several policies over the same history, each in a world and a process of its own."""

from __future__ import annotations

import os
import select
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from filelock import FileLock, Timeout

from workbench.errors import LeaseHeld, UsageError
from workbench.monitoring.backtest.beginning import First
from workbench.monitoring.backtest.history import plan_of
from workbench.monitoring.backtest.outcome import Backtest, PolicyOutcome
from workbench.monitoring.backtest.policies import USUAL, Policy, find
from workbench.monitoring.backtest.process import Task, WorldProcess
from workbench.monitoring.backtest.settings import left_out, memory_note
from workbench.monitoring.backtest.worlds import Place
from workbench.project import Project

__all__ = ["OnProgress", "Progress", "run"]


@dataclass(frozen=True)
class Progress:
    """How far a backtest is.

    Attributes
    ----------
    policy : str
        The one that this is about.
    day : date
        Where its world is.
    done, of : int
        Its steps.
    event : str
        What happened there last, in a line; empty when nothing did yet.
    share : float
        How much of the whole backtest is done, from 0 to 1.
    left : timedelta or None
        What it will still take, as far as that can be told.
    """

    policy: str
    day: date
    done: int
    of: int
    event: str
    share: float
    left: timedelta | None


OnProgress = Callable[[Progress], None]


def run(
    project: Project,
    policies: Sequence[Policy | str] = USUAL,
    *,
    name: str = "",
    since: date | None = None,
    until: date | None = None,
    step: str = "",
    jobs: int | None = None,
    again: bool = False,
    on_progress: OnProgress | None = None,
) -> Backtest:
    """Try policies on the project's history, each in a world of its own, below ``.workbench/backtests/``.

    Killed at any moment and called again, it goes on: policies that are finished are kept, trainings are
    not repeated, and the days of an unfinished policy are stepped through again. The project's own stores
    are only read.

    Parameters
    ----------
    policies : sequence of Policy or str
        Names are looked up by :func:`~workbench.monitoring.backtest.policies.find`.
    name : str, optional
        Tells backtests of one project apart.
    since, until : date, optional
        The first day and the one after the last, where the project is; by default as ``[backtest]`` says.
    step : str, optional
        ``day``, ``hour``, a length such as ``7d``, or a batch such as ``500 rows``; by default as
        ``[backtest]`` says.
    jobs : int, optional
        How many worlds at once; by default one a core.
    again : bool
        Begin anew, whatever is there.

    Raises
    ------
    UsageError
        There is no such policy or setting, or the history cannot be replayed; the message says why.
    LeaseHeld
        The backtest of that name is under way.
    RunError
        A world's process was killed, or ended in a way that was not foreseen. Called again, it goes on.
    """
    chosen = _chosen(project, policies)
    plan = plan_of(project, since=since, until=until, step=step)
    First.of(project, plan)
    place = Place.of(project, name)
    place.root.parent.mkdir(exist_ok=True)
    try:
        alone = FileLock(place.root.with_name(f"{place.root.name}.lock")).acquire(timeout=0)
    except Timeout:
        raise LeaseHeld(f"backtest {place.root.name} is under way; wait, or give another name") from None
    with alone:
        place.prepare(again=again)
        tasks = [
            Task(project.root, name, policy, plan, place.folder(policy), place.key(policy, plan))
            for policy in chosen
        ]
        outcomes = _Runs(tasks, jobs or os.cpu_count() or 1, on_progress).go()
    utility = project.config.gates.utility
    return Backtest(
        project=project.name,
        name=name,
        began=plan.since,
        until=plan.until,
        unit=utility.unit if utility is not None else "",
        metric=project.objective.primary_metric,
        policies=outcomes,
        notes=left_out(project),
        memory_note=memory_note(project),
        step=plan.step,
        timezone=plan.timezone,
    )


def _chosen(project: Project, policies: Sequence[Policy | str]) -> tuple[Policy, ...]:
    if not policies:
        raise UsageError(f"no policy is named; such as {', '.join(USUAL)}")
    found = [find(project, [each])[0] if isinstance(each, str) else each for each in policies]
    for name, count in Counter(policy.name for policy in found).items():
        if count > 1:
            raise UsageError(f"two policies are called {name!r}; each needs a name of its own")
    return tuple(found)


class _Runs:
    """Worlds that run, so many at once."""

    def __init__(self, tasks: Sequence[Task], jobs: int, on_progress: OnProgress | None) -> None:
        self._tasks, self._jobs, self._on_progress = tasks, jobs, on_progress
        self._outcomes: dict[str, PolicyOutcome] = {}
        self._done: dict[str, float] = {}
        self._before = 0.0
        self._begun = time.monotonic()

    def go(self) -> tuple[PolicyOutcome, ...]:
        """Until all of them have an outcome; in the order of the tasks."""
        waiting = deque(task for task in self._tasks if not self._is_there(task))
        self._before = self._share
        running: list[WorldProcess] = []
        try:
            while waiting or running:
                while waiting and len(running) < self._jobs:
                    running.append(WorldProcess.start(waiting.popleft()))
                for process in select.select(running, [], [])[0]:
                    if not self._hear(process):
                        running.remove(process)
        finally:
            for process in running:
                process.end()
        return tuple(self._outcomes[task.policy.name] for task in self._tasks)

    def _is_there(self, task: Task) -> bool:
        if (outcome := task.outcome()) is None:
            return False
        self._outcomes[task.policy.name], self._done[task.policy.name] = outcome, 1.0
        return True

    def _hear(self, process: WorldProcess) -> bool:
        """Pass on what a process tells; whether it goes on."""
        steps, policy = process.hear(), process.task.policy.name
        if steps is None:
            self._outcomes[policy] = process.result()
            process.end()
            return False
        for step in steps:
            self._done[policy] = step.done / step.of
            if self._on_progress is not None:
                about = (policy, step.day, step.done, step.of, step.event)
                self._on_progress(Progress(*about, self._share, self._left()))
        return True

    @property
    def _share(self) -> float:
        return sum(self._done.values()) / len(self._tasks)

    def _left(self) -> timedelta | None:
        here = self._share - self._before
        if here <= 0:
            return None
        return timedelta(seconds=(time.monotonic() - self._begun) * (1 - self._share) / here)
