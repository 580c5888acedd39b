"""What the answers of a window were worth, in the business's own unit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.monitoring.findings.signal import Signal, SignalVerdict
from workbench.monitoring.performance.rounds import interval_of
from workbench.registry.gates.bootstrap import Interval, ratio_rounds
from workbench.registry.gates.utility import worth

if TYPE_CHECKING:
    from workbench.config import UtilityConfig
    from workbench.registry.gates.bootstrap import Days, Floats

__all__ = ["Utility", "measure_utility"]

_PER = 100


@dataclass(frozen=True)
class Utility:
    """Worth of the labelled answers, by ``[gates.utility]``.

    Attributes
    ----------
    unit : str
        The business's own.
    total : float
        Of all labelled answers.
    per_100 : Interval
        Of a hundred answers.
    gain_per_100 : Interval
        How much more than had nobody been flagged.
    verdict : str
        ``ok`` when the answers surely gained something, ``bad`` when they surely cost more than they gained.
    """

    unit: str
    total: float
    per_100: Interval
    gain_per_100: Interval
    verdict: SignalVerdict
    why: str

    def signals(self) -> Iterator[Signal]:
        yield Signal("utility.value", self.per_100.value, self.verdict, self.why)


def measure_utility(
    y: Floats, flagged: Floats, days: Days, config: UtilityConfig, *, unripe: str = ""
) -> Utility:
    """The declared values, added up; ``unripe`` says why the labels are not to be judged by yet."""
    values = _PER * worth(y, flagged, config)
    gains = values - _PER * worth(y, np.zeros_like(y), config)
    per_100, gain = (_mean(each, days) for each in (values, gains))
    verdict: SignalVerdict = "inconclusive"
    if gain.known and not unripe:
        verdict = "ok" if gain.low > 0 else "bad" if gain.high < 0 else "inconclusive"
    total = float(values.sum() / _PER)
    why = (
        f"{total:,.0f} {config.unit} in all, {per_100.value:,.1f} [{per_100.low:,.1f}, {per_100.high:,.1f}] "
        f"for {_PER} answers; {gain.value:+,.1f} [{gain.low:+,.1f}, {gain.high:+,.1f}] against flagging none"
    )
    return Utility(config.unit, total, per_100, gain, verdict, f"{why}; {unripe}" if unripe else why)


def _mean(values: Floats, days: Days) -> Interval:
    value = float(values.mean()) if len(values) else float("nan")
    return interval_of(value, ratio_rounds(values, np.ones_like(values), days), days)
