"""The retraining policy: looks at the monitor's findings, decides, and says why in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import numpy as np

from workbench.config import MonitoringConfig, RetrainingConfig
from workbench.monitoring.findings import WindowFinding
from workbench.monitoring.performance import Performance, judge
from workbench.registry.gates.validation import Validation

__all__ = ["Decision", "decide", "explain"]

Trigger = Literal["performance", "data_drift", ""]
_NAMED = 4


@dataclass(frozen=True)
class Decision:
    """Whether to retrain.

    Attributes
    ----------
    trigger : str
        ``performance`` or ``data_drift``; empty when there is nothing to do.
    reason : str
        One paragraph with the figures.
    train_from, train_until : datetime
        The training window; what was asked before ``train_until`` and is labelled by then may be learnt from.
    windows : tuple of str
        The windows that set it off.
    """

    retrain: bool
    trigger: Trigger
    reason: str
    train_from: datetime
    train_until: datetime
    windows: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        raw = asdict(self)
        return raw | {name: raw[name].isoformat() for name in ("train_from", "train_until")}


def decide(
    findings: Sequence[WindowFinding],
    *,
    retraining: RetrainingConfig,
    monitoring: MonitoringConfig,
    now: datetime,
) -> Decision:
    """Apply the policy to the findings, in order of time, as they are known ``now``.

    A trigger needs its condition in each of the last ``windows_in_a_row`` windows that could be judged;
    windows that are inconclusive (labels missing, nothing asked) are skipped, and the reason says how many.
    Of two triggers the drop in performance is told: it is what costs.
    """
    in_time = sorted(findings, key=lambda item: item.window.start)
    seen = [finding for finding in in_time if finding.window.end <= now]
    train_from = now - timedelta(days=retraining.training_days)
    said = []
    for trigger in ("performance", "data_drift"):
        if trigger not in retraining.trigger:
            continue
        judge = _dropped if trigger == "performance" else _drifted
        judged = [(finding, judge(finding, monitoring)) for finding in seen]
        conclusive = [(finding, hit) for finding, hit in judged if hit is not None]
        last = conclusive[-retraining.windows_in_a_row :]
        told = _performance_words if trigger == "performance" else _drift_words
        if len(last) == retraining.windows_in_a_row and all(hit for _, hit in last):
            windows = [finding for finding, _ in last]
            reason = (
                f"Retraining is called for: {told(windows, monitoring)}. The challenger learns from the "
                f"{retraining.training_days} days before {now:%Y-%m-%d}, as far as their outcome was known "
                "by then."
            )
            names = tuple(finding.name for finding in windows)
            return Decision(True, trigger, reason, train_from, now, names)
        skipped = len(judged) - len(conclusive)
        if last:
            said.append(told([finding for finding, _ in last], monitoring))
        else:
            said.append(f"nothing can be said about {trigger.replace('_', ' ')} yet")
        if skipped:
            said[-1] += f", {skipped} inconclusive windows left out"
    needed = f" in {retraining.windows_in_a_row} windows in a row" if retraining.windows_in_a_row > 1 else ""
    reason = f"No retraining; no trigger was reached{needed}: {'; '.join(said)}."
    if not said:
        reason = "No retraining: the policy declares no trigger."
    return Decision(False, "", reason, train_from, now)


def explain(decision: Decision, validation: Validation | None, promoted: bool) -> str:
    """One paragraph on what became of a decision: the challenger's verdict, and who is champion now."""
    if not decision.retrain:
        return decision.reason
    if validation is None:
        return f"{decision.reason} No challenger was trained yet."
    comparison = validation.gate("beats champion") or validation.gate("beats baseline")
    period = ""
    if validation.start and validation.end:
        period = f", {validation.start:%Y-%m-%d} to {validation.end:%Y-%m-%d}"
    told = [
        decision.reason,
        f"Validated on {validation.rows:,} rows{period}, the challenger {_verb(validation)}.",
    ]
    if comparison is not None:
        told.append(f"Against the {comparison.name.removeprefix('beats ')}: {comparison.why}.")
    hindering = [
        f"{gate.name} is {gate.verdict} ({gate.why})"
        for gate in validation.gates
        if gate.verdict != "passed" and gate is not comparison
    ]
    if hindering:
        told.append(f"Besides, {'; '.join(hindering)}.")
    if promoted:
        told.append("The challenger is champion now.")
    elif validation.verdict == "passed":
        told.append("The challenger may be promoted; the champion stays until somebody does.")
    else:
        told.append("The challenger was refused; the champion stays.")
    return " ".join(told)


def _dropped(finding: WindowFinding, monitoring: MonitoringConfig) -> bool | None:
    if (found := _performance(finding)) is None:
        return None
    verdict, _ = judge(found, monitoring)
    return None if verdict == "inconclusive" else verdict == "dropped"


def _drifted(finding: WindowFinding, monitoring: MonitoringConfig) -> bool | None:
    share = finding.champion.drift.share if finding.champion else np.nan
    return None if np.isnan(share) else share >= monitoring.drift_share


def _performance(finding: WindowFinding) -> Performance | None:
    return finding.champion.performance if finding.champion else None


def _performance_words(windows: Sequence[WindowFinding], monitoring: MonitoringConfig) -> str:
    parts = [
        f"in {finding.name} {found.why} ({found.labelled:,} labels)"
        for finding in windows
        if (found := _performance(finding)) is not None
    ]
    counts = f"of which a drop of {monitoring.performance_drop:g} counts"
    return f"the champion's performance, {counts}: {'; '.join(parts)}"


def _drift_words(windows: Sequence[WindowFinding], monitoring: MonitoringConfig) -> str:
    parts = []
    for finding in windows:
        if (reigning := finding.champion) is None:
            continue
        names = reigning.drift.drifted
        shown = ", ".join(names[:_NAMED]) + (
            f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        )
        parts.append(
            f"in {finding.name} {len(names)} of {len(reigning.drift.judged)} features drifted"
            + (f" ({shown})" if names else "")
        )
    return f"data drift, of which a share of {monitoring.drift_share:.0%} counts: {'; '.join(parts)}"


def _verb(validation: Validation) -> str:
    return {"passed": "passed", "failed": "failed", "inconclusive": "was inconclusive"}[validation.verdict]
