"""Gaps between groups: how unequally a model treats them.

Three rates are compared, each by its widest gap between two groups (Hardt, Price & Srebro, "Equality of
Opportunity in Supervised Learning", NeurIPS 2016): recall (of those that turned out positive, how many
were flagged), false positive rate (of those that did not), and the share flagged (demographic parity).
Fairlearn measures them; their intervals are ours, since they are drawn by day.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from workbench.registry.gates.bootstrap import Interval, interval, ratio_rounds
from workbench.registry.gates.holdout import Holdout, Rows
from workbench.registry.gates.validation import Gate, Verdict
from workbench.tracking.metrics import ratio_parts

if TYPE_CHECKING:
    import pandas as pd

    from workbench.registry.gates.bootstrap import Floats

__all__ = ["RATES", "SMALLEST_BASE", "fairness_gate", "group_gaps", "group_rates"]

RATES = ("recall", "false_positive_rate", "flagged_share")
# With fewer rows that could have been flagged, a rate says more about chance than about the model.
SMALLEST_BASE = 100


def group_rates(holdout: Holdout, columns: Sequence[str]) -> pd.DataFrame:
    """The three rates within each group; NaN where fewer than 100 rows could have been flagged."""
    import pandas as pd

    tables = []
    for column in columns:
        group = np.full(len(holdout.y), "", dtype=object)
        for _, label, rows in holdout.slices([column]):
            group[rows] = label
        kept = group != ""  # of a column with very many values, the largest groups
        if kept.any():
            tables.append(_rates(holdout, kept, group[kept]).assign(column=column))
    if not tables:
        return pd.DataFrame()
    table = pd.concat(tables, ignore_index=True)
    return table[["column", "group", "rows", "positives", *RATES]]


def _rates(holdout: Holdout, rows: Rows, group: NDArray[np.object_]) -> pd.DataFrame:
    """A row for each group, the largest first."""
    from fairlearn.metrics import MetricFrame, count, false_positive_rate, selection_rate, true_positive_rate

    truth = holdout.y[rows].astype(int)
    flagged = (holdout.scores["candidate"][rows] >= holdout.threshold).astype(int)
    measured = MetricFrame(
        metrics={
            "rows": count,
            "positives": lambda y_true, y_pred: int(y_true.sum()),
            "recall": true_positive_rate,
            "false_positive_rate": false_positive_rate,
            "flagged_share": selection_rate,
        },
        y_true=truth,
        y_pred=flagged,
        sensitive_features={"group": group},
    )
    found = measured.by_group.astype(float).reset_index()
    bases = {
        "recall": found["positives"],
        "false_positive_rate": found["rows"] - found["positives"],
        "flagged_share": found["rows"],
    }
    for rate, base in bases.items():
        found[rate] = found[rate].where(base >= SMALLEST_BASE)
    table: pd.DataFrame = found.astype({"rows": int, "positives": int})
    return table.sort_values("rows", ascending=False, kind="stable")


def group_gaps(holdout: Holdout, groups: pd.DataFrame, *, allowed: float) -> pd.DataFrame:
    """The widest gap of each rate in each column, with the interval of that pair's difference.

    ``failed`` when the whole interval exceeds ``allowed``, ``inconclusive`` when only the gap itself does.
    A column with fewer than two groups that are large enough is left out.
    """
    import pandas as pd

    table = []
    for column in groups["column"].unique():
        rows_of = {label: rows for _, label, rows in holdout.slices([column])}
        for rate in RATES:
            known = groups[(groups["column"] == column) & groups[rate].notna()].sort_values(rate)
            if len(known) < 2:
                continue
            low, high = known.iloc[0], known.iloc[-1]
            below, above = (_rounds(holdout, rate, rows_of[group["group"]]) for group in (low, high))
            gap = interval(float(high[rate] - low[rate]), above - below)
            verdict = "passed"
            if gap.value > allowed:
                verdict = "failed" if gap.low > allowed else "inconclusive"
            table.append(
                {
                    "column": column,
                    "rate": rate,
                    "lowest": low["group"],
                    "highest": high["group"],
                    "gap": gap.value,
                    "low": gap.low,
                    "high": gap.high,
                    "verdict": verdict,
                }
            )
    return pd.DataFrame(table)


def fairness_gate(gaps: pd.DataFrame, allowed: float) -> Gate:
    """Whether any gap between groups is wider than allowed."""
    if gaps.empty:
        why = "no two groups are large enough to compare"
        return Gate("fairness", "inconclusive", np.nan, allowed, why, required=False)
    # Of the gaps with the gravest verdict the widest is told.
    graveness = gaps["verdict"].map({"passed": 0, "inconclusive": 1, "failed": 2})
    told = gaps.assign(graveness=graveness).sort_values(["graveness", "gap"]).iloc[-1]
    verdict: Verdict = told["verdict"]
    rate = told["rate"].replace("_", " ")
    why = (
        f"{rate} differs by {told['gap']:.3f} [{told['low']:.3f}, {told['high']:.3f}] between "
        f"{told['column']} {told['lowest']} and {told['highest']}; {allowed:g} is allowed"
    )
    found = Interval(float(told["gap"]), float(told["low"]), float(told["high"]))
    return Gate("fairness", verdict, found.value, allowed, why, found, required=False)


def _parts(holdout: Holdout, rate: str, rows: Rows) -> tuple[Floats, Floats]:
    return ratio_parts(rate, holdout.y[rows], holdout.scores["candidate"][rows], holdout.threshold)


def _rounds(holdout: Holdout, rate: str, rows: Rows) -> Floats:
    return ratio_rounds(*_parts(holdout, rate, rows), holdout.days.only(rows))
