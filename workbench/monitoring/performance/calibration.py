"""Whether scores mean what they say: of the rows scored 0.3, three in ten should turn out positive."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.monitoring.findings.signal import Signal, SignalVerdict
from workbench.monitoring.performance.rounds import interval_of, rounds_of
from workbench.registry.gates.bootstrap import Interval
from workbench.registry.gates.validation import Verdict, at_most
from workbench.tracking.metrics import calibration_bins, metric

if TYPE_CHECKING:
    from workbench.registry.gates.bootstrap import Days, Floats

__all__ = ["SIGNAL_VERDICTS", "Bin", "Calibration", "measure_calibration"]

_NAME = "calibration_error"
SIGNAL_VERDICTS: dict[Verdict, SignalVerdict] = {
    "passed": "ok",
    "failed": "bad",
    "inconclusive": "inconclusive",
}


@dataclass(frozen=True)
class Bin:
    """Rows of about one score: how many, their mean score, and the share that turned out positive."""

    rows: int
    score: float
    observed: float


@dataclass(frozen=True)
class Calibration:
    """The reliability diagram of a window.

    Attributes
    ----------
    bins : tuple of Bin
        At most ten, of about equally many rows, from the lowest score.
    error : Interval
        The expected calibration error, as the gate's: :func:`workbench.tracking.metrics.calibration_error`.
    allowed : float
        The gate's threshold.
    verdict : str
        As the gate's: ``passed``, ``failed``, or ``inconclusive``.
    """

    bins: tuple[Bin, ...]
    error: Interval
    allowed: float
    verdict: Verdict
    why: str

    def signals(self) -> Iterator[Signal]:
        yield Signal("calibration.error", self.error.value, SIGNAL_VERDICTS[self.verdict], self.why)


def measure_calibration(
    y: Floats, score: Floats, days: Days, *, allowed: float, unripe: str = ""
) -> Calibration:
    """Reliability bins and the error; ``unripe`` says why the labels are not to be judged by yet."""
    place = calibration_bins(score)
    counts = np.bincount(place)
    filled = counts > 0
    sums = (np.bincount(place, values)[filled] / counts[filled] for values in (score, y))
    bins = tuple(
        Bin(int(rows), *map(float, means)) for rows, *means in zip(counts[filled], *sums, strict=True)
    )
    error = interval_of(metric(_NAME, y, score), rounds_of(_NAME, y, score, days, 0.5), days)
    why = f"predicted and observed shares differ by {error} on average; {allowed:g} is allowed"
    verdict: Verdict = "inconclusive" if unripe else at_most(error, allowed)
    return Calibration(bins, error, allowed, verdict, f"{why}; {unripe}" if unripe else why)
