"""The holdout cut into slices, and where two models disagree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from workbench.registry.gates.bootstrap import Interval, interval, ratio_rounds
from workbench.registry.gates.holdout import Holdout
from workbench.registry.gates.validation import Gate, Verdict
from workbench.tracking.metrics import improvement

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["TOO_FEW", "disagreement", "slice_table", "slices_gate"]

TOO_FEW = "too few"


def slice_table(
    holdout: Holdout, columns: Sequence[str], *, tolerance: float, minimum_rows: int
) -> pd.DataFrame:
    """The candidate's metric within each slice, and how far it falls behind the whole, on the same draws.

    A slice is ``failed`` when its whole interval lies more than ``tolerance`` behind, ``inconclusive`` when
    only its value does, ``too few`` when it has fewer rows than ``minimum_rows`` or one class only.
    """
    import pandas as pd

    whole, whole_rounds = holdout.measure("candidate")
    more = improvement(holdout.metric, 1.0)
    table = []
    for column, label, rows in holdout.slices(columns):
        value, rounds = holdout.measure("candidate", rows)
        inside = interval(value, rounds)
        ahead = interval(more * (value - whole), more * (rounds - whole_rounds))
        if rows.sum() < minimum_rows or not ahead.known:
            verdict = TOO_FEW
        elif ahead.value >= -tolerance:
            verdict = "passed"
        else:
            verdict = "failed" if ahead.high < -tolerance else "inconclusive"
        table.append(
            {
                "column": column,
                "slice": label,
                "rows": int(rows.sum()),
                "positives": int(holdout.y[rows].sum()),
                **inside.to_dict(),
                **{f"difference_{name}": number for name, number in ahead.to_dict().items()},
                "verdict": verdict,
            }
        )
    return pd.DataFrame(table)


def slices_gate(table: pd.DataFrame, metric: str, tolerance: float) -> Gate:
    """Whether any slice falls behind the whole by more than the tolerance."""
    judged = table[table["verdict"] != TOO_FEW]
    if judged.empty:
        return Gate("slices", "inconclusive", np.nan, -tolerance, "no slice has enough rows", required=False)
    worst = judged.sort_values("difference_value").iloc[0]
    verdicts = set(judged["verdict"])
    verdict: Verdict = "passed"
    if "failed" in verdicts:
        verdict = "failed"
    elif "inconclusive" in verdicts:
        verdict = "inconclusive"
    why = (
        f"{metric} is lowest in {worst['column']} {worst['slice']}: {worst['value']:.3f}, which is "
        f"{worst['difference_value']:+.3f} [{worst['difference_low']:+.3f}, {worst['difference_high']:+.3f}] "
        f"from the whole; {tolerance:g} behind is allowed; {len(judged)} slices judged, "
        f"{len(table) - len(judged)} too small"
    )
    found = Interval(*(float(worst[f"difference_{name}"]) for name in ("value", "low", "high")))
    return Gate("slices", verdict, found.value, -tolerance, why, found, required=False)


def disagreement(holdout: Holdout, columns: Sequence[str], *, other: str) -> pd.DataFrame:
    """How often candidate and ``other`` flag differently, and how far apart they score, by slice."""
    import pandas as pd

    first, second = holdout.scores["candidate"], holdout.scores[other]
    differs = ((first >= holdout.threshold) != (second >= holdout.threshold)).astype(float)
    everything = ("", "(all)", np.ones(len(first), dtype=bool))
    table = []
    for column, label, rows in [everything, *holdout.slices(columns)]:
        ones = np.ones(int(rows.sum()))
        share = interval(
            float(differs[rows].mean()), ratio_rounds(differs[rows], ones, holdout.days.only(rows))
        )
        table.append(
            {
                "column": column,
                "slice": label,
                "rows": len(ones),
                "flagged_differently": share.value,
                "low": share.low,
                "high": share.high,
                "mean_distance": float(np.abs(first[rows] - second[rows]).mean()),
            }
        )
    return pd.DataFrame(table)
