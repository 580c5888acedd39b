"""How long labels take, and whether those of a window are in.

Labels that come early are not like those that come late (who was delayed lands later), so a window whose
labels are half in tells nothing about the version: it is ``early``, and nobody judges it. It is ``ripe`` once
the truth of nine in ten predictions is known.

Some labels never come (only a part of the cases is looked into), and some come late; what is usual is told by
the twelve windows before, once three of them can. A window can when it is :attr:`settled <Labels.settled>`:
after the slowest 1 % of its labels took their time, as much again has passed. When a window is older than
any of these took, and about as many of its labels are in as theirs in the end, no more is to be expected. It
is ``partial``, and judged with a note: what is never labelled was not labelled at validation either.

When many fewer are in than there were in earlier windows (settled ones, or ripe ones at that age), labels are
missing: the window is ``short``, which is found, and it is not judged.

The delays of a young window are those of its quick labels only, which is why its own never decide.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from workbench.monitoring.findings.documents import from_document, to_document
from workbench.monitoring.findings.signal import Signal, SignalVerdict

if TYPE_CHECKING:
    from workbench.monitoring.performance.answers import Answers
    from workbench.registry.gates.bootstrap import Floats

__all__ = ["MINIMUM_COVERAGE", "Labels", "LabelsState", "UsualLabels", "measure_labels", "usual_labels"]

LabelsState = Literal["ripe", "partial", "short", "early"]
#: From this share on a window is ripe.
MINIMUM_COVERAGE = 0.9
_HOUR = np.timedelta64(1, "h")
_FEWEST_WINDOWS, _LATELY = 3, 12
_FEWEST_LABELS = 100  # of fewer, nobody can tell how long the slowest 1 % take


@dataclass(frozen=True)
class Labels:
    """The labels of one version's answers in one window.

    Attributes
    ----------
    rows, labelled : int
        Answers, and those of them whose truth is known.
    median_hours, p90_hours, p99_hours : float
        From question to truth, of those that are known; NaN when nobody said when.
    age_hours : float
        From the window's newest question to now; NaN when now was not told.
    before_asked : int
        Labels that were known before the question, by their own time: somebody's clock is wrong.
    state : str
        ``ripe``, ``partial``, ``short`` or ``early``: see above.
    why : str
        The same in words.
    late : bool
        Whether they surely take longer than in earlier windows.
    """

    rows: int
    labelled: int
    median_hours: float
    p90_hours: float
    p99_hours: float
    age_hours: float
    before_asked: int
    state: LabelsState
    why: str
    late: bool = False

    @property
    def coverage(self) -> float:
        """The share of answers whose truth is known."""
        return self.labelled / self.rows if self.rows else float("nan")

    @classmethod
    def none(cls, rows: int, age_hours: float) -> Labels:
        """Of answers of which nobody has said anything."""
        nan = float("nan")
        return cls(rows, 0, nan, nan, nan, age_hours, 0, "early", "the truth of none is known")

    def aged(self, by: timedelta) -> Labels:
        """The same so much later, when no more has come."""
        return replace(self, age_hours=self.age_hours + by / timedelta(hours=1))

    def state_for(self, usual: UsualLabels | None) -> LabelsState:
        """Their state by what is usual now, which may not be what was usual when they were measured."""
        return _state(self.rows, self.labelled, self.age_hours, usual)[0]

    @property
    def judged(self) -> bool:
        """Whether there are enough of them to judge the window by."""
        return self.state in ("ripe", "partial")

    @property
    def settled(self) -> bool:
        """Whether so much time has passed that no more are to be expected, by the window's own delays."""
        return self.labelled >= _FEWEST_LABELS and self.age_hours >= 2 * self.p99_hours

    @property
    def in_after_hours(self) -> float:
        """After how long those that are known were in, at the latest; NaN when nobody can tell."""
        return self.p99_hours if self.settled else float(np.maximum(self.p99_hours, self.age_hours))

    def signals(self) -> Iterator[Signal]:
        verdicts: dict[LabelsState, SignalVerdict] = {"ripe": "ok", "partial": "ok", "short": "bad"}
        verdict = verdicts.get(self.state, "inconclusive")
        yield Signal("labels.coverage", self.coverage, verdict, self.why)
        delay: SignalVerdict = "inconclusive" if np.isnan(self.p90_hours) else "ok"
        says = (
            f"half of the labels took {self.median_hours:,.1f} hours, nine in ten {self.p90_hours:,.1f}"
            if delay == "ok"
            else "nobody said when the labels became known"
        )
        yield Signal("labels.delay_hours", self.p90_hours, "bad" if self.late else delay, says)

    def to_dict(self) -> dict[str, Any]:
        return to_document(self)

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> Labels:
        return from_document(cls, raw)


@dataclass(frozen=True)
class UsualLabels:
    """What is usual for the labels of a model, from earlier windows.

    Attributes
    ----------
    windows : int
        How many earlier windows say so.
    hours : float
        After how long the labels of all of them were in.
    coverage : float
        The share of answers that was labelled by then: the median over these windows.
    settled : bool
        Whether no more came to them, as far as one can tell.
    """

    windows: int
    hours: float
    coverage: float
    settled: bool


def usual_labels(earlier: Iterable[Labels]) -> UsualLabels | None:
    """What the earlier windows (the newest first, as last measured) tell; None when too few of them can."""
    lately = list(islice((labels for labels in earlier if labels.labelled >= _FEWEST_LABELS), _LATELY))
    settled = [labels for labels in lately if labels.settled]
    ripe = [labels for labels in lately if labels.state == "ripe" and labels.in_after_hours >= 0]
    telling = settled if len(settled) >= _FEWEST_WINDOWS else ripe
    if len(telling) < _FEWEST_WINDOWS:
        return None
    hours = max(labels.in_after_hours for labels in telling)
    coverage = float(np.median([labels.coverage for labels in telling]))
    return UsualLabels(len(telling), hours, coverage, telling is settled)


def measure_labels(
    answers: Answers, *, now: datetime | None = None, usual: UsualLabels | None = None
) -> Labels:
    """How many labels are in, how long they took, and whether the window can be judged."""
    rows, labelled = len(answers), int(answers.known.sum())
    asked = _utc(answers.asked_at)
    delays = ((answers.known_at - asked) / _HOUR)[~np.isnat(answers.known_at)]
    age = float("nan")
    if now is not None and rows:
        age = float((np.datetime64(_naive(now), "us") - asked.max()) / _HOUR)
    median, p90, p99 = _quantiles(np.maximum(delays, 0.0))
    state, why = _state(rows, labelled, age, usual)
    return Labels(
        rows=rows,
        labelled=labelled,
        median_hours=median,
        p90_hours=p90,
        p99_hours=p99,
        age_hours=age,
        before_asked=int((delays < 0).sum()),
        state=state,
        why=why,
        # More labels can only make the window's own delays longer.
        late=usual is not None and bool(p90 > usual.hours),
    )


def _state(rows: int, labelled: int, age: float, usual: UsualLabels | None) -> tuple[LabelsState, str]:
    if not rows:
        return "early", "no predictions"
    coverage = labelled / rows
    if coverage >= MINIMUM_COVERAGE:
        return "ripe", f"the truth of {coverage:.0%} of the predictions is known"
    so_far = f"the truth of {coverage:.0%} of the predictions is known so far"
    if usual is None or not age >= usual.hours:
        return "early", so_far
    known = f"{usual.windows} earlier windows had {usual.coverage:.0%} after {usual.hours:,.0f} hours"
    if coverage < MINIMUM_COVERAGE * usual.coverage:
        return "short", f"{so_far}, and more should be: {known}"
    if usual.settled:
        return "partial", f"{so_far.removesuffix(' so far')}, and no more is expected: {known}"
    return "early", so_far


def _quantiles(delays: Floats) -> tuple[float, float, float]:
    if not len(delays):
        return (float("nan"),) * 3
    median, p90, p99 = np.quantile(delays, [0.5, 0.9, 0.99])
    return float(median), float(p90), float(p99)


def _utc(moments: Any) -> Any:
    import pandas as pd

    # Without a cache, for which it would look at thousands of moments one by one.
    return pd.to_datetime(moments, utc=True, cache=False).dt.tz_localize(None).to_numpy("datetime64[us]")


def _naive(moment: datetime) -> datetime:
    from datetime import UTC

    return moment.astimezone(UTC).replace(tzinfo=None)
