"""What became of a decision, in one paragraph."""

from __future__ import annotations

from workbench.monitoring.retraining.deciding import Decision
from workbench.monitoring.retraining.shadowing import Shadowed
from workbench.registry.gates.validation import Validation

__all__ = ["explain"]

_VERBS = {"passed": "passed", "failed": "failed", "inconclusive": "was inconclusive"}


def explain(
    decision: Decision, validation: Validation | None, promoted: bool, shadowed: Shadowed | None = None
) -> str:
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
        f"Validated on {validation.rows:,} rows{period}, the challenger {_VERBS[validation.verdict]}.",
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
    if shadowed is not None:
        told.append(f"In the champion's shadow: {shadowed.why}.")
    if promoted:
        told.append("The challenger is champion now.")
    elif validation.verdict == "passed" and (shadowed is None or shadowed.verdict == "ok"):
        told.append("The challenger may be promoted; the champion stays until somebody does.")
    else:
        told.append("The challenger was refused; the champion stays.")
    return " ".join(told)
