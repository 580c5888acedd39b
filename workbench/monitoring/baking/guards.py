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

__all__ = ["Finding", "judge_outcome", "judge_window", "violation"]

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
        The figures, and the line that they are held to.
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
    reached = Interval(outcome.value, outcome.low, outcome.high)
    bar = Interval(outcome.bar, outcome.bar_low, outcome.bar_high)
    said = f"{bar}" if bar.known else f"{outcome.bar:.3f}"
    says = f"{outcome.metric} {reached} on {outcome.labelled:,} labels, {outcome.bar_of} {said}"
    known = not any(map(math.isnan, (outcome.value, outcome.low, outcome.high, outcome.bar)))
    if asked is None or not known or outcome.labelled < config.minimum_labels:
        return Finding("performance_drop", None, says)
    larger_is_better = improvement(outcome.metric, 1.0) > 0
    best, least = (reached.high, bar.low) if larger_is_better else (reached.low, bar.high)
    error = math.hypot(best - reached.value, bar.value - least if bar.known else 0.0)
    drop = improvement(outcome.metric, bar.value - reached.value)
    return Finding("performance_drop", drop >= asked and drop > error, f"{says}; {asked:g} less is allowed")


def _failed(config: BakingConfig, window: WindowFigures, _before: Before | None) -> Finding | None:
    share = window.failed / window.asked if window.asked else math.nan
    says = f"{window.failed:,} of {window.asked:,} rows failed ({share:.2%}), {config.failed_share:.2%} may"
    return _of_many("failed_share", config, window.failed, window.asked, config.failed_share, says)


def _slow(config: BakingConfig, window: WindowFigures, _before: Before | None) -> Finding | None:
    if config.p99_ms is None:
        return None
    says = (
        f"{window.over_limit:,} of {window.rows:,} answers took longer than {config.p99_ms:g} ms "
        f"(p99 {window.p99_ms:.3g} ms), one in a hundred may"
    )
    return _of_many("p99_ms", config, window.over_limit, window.rows, _SLOWER, says)


def _slower(config: BakingConfig, window: WindowFigures, before: Before | None) -> Finding | None:
    if config.slower_than_before is None or before is None or before.rows < config.minimum_rows:
        return None
    says = (
        f"p99 {window.p99_ms:.3g} ms in {window.rows:,} answers where v{before.version} had "
        f"{before.p99_ms:.3g} ms; {config.slower_than_before:g} times that may be"
    )
    return _of_many("slower_than_before", config, window.over_before, window.rows, _SLOWER, says)


def _shifted(config: BakingConfig, window: WindowFigures, before: Before | None) -> Finding | None:
    if config.score_shift is None:
        return None
    # Away from validation alone is what the world has done; away from the champion before alone, what a
    # better model does.
    sides = {"those at validation": window.from_reference}
    if before is not None:
        sides[f"those of v{before.version}"] = window.from_before
    known = {whose: far for whose, far in sides.items() if not math.isnan(far)}
    if not known:
        return Finding("score_shift", None, "too few scores to compare")
    away = " and ".join(f"{far:.2f} from {whose}" for whose, far in known.items())
    says = f"the scores lie {away} (in standard deviations); {config.score_shift:g} may be"
    return Finding("score_shift", min(known.values()) >= config.score_shift, says)


def _of_many(guard: str, config: BakingConfig, bad: int, rows: int, allowed: float, says: str) -> Finding:
    """Whether surely more than allowed are bad."""
    if rows < config.minimum_rows:
        return Finding(guard, None, f"{says}; {config.minimum_rows:,} rows are asked")
    return Finding(guard, least_share(bad, rows, _CONFIDENCE) > allowed, says)


def _violation(found: Finding, at: datetime) -> Violation:
    return Violation(found.guard, _SIGNALS[found.guard], found.says, at)
