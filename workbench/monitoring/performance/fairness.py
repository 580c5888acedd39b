"""How unequally a version treated groups in a window, by the gates' own measure and allowance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.monitoring.findings.signal import Signal
from workbench.monitoring.performance.calibration import SIGNAL_VERDICTS
from workbench.registry.gates.bootstrap import Interval
from workbench.registry.gates.fairness import RATES, SMALLEST_BASE, group_gaps
from workbench.registry.gates.holdout import MOST_SLICES, Holdout
from workbench.registry.gates.validation import Verdict
from workbench.tracking.metrics import ratio_parts

if TYPE_CHECKING:
    import pandas as pd

    from workbench.monitoring.performance.standard import Standard
    from workbench.registry.gates.bootstrap import Days, Floats

__all__ = ["Gap", "gap_signals", "measure_gaps"]


@dataclass(frozen=True)
class Gap:
    """The widest gap of one rate between two groups of a column, with the interval of their difference.

    Attributes
    ----------
    rate : str
        ``recall``, ``false_positive_rate`` or ``flagged_share``.
    lowest, highest : str
        The two groups.
    verdict : str
        As the gate's: ``failed`` when the whole interval exceeds what is allowed.
    """

    column: str
    rate: str
    lowest: str
    highest: str
    gap: Interval
    allowed: float
    verdict: Verdict

    @property
    def why(self) -> str:
        return (
            f"{self.rate.replace('_', ' ')} differs by {self.gap} between {self.column} {self.lowest} "
            f"and {self.highest}; {self.allowed:g} is allowed"
        )


def measure_gaps(
    groups: pd.DataFrame, y: Floats, score: Floats, days: Days, standard: Standard, *, unripe: bool
) -> tuple[Gap, ...]:
    """The gaps of each column of ``groups``, whose rows are the labelled ones."""
    import pandas as pd

    if groups.empty:
        return ()
    held = Holdout(groups, y, {"candidate": score}, days, standard.metric, standard.threshold)
    rates = pd.concat([_rates(held, str(column)) for column in groups], ignore_index=True)
    gaps = group_gaps(held, rates, allowed=standard.fairness_gap)
    return tuple(
        Gap(
            column=row["column"],
            rate=row["rate"],
            lowest=row["lowest"],
            highest=row["highest"],
            gap=Interval(row["gap"], row["low"], row["high"]),
            allowed=standard.fairness_gap,
            verdict="inconclusive" if unripe else row["verdict"],
        )
        for row in gaps.to_dict("records")
    )


def _rates(held: Holdout, column: str) -> pd.DataFrame:
    """The rates of each of the largest groups, as of :func:`~workbench.registry.gates.fairness.group_rates`.

    Fairlearn, which the gate asks, takes most of a minute over a million rows; sums over sums are the same.
    """
    import pandas as pd

    code, names = pd.factorize(held.rows[column])
    table = pd.DataFrame({"column": column, "group": names, "rows": np.bincount(code)})
    for rate in RATES:
        parts = ratio_parts(rate, held.y, held.scores["candidate"], held.threshold)
        above, below = (np.bincount(code, part, minlength=len(names)) for part in parts)
        table[rate] = np.divide(above, below, out=np.full(len(names), np.nan), where=below >= SMALLEST_BASE)
    return table.nlargest(MOST_SLICES, "rows")


def gap_signals(gaps: Sequence[Gap]) -> Iterator[Signal]:
    """A signal for each rate: of the gravest verdict over all columns, the widest."""
    graveness = ("passed", "inconclusive", "failed")
    for rate in dict.fromkeys(gap.rate for gap in gaps):
        told = max(
            (gap for gap in gaps if gap.rate == rate),
            key=lambda gap: (graveness.index(gap.verdict), gap.gap.value),
        )
        yield Signal(f"fairness.{rate}", told.gap.value, SIGNAL_VERDICTS[told.verdict], told.why)
