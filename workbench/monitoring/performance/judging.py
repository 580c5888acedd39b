"""Whether a version held in a window or dropped, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.tracking.metrics import improvement

if TYPE_CHECKING:
    from workbench.config import MonitoringConfig
    from workbench.monitoring.performance.result import Performance, PerformanceVerdict

__all__ = ["judge"]

# More labels than this of another kind than asked for, and the rest is not to be trusted either.
_MOST_ODD = 0.01


def judge(found: Performance, config: MonitoringConfig) -> tuple[PerformanceVerdict, str]:
    """The verdict that the figures have under these settings, and why.

    It dropped when the metric is worse than expected by at least ``performance_drop`` and its whole interval
    is worse than expected.
    """
    if reason := _undecided(found, config):
        return "inconclusive", reason
    figures = f"{found.metric} {found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"
    note = f"; {found.labels.why}" if found.labels and found.labels.state == "partial" else ""
    if not np.isfinite(found.expected):
        return "inconclusive", f"{figures}; nothing to hold it against{note}"
    why = f"{figures} where {found.expected:.3f} was expected{note}"
    if found.drop < config.performance_drop:
        return "held", why
    best = found.high if improvement(found.metric, 1.0) > 0 else found.low
    surely = improvement(found.metric, found.expected - best) > 0
    return ("dropped" if surely else "inconclusive"), why


def _undecided(found: Performance, config: MonitoringConfig) -> str:
    """Why too little is known for any verdict; empty when enough is."""
    if not found.rows:
        return "no predictions"
    if found.odd > _MOST_ODD * (found.labelled + found.odd):
        return f"{found.odd:,} labels are neither 0 nor 1, so this is no yes-or-no target"
    if found.labelled < config.minimum_labels:
        return f"{found.labelled:,} labels, {config.minimum_labels:,} are asked"
    if found.unripe:
        return found.unripe
    if found.positive_share in (0.0, 1.0):
        outcome = "positive" if found.positive_share else "negative"
        return f"all {found.labelled:,} labelled rows turned out {outcome}"
    if not np.isfinite([found.value, found.low, found.high]).all():
        return f"{found.metric} has no interval here"
    return ""
