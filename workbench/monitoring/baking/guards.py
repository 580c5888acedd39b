"""The guards of ``[baking]``: each says of a window whether it is violated, holds, or cannot be told."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from workbench.config.baking import BakingConfig
from workbench.monitoring.baking.evidence import Before, Outcome, Violation, WindowFigures
from workbench.monitoring.health.shares import least_share
from workbench.registry.gates.bootstrap import Interval
from workbench.tracking.metrics import improvement

__all__ = ["Finding", "judge_outcome", "judge_window", "unjudged", "violation"]

# Of the 99th percentile.
_SLOWER = 0.01
# More than for one look: a window is looked at again and again while it fills.
_CONFIDENCE = 0.99
#: The signals of monitoring that guards are about.
_SIGNALS = {
    "failed_share": "health.failed_share",
    "p99_ms": "health.p99_ms",
    "slower_than_before": "health.p99_ms",
    "score_shift": "drift.prediction",
    "performance_drop": "performance.drop",
}


@dataclass(frozen=True)
class Finding:
    """What a guard finds.

    Attributes
    ----------
    violated : bool or None
        None when too little is known.
    says : str
        The figures, and the line that they are held to; or what lacks, where too little is known.
    """

    guard: str
    violated: bool | None
    says: str


def violation(
    config: BakingConfig,
    windows: Sequence[WindowFigures],
    before: Before | None,
    outcome: Outcome | None,
    at: datetime,
) -> Violation | None:
    """The first guard that is violated: by the windows, in order of time, or by what became of the answers.

    As rules for alerts, it goes by the last windows about which something can be told.
    """
    seen: dict[str, list[Finding]] = {}
    for window in windows:
        for found in judge_window(config, window, before):
            if found.violated is None:
                continue
            last = seen.setdefault(found.guard, [])
            last.append(found)
            del last[: -config.windows]
            if sum(bool(each.violated) for each in last) >= config.needed:
                return _violation(next(each for each in reversed(last) if each.violated), at)
    if outcome is not None and (found := judge_outcome(config, outcome)).violated:
        return _violation(found, at)
    return None


def unjudged(
    config: BakingConfig, windows: Sequence[WindowFigures], before: Before | None, outcome: Outcome | None
) -> tuple[dict[str, str], bool]:
    """What lacks of each guard that is declared and could be judged in no window; whether any could be."""
    lacks: dict[str, str] = {}
    judged = set()
    found = [each for window in windows for each in judge_window(config, window, before)]
    if config.performance_drop is not None:
        found.append(judge_outcome(config, outcome or Outcome("", 0)))
    for each in found:
        if each.violated is None:
            lacks[each.guard] = each.says
        else:
            judged.add(each.guard)
    return {guard: why for guard, why in lacks.items() if guard not in judged}, bool(judged)


def judge_window(config: BakingConfig, window: WindowFigures, before: Before | None) -> Iterator[Finding]:
    """What each guard that is declared finds in one window."""
    for guard in (_failed, _slow, _slower, _shifted):
        if (found := guard(config, window, before)) is not None:
            yield found


def judge_outcome(config: BakingConfig, outcome: Outcome) -> Finding:
    """Whether the metric is worse than the bar by what is allowed, and surely worse.

    Where the bar is a measurement, too, it was made on other answers, so that the squares of both errors add
    up: one day is harder than another, whoever answers.
    """
    asked = config.performance_drop
    if asked is None or outcome.labelled < config.minimum_labels:
        return Finding("performance_drop", None, f"{outcome.labelled:,} of {config.minimum_labels:,} labels")
    reached = Interval(outcome.value, outcome.low, outcome.high)
    bar = Interval(outcome.bar, outcome.bar_low, outcome.bar_high)
    said = f"{bar}" if bar.known else f"{outcome.bar:.3f}"
    says = f"{outcome.metric} {reached} on {outcome.labelled:,} labels, {outcome.bar_of} {said}"
    if any(map(math.isnan, (outcome.value, outcome.low, outcome.high, outcome.bar))):
        return Finding("performance_drop", None, f"{outcome.metric} or what it is held against is not known")
    larger_is_better = improvement(outcome.metric, 1.0) > 0
    best, least = (reached.high, bar.low) if larger_is_better else (reached.low, bar.high)
    error = math.hypot(best - reached.value, bar.value - least if bar.known else 0.0)
    drop = improvement(outcome.metric, bar.value - reached.value)
    return Finding("performance_drop", drop >= asked and drop > error, f"{says}; {asked:g} less is allowed")


def _failed(config: BakingConfig, window: WindowFigures, _before: Before | None) -> Finding | None:
    failed, asked = window.failed_requests, window.requests + window.failed_requests
    if not asked or window.asked < config.minimum_rows:
        return Finding("failed_share", None, f"{window.asked:,} of {config.minimum_rows:,} rows")
    says = f"{failed:,} of {asked:,} requests failed ({failed / asked:.2%}), {config.failed_share:.2%} may"
    return Finding("failed_share", _surely_more(failed, asked, config.failed_share), says)


def _slow(config: BakingConfig, window: WindowFigures, _before: Before | None) -> Finding | None:
    if config.p99_ms is None:
        return None
    says = (
        f"{window.over_limit:,} of {window.requests:,} requests took longer than {config.p99_ms:g} ms "
        f"(p99 {window.p99_ms:.3g} ms), one in a hundred may"
    )
    return _of_requests("p99_ms", config, window.over_limit, window.requests, says)


def _slower(config: BakingConfig, window: WindowFigures, before: Before | None) -> Finding | None:
    if config.slower_than_before is None:
        return None
    if before is None or before.requests < config.minimum_requests:
        known = 0 if before is None else before.requests
        lacks = f"{known:,} of {config.minimum_requests:,} requests of a champion before"
        return Finding("slower_than_before", None, lacks)
    says = (
        f"p99 {window.p99_ms:.3g} ms of {window.requests:,} requests where v{before.version} had "
        f"{before.p99_ms:.3g} ms; {config.slower_than_before:g} times that may be"
    )
    return _of_requests("slower_than_before", config, window.over_before, window.requests, says)


def _shifted(config: BakingConfig, window: WindowFigures, before: Before | None) -> Finding | None:
    if config.score_shift is None:
        return None
    # Away from validation alone is what the world has done; away from the champion before alone, what a
    # better model does. Where one of them is not known it is the other that has to do.
    sides = {"those at validation": window.from_reference}
    if before is not None:
        sides[f"those of v{before.version}"] = window.from_before
    known = {whose: far for whose, far in sides.items() if not math.isnan(far)}
    if not known:
        return Finding("score_shift", None, "too few scores on either side")
    away = " and ".join(f"{far:.2f} from {whose}" for whose, far in known.items())
    says = f"the scores lie {away} (in standard deviations); {config.score_shift:g} may be"
    return Finding("score_shift", min(known.values()) >= config.score_shift, says)


def _of_requests(guard: str, config: BakingConfig, slow: int, requests: int, says: str) -> Finding:
    if requests < config.minimum_requests:
        return Finding(guard, None, f"{requests:,} of {config.minimum_requests:,} requests")
    return Finding(guard, _surely_more(slow, requests, _SLOWER), says)


def _surely_more(bad: int, requests: int, allowed: float) -> bool:
    return least_share(bad, requests, _CONFIDENCE) > allowed


def _violation(found: Finding, at: datetime) -> Violation:
    return Violation(found.guard, _SIGNALS[found.guard], found.says, at)
