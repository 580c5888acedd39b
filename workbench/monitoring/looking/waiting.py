"""Labels that do not come: what time alone tells of a window of which nothing new was said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from workbench.monitoring.findings.finding import VersionFinding, WindowFinding
from workbench.monitoring.performance import Labels, UsualLabels, usual_labels

__all__ = ["may_wait", "usual_of", "waits"]


def usual_of(earlier: Sequence[WindowFinding], now: datetime) -> UsualLabels | None:
    """What the earlier windows, oldest first, tell ``now`` of how long labels take."""
    return usual_labels(_labels(earlier, now))


def may_wait(found: VersionFinding) -> bool:
    """Whether more labels may still change how a version was judged: else it does not wait."""
    labels = found.performance.labels if found.performance is not None else None
    return labels is None or not labels.judged


def waits(
    found: VersionFinding, evaluated_at: datetime, now: datetime, earlier: Sequence[WindowFinding]
) -> bool:
    """Whether a version cannot stay as it was judged in a window that ended: its labels are overdue now."""
    performance = found.performance
    if performance is None:
        return True
    labels = performance.labels
    if labels is None:  # there were none at all, in the whole log
        last = found.health.last or evaluated_at
        labels = Labels.none(performance.rows, (evaluated_at - last) / timedelta(hours=1))
    return (
        not labels.judged
        and labels.aged(now - evaluated_at).state_for(usual_of(earlier, now)) != labels.state
    )


def _labels(earlier: Sequence[WindowFinding], now: datetime) -> Iterator[Labels]:
    for finding in reversed(earlier):
        performance = finding.champion.performance if finding.champion else None
        if performance is not None and performance.labels is not None:
            yield performance.labels.aged(now - finding.evaluated_at)
