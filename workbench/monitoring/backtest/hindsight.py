"""What was really true, with all labels that ever came: day by day, window by window, and of each alert."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from workbench.monitoring.backtest.history import Plan
from workbench.monitoring.backtest.outcome import Day, Span
from workbench.monitoring.backtest.stepping import Lived
from workbench.monitoring.findings.windows import Window
from workbench.monitoring.looking.subject import Served
from workbench.monitoring.performance.rounds import blocks_of, interval_of, rounds_of
from workbench.project import Project
from workbench.registry.gates.bootstrap import Floats
from workbench.registry.gates.utility import worth
from workbench.tracking.metrics import improvement, metric

__all__ = ["Hindsight"]

_SEED = 0


@dataclass(eq=False)
class Hindsight:
    """The champions' answers of one world, held against all labels.

    All policies are valued on the same rows: one that was not answered is worth what ``[gates.utility]`` says
    of one that is not flagged, since nobody does anything about it.

    Attributes
    ----------
    project : Project
        The user's: what answers are worth, and what is good enough, is the same for all policies.
    world : Project
        The policy's, whose threshold decides what is flagged.
    """

    project: Project
    world: Project
    plan: Plan
    lived: Lived
    _expected: dict[int, float] = field(default_factory=dict, repr=False)

    def days(self) -> tuple[Day, ...]:
        """Every day of the plan."""
        return tuple(self._day(window) for window in self.plan.windows("day"))

    def spans(self) -> tuple[Span, ...]:
        """Every window of ``[monitoring] window``."""
        config = self.project.config.monitoring
        return tuple(self._span(window) for window in self.plan.windows(config.length or config.window))

    def unknown(self) -> tuple[str, ...]:
        """Stretches of days on which something was asked, and of no answer anything became known."""
        stretches: list[list[Day]] = []
        before: date | None = None
        for day in self.days():
            if not day.asked or day.labelled:
                continue
            if before == day.day - timedelta(days=1):
                stretches[-1].append(day)
            else:
                stretches.append([day])
            before = day.day
        return tuple(map(_stretch, stretches))

    def mattered(self, version: int, start: datetime, end: datetime | None) -> bool | None:
        """Whether a version that answered from ``start`` to ``end`` really was bad in that time.

        That is: its primary metric was below the line that ``[monitoring] performance_drop`` draws, or its
        answers were worth less than flagging nobody. None when fewer than ``minimum_labels`` tell; a version
        whose answers reached nobody harmed nobody.
        """
        rows = self.lived.history.between(Window("", start, end or self.plan.ended))
        answered = self.lived.version[rows] == version
        if not answered.any():
            return False
        known = answered & self._judged[rows]
        if known.sum() < self.project.config.monitoring.minimum_labels:
            return None
        value = self._metric(self.lived.history.truth[rows][known], self.lived.score[rows][known])
        drop = improvement(self.project.objective.primary_metric, self._reached(version) - value)
        gain = None if self._gain is None else float(self._gain[rows][known].sum())
        return drop >= self.project.config.monitoring.performance_drop or (gain is not None and gain < 0)

    def _day(self, window: Window) -> Day:
        rows = self.lived.history.between(window)
        versions, judged = self.lived.version[rows], self._judged[rows]
        found, counts = np.unique(versions[versions > 0], return_counts=True)
        y, score = self.lived.history.truth[rows], self.lived.score[rows]
        return Day(
            day=self.plan.day_of(window.start),
            version=int(found[counts.argmax()]) if len(found) else 0,
            asked=len(y),
            answered=int(self._answered[rows].sum()),
            labelled=int(self._known[rows].sum()),
            positives=int((y > 0).sum()),
            worth=self._worth_of(rows),
            metric=_number(self._metric(y[judged], score[judged])),
        )

    def _span(self, window: Window) -> Span:
        import pandas as pd

        rows = self.lived.history.between(window)
        judged = self._judged[rows]
        y, score = self.lived.history.truth[rows][judged], self.lived.score[rows][judged]
        asked = pd.Series(self.lived.history.asked[rows][judged], name="asked_at").dt.tz_localize("UTC")
        days = blocks_of(asked.dt.tz_convert(self.plan.timezone), seed=_SEED)
        name, threshold = self.project.objective.primary_metric, self.world.config.gates.threshold
        found = interval_of(self._metric(y, score), rounds_of(name, y, score, days, threshold), days)
        return Span(
            name=window.name,
            start=window.start,
            end=window.end,
            asked=rows.stop - rows.start,
            answered=int(self._answered[rows].sum()),
            labelled=int(self._known[rows].sum()),
            metric=_number(found.value),
            low=_number(found.low),
            high=_number(found.high),
            worth=self._worth_of(rows),
        )

    @cached_property
    def _answered(self) -> NDArray[np.bool_]:
        return ~np.isnan(self.lived.score)

    @cached_property
    def _known(self) -> NDArray[np.bool_]:
        """Rows of which the truth became known, whoever answered."""
        return ~np.isnan(self.lived.history.truth)

    @cached_property
    def _judged(self) -> NDArray[np.bool_]:
        """Answers of which the truth became known."""
        return self._answered & self._known

    @cached_property
    def _worth(self) -> Floats | None:
        """What each row was worth; one without an answer, whose score is NaN, is below any threshold."""
        return self._valued(self.lived.score >= self.world.config.gates.threshold)

    @cached_property
    def _gain(self) -> Floats | None:
        """What each answer was worth beyond flagging nobody."""
        nobody = self._valued(np.zeros(len(self.lived.history), dtype=bool))
        return None if self._worth is None or nobody is None else self._worth - nobody

    def _valued(self, flagged: NDArray[np.bool_]) -> Floats | None:
        config = self.project.config.gates.utility
        return None if config is None else worth(self.lived.history.truth, flagged.astype(float), config)

    def _worth_of(self, rows: slice) -> float | None:
        known = self._known[rows]
        return None if self._worth is None or not known.any() else float(self._worth[rows][known].sum())

    def _metric(self, y: Floats, score: Floats) -> float:
        name, threshold = self.project.objective.primary_metric, self.world.config.gates.threshold
        return metric(name, y, score, threshold)

    def _reached(self, version: int) -> float:
        """The primary metric of a version when it was validated."""
        if version not in self._expected:
            self._expected[version] = Served.of(self.world, version).standard.expected
        return self._expected[version]


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _stretch(days: list[Day]) -> str:
    rows, first, last = sum(day.asked for day in days), days[0].day, days[-1].day
    when = f"On {first}" if first == last else f"From {first} to {last}"
    return f"{when} {rows:,} rows were asked, and of no answer it ever became known what was true."
