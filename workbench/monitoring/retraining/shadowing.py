"""A challenger in the champion's shadow: whether it was there for long enough, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from workbench.config import RetrainingConfig
from workbench.monitoring.findings.finding import WindowFinding
from workbench.monitoring.findings.signal import SignalVerdict
from workbench.monitoring.performance import ShadowDelta

__all__ = ["Shadowed", "judge_shadow", "waiting"]


@dataclass(frozen=True)
class Shadowed:
    """How a challenger fared beside the champion, on what both answered.

    Attributes
    ----------
    labelled : int
        Answers of both whose truth is known.
    verdict : str
        ``bad`` when it was surely worse in a window, ``ok`` when in some window it was surely no worse, and
        in none worse; ``inconclusive`` otherwise.
    """

    version: int
    rows: int
    labelled: int
    verdict: SignalVerdict
    why: str


def judge_shadow(findings: Sequence[WindowFinding], version: int, champion: int | None) -> Shadowed:
    """Judge a shadow by the monitor's findings, as far as they hold it against this champion."""
    seen = [
        (finding.name, found.delta)
        for finding in sorted(findings, key=lambda item: item.window.start)
        for found in finding.versions
        if found.version == version and found.delta is not None and found.delta.champion == champion
    ]
    deltas = [delta for _, delta in seen]
    verdict = _verdict(deltas)
    told = [(name, delta) for name, delta in seen if delta.verdict == verdict]
    why = "; ".join(f"in {name} {delta.why}" for name, delta in told) or "no answer of both is on record"
    rows, labelled = (sum(getattr(delta, name) for delta in deltas) for name in ("rows", "labelled"))
    return Shadowed(version, rows, labelled, verdict, why)


def _verdict(deltas: Sequence[ShadowDelta]) -> SignalVerdict:
    found = {delta.verdict for delta in deltas}
    return "bad" if "bad" in found else "ok" if "ok" in found else "inconclusive"


def waiting(policy: RetrainingConfig, shadowed: Shadowed, since: datetime, now: datetime) -> str:
    """What is still to be waited for before the shadow is judged; empty when nothing is."""
    said = []
    if policy.shadow_for is not None and now < since + policy.shadow_for:
        said.append(f"it shadows until {since + policy.shadow_for:%Y-%m-%d %H:%M} UTC")
    if policy.shadow_labels is not None and shadowed.labelled < policy.shadow_labels:
        said.append(f"{shadowed.labelled:,} of {policy.shadow_labels:,} labels of its answers are known")
    return ", and ".join(said)
