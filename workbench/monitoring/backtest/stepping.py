"""One world lived through: what is asked is answered, what becomes known is told, and the policy decides.

Each step calls what production's schedules call, with the world's clock and stores: nothing here, or there,
knows that time is simulated.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.config import ScheduleConfig
from workbench.config.schedules import FOLLOWING
from workbench.execution.schedule.times import next_time
from workbench.monitoring.backtest.beginning import First, put_in_front
from workbench.monitoring.backtest.history import History, Plan
from workbench.monitoring.backtest.policies import Policy
from workbench.monitoring.backtest.trainings import Trainings
from workbench.monitoring.backtest.worlds import World
from workbench.monitoring.baking import bake
from workbench.monitoring.findings.windows import Window
from workbench.monitoring.looking.watching import watch
from workbench.monitoring.retraining import retrain
from workbench.serving.answering.inline import Inline
from workbench.serving.models.follow import Follower
from workbench.serving.models.registered import RegisteredModels
from workbench.serving.parts import code_of, log_of, open_log
from workbench.serving.payload import cells
from workbench.serving.personal import concealer
from workbench.serving.protocol.asked import Asked
from workbench.serving.protocol.truth import TruthRow
from workbench.serving.settings import LIVE_LOG, Settings, log_name
from workbench.serving.truth import recording
from workbench.store.clock import SETTING, SetClock
from workbench.store.database import open_database
from workbench.tracking.models import scores_of

if TYPE_CHECKING:
    from workbench.monitoring.alerts import Alert
    from workbench.serving.answering.call import Answer

__all__ = ["Life", "Lived", "Told"]

# So that no answer is slow and none is fast: how long they take here says nothing.
_LATENCY_MS = 1.0


@dataclass(frozen=True, eq=False)
class Told:
    """An alert as it was when it was raised, or cleared, at a moment."""

    at: datetime
    alert: Alert


@dataclass(frozen=True, eq=False)
class Lived:
    """What the champions answered, row by row of the history.

    Attributes
    ----------
    score : ndarray of float
        NaN where nobody answered.
    version : ndarray of int
        Who answered; 0 for nobody.
    alerts : tuple of Told
        What was told of alerts, in the order of telling: what they say changes afterwards.
    log : str
        Under which findings, alerts and ground truth are filed.
    first : str
        What there is to say of the first champion.
    """

    history: History
    score: NDArray[np.float64]
    version: NDArray[np.int64]
    alerts: tuple[Told, ...]
    log: str
    first: str


@dataclass(eq=False)
class Life:
    """A world that is lived through, a step at a time; :meth:`begun` on its first day.

    Attributes
    ----------
    first : str
        What there is to say of the first champion.
    """

    world: World
    plan: Plan
    trainings: Trainings
    clock: SetClock
    first: str
    trained: int = field(default=0, init=False)

    @classmethod
    @contextmanager
    def begun(cls, world: World, plan: Plan, first: First, trainings: Trainings) -> Iterator[Life]:
        """With the first champion in front."""
        clock = SetClock(world.project.state / "clock")
        clock.set(plan.began)
        before = os.environ.get(SETTING)
        os.environ[SETTING] = str(clock.path)  # for what phases tell the ledger
        try:
            life = cls(world, plan, trainings, clock, put_in_front(world.project, first, trainings, clock))
            try:
                yield life
            finally:
                life._keeper.close()
                life._database.close()
        finally:
            os.environ.pop(SETTING)
            os.environ.update({SETTING: before} if before is not None else {})

    def __post_init__(self) -> None:
        project = self.world.project
        folder = project.state / LIVE_LOG
        self.log_name, self.log = log_name(project, folder), log_of(project, folder)
        self._database = open_database(project)
        models = RegisteredModels(project, Settings(str(project.root), str(folder), simulated=True))
        # Its own clock stands still but for trainings: only these write what it would look up again.
        self._models = Follower(models, clock=lambda: 1e3 * self.trained)
        self._keeper = open_log(project, folder, "answers")
        self._answering = Inline(
            self._models,
            self._keeper,
            clock=self.clock,
            simulated=True,
            code_version=code_of(project),
            config=project.config.serving,
            conceal=concealer(project),
            latency_ms=_LATENCY_MS,
            prefix="row-",
            apart=True,  # as they were asked; health and guards go by requests
        )
        self._schedule = _schedule_of(self.world.policy, self.plan.timezone)
        self.history = History.read(self.plan, self._models.now.names)
        rows = len(self.history)
        self.score, self.version = np.full(rows, np.nan), np.zeros(rows, dtype=np.int64)
        self._ids = np.full(rows, None, dtype=object)
        self._alerts: list[Told] = []
        # What was known before it was asked is told once it was asked.
        due = np.maximum(self.history.known, self.history.asked + np.timedelta64(1, "us"))
        self._rows_due = np.argsort(due, kind="stable")[: int((~np.isnat(due)).sum())]
        self._due, self._told = due[self._rows_due], 0

    def ask(self, step: Window) -> None:
        """Answer what is asked in a step."""
        self._models.look()
        self._ask(self.history.between(step))

    def decide(self, step: Window) -> str:
        """Tell what is known at the end of a step, and let the policy decide; what came of it, in a line."""
        self.clock.set(step.end)
        self._tell(step.end)
        return self._decide(step)

    def lived(self) -> Lived:
        """What has been answered so far."""
        return Lived(self.history, self.score, self.version, tuple(self._alerts), self.log_name, self.first)

    def _ask(self, rows: slice) -> None:
        if rows.start == rows.stop or self._models.now.champion is None:
            return
        names = [name for name in self._models.now.names if name in self.history.frame]
        columns = cells(self.history.frame[rows][names])
        times = np.char.add(np.datetime_as_string(self.history.asked[rows], unit="us"), "Z").tolist()
        for part, answer in self._answers(columns, times, 0, len(times)):
            here = slice(rows.start + part.start, rows.start + part.stop)
            self.score[here], self.version[here] = scores_of(answer.outputs), answer.version
            self._ids[here] = answer.prediction_ids

    def _answers(
        self, columns: dict[str, list[Any]], times: list[str], first: int, last: int
    ) -> Iterator[tuple[slice, Answer]]:
        """The answers to rows; when there is none to them together, to each half of them."""
        part = slice(first, last)
        asked = Asked(
            {name: column[part] for name, column in columns.items()}, last - first, None, times[part]
        )
        (answer,) = self._answering.answer([asked], [f"{times[first]}#{first}"])
        if not isinstance(answer, Exception):
            yield part, answer
        elif last - first > 1:
            middle = (first + last) // 2
            yield from self._answers(columns, times, first, middle)
            yield from self._answers(columns, times, middle, last)

    def _tell(self, now: datetime) -> None:
        """Record what is known by now of what was answered."""
        told, moment = self._told, np.datetime64(now.replace(tzinfo=None), "us")
        self._told = int(np.searchsorted(self._due, moment, "right"))
        due = self._rows_due[told : self._told]
        known = zip(
            due.tolist(), self.history.truth[due].tolist(), self.history.known[due].tolist(), strict=True
        )
        rows = [
            TruthRow(self._ids[row], truth, at.replace(tzinfo=UTC))
            for row, truth, at in known
            if self._ids[row] is not None
        ]
        recording.record(self._database, self.log_name, rows, self.clock)

    def _decide(self, step: Window) -> str:
        project, clock = self.world.project, self.clock
        baked = bake(project, self.log, self.log_name, clock=clock)
        watched = watch(project, self.log, self.log_name, clock=clock, present=False)
        self._alerts += [Told(step.end, alert) for alert in (*watched.raised, *watched.cleared)]
        if step.end >= self.plan.ended:  # whatever was decided now would come to nothing, and cost something
            return f"alert: {watched.raised[-1]}" if watched.raised else ""
        scheduled = self._schedule is not None and next_time(self._schedule, step.start) <= step.end
        done = retrain(project, self.log_name, clock=clock, scheduled=scheduled, train=self._train)
        if done.retraining is not None:
            item = done.retraining
            return f"retraining {item.id}: {item.decision or item.status}"
        if watched.raised:
            return f"alert: {watched.raised[-1]}"
        return str(baked) if baked is not None and baked.checked_at == clock.now() else ""

    def _train(self, *about: Any) -> Any:
        self.trained += 1
        return self.trainings(*about)


def _schedule_of(policy: Policy, timezone: str) -> ScheduleConfig | None:
    if not policy.schedule:
        return None
    return ScheduleConfig(
        name="retrain",
        cron=policy.schedule,
        timezone=policy.timezone or timezone,
        command=("retrain", "--scheduled"),
        code=FOLLOWING,
    )
