"""A challenger in the champion's shadow: whether it was there for long enough, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from workbench.config import MonitoringConfig, RetrainingConfig
from workbench.monitoring.findings.finding import WindowFinding
from workbench.monitoring.findings.signal import SignalVerdict
from workbench.monitoring.performance import MINIMUM_COVERAGE, ShadowDelta
from workbench.monitoring.performance.beside import pooled

__all__ = ["Shadowed", "judge_shadow", "waiting"]


@dataclass(frozen=True)
class Shadowed:
    """How a challenger fared beside the champion, on what both answered.

    Attributes
    ----------
    labelled : int
        Answers of both whose truth is known.
    verdict : str
        ``bad`` when it was surely worse, ``ok`` when it was surely not worse by more than the allowed drop;
        ``inconclusive`` otherwise.
    """

    version: int
    rows: int
    labelled: int
    verdict: SignalVerdict
    why: str


def judge_shadow(
    findings: Sequence[WindowFinding], version: int, champion: int | None, monitoring: MonitoringConfig
) -> Shadowed:
    """Judge a shadow by the monitor's findings, as far as they hold it against this champion."""
    seen = {
        finding.name: found.delta
        for finding in sorted(findings, key=lambda item: item.window.start)
        for found in finding.versions
        if found.version == version and found.delta is not None and found.delta.champion == champion
    }
    deltas = list(seen.values())
    rows, labelled = (sum(getattr(delta, name) for delta in deltas) for name in ("rows", "labelled"))
    if not deltas:
        return Shadowed(version, rows, labelled, "inconclusive", "no answer of both is on record")
    whole = [name for name, delta in seen.items() if _is_whole(delta)]
    if len(whole) < 2:
        name, delta = next(((name, seen[name]) for name in whole), list(seen.items())[-1])
        return Shadowed(version, rows, labelled, delta.verdict, f"in {name} {delta.why}")
    verdict, why = pooled([seen[name] for name in whole], monitoring)
    return Shadowed(version, rows, labelled, verdict, f"in {' and '.join(whole)} together {why}")


def _is_whole(delta: ShadowDelta) -> bool:
    """Whether the truth of nearly all of its answers is known: what is known early is not like the rest."""
    return delta.difference.known and delta.labelled >= MINIMUM_COVERAGE * delta.rows


def waiting(policy: RetrainingConfig, shadowed: Shadowed, since: datetime, now: datetime) -> str:
    """What is still to be waited for before the shadow is judged; empty when nothing is."""
    said = []
    if policy.shadow_for is not None and now < since + policy.shadow_for:
        said.append(f"it shadows until {since + policy.shadow_for:%Y-%m-%d %H:%M} UTC")
    if policy.shadow_labels is not None and shadowed.labelled < policy.shadow_labels:
        said.append(f"{shadowed.labelled:,} of {policy.shadow_labels:,} labels of its answers are known")
    return ", and ".join(said)
