"""What was found about the performance of one version in one window."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from workbench.monitoring.findings.documents import from_document, to_document
from workbench.monitoring.findings.signal import Signal, SignalVerdict
from workbench.monitoring.performance.calibration import Calibration
from workbench.monitoring.performance.fairness import Gap, gap_signals
from workbench.monitoring.performance.labels import MINIMUM_COVERAGE, Labels
from workbench.monitoring.performance.slices import Slice
from workbench.monitoring.performance.utility import Utility
from workbench.tracking.metrics import improvement

__all__ = ["Performance", "PerformanceVerdict"]

PerformanceVerdict = Literal["held", "dropped", "inconclusive"]


@dataclass(frozen=True)
class Performance:
    """One version's performance in one window.

    Attributes
    ----------
    role : str
        In which role it answered: ``champion``, ``challenger`` or ``shadow``.
    rows, labelled : int
        Its answers that have a score, and those of them whose truth is known.
    metric : str
        The primary metric, with its ``value`` and 95 % interval (``low``, ``high``).
    expected : float
        What it reached when it was validated.
    verdict : str
        ``held``, ``dropped``, or ``inconclusive`` when too little is known.
    flagged, flagged_positive : int
        Labelled rows that it flagged, and those of them that turned out positive.
    metrics : dict
        The whole family of metrics.
    odd : int
        Labels that are neither 0 nor 1; they do not count.
    labels : Labels or None
        How many labels are in, how long they take, and whether the window can be judged by them.
    slices : tuple of Slice
        By each value of the project's groups, and by user group.
    gaps : tuple of Gap
        How unequally groups are treated.
    calibration, utility : Calibration, Utility or None
        None without a label; ``utility`` also where no outcome has a declared value.
    notes : tuple of str
        What was left out, and why.
    """

    role: str
    model_version: int
    rows: int
    labelled: int
    metric: str
    value: float
    low: float
    high: float
    expected: float
    verdict: PerformanceVerdict
    why: str
    positive_share: float
    flagged: int
    flagged_positive: int
    metrics: dict[str, float] = field(default_factory=dict)
    odd: int = 0
    labels: Labels | None = None
    slices: tuple[Slice, ...] = ()
    gaps: tuple[Gap, ...] = ()
    calibration: Calibration | None = None
    utility: Utility | None = None
    notes: tuple[str, ...] = ()

    @property
    def coverage(self) -> float:
        """The share of predictions whose truth is known."""
        return self.labelled / self.rows if self.rows else float("nan")

    @property
    def drop(self) -> float:
        """How much worse than expected; below zero for better."""
        return improvement(self.metric, self.expected - self.value)

    @property
    def unripe(self) -> str:
        """Why the window is not to be judged by its labels yet; empty when it may be."""
        if self.labels is not None:
            return "" if self.labels.judged else self.labels.why
        if self.labelled < MINIMUM_COVERAGE * self.rows:
            return f"the truth of {self.coverage:.0%} of the predictions is known so far"
        return ""

    def signals(self) -> Iterator[Signal]:
        verdicts: dict[PerformanceVerdict, SignalVerdict] = {"held": "ok", "dropped": "bad"}
        verdict = verdicts.get(self.verdict, "inconclusive")
        yield Signal(f"performance.{self.metric}", self.value, verdict, self.why)
        yield Signal("performance.drop", self.drop, verdict, self.why)
        for part in (self.labels, self.calibration, self.utility, *self.slices):
            if part is not None:
                yield from part.signals()
        yield from gap_signals(self.gaps)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values; NaN is null."""
        return to_document(self)

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> Performance:
        """A performance from what :meth:`to_dict` gave."""
        return from_document(cls, raw)
