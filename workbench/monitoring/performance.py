"""How well a version did in a window, once it is known what turned out to be true."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from workbench.config import MonitoringConfig
from workbench.registry.gates.bootstrap import Days, interval, metric_rounds
from workbench.registry.gates.judging import MINIMUM_DAYS
from workbench.tracking.metrics import binary_metrics, improvement

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MINIMUM_COVERAGE", "Performance", "judge", "measure_performance"]

PerformanceVerdict = Literal["held", "dropped", "inconclusive"]
# The labels that come early are not like those that come late (what was delayed lands later).
MINIMUM_COVERAGE = 0.9
_ROUNDS = 500


@dataclass(frozen=True)
class Performance:
    """One version's performance in one window.

    Attributes
    ----------
    role : str
        In which role it answered: ``champion``, ``challenger`` or ``shadow``.
    rows, labelled : int
        Its predictions, and those of them whose truth is known.
    metric : str
        The primary metric, with its ``value`` and 95 % interval (``low``, ``high``).
    expected : float
        What it reached when it was validated.
    verdict : str
        ``held``, ``dropped``, or ``inconclusive`` when too little is known.
    flagged, flagged_positive : int
        Labelled rows that it flagged, and those of them that turned out positive.
    metrics : dict
        The whole family of metrics.
    """

    role: str
    model_version: int
    rows: int
    labelled: int
    metric: str
    value: float
    low: float
    high: float
    expected: float
    verdict: PerformanceVerdict
    why: str
    positive_share: float
    flagged: int
    flagged_positive: int
    metrics: dict[str, float] = field(default_factory=dict)

    @property
    def coverage(self) -> float:
        """The share of predictions whose truth is known."""
        return self.labelled / self.rows if self.rows else float("nan")

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def measure_performance(
    predictions: pd.DataFrame,
    *,
    role: str,
    model_version: int,
    config: MonitoringConfig,
    expected: float = float("nan"),
    metric: str = "roc_auc",
    threshold: float = 0.5,
    time: str = "asked_at",
    label: str = "value",
    seed: int = 0,
) -> Performance:
    """Judge a version by its labelled predictions.

    It dropped when the metric is worse than ``expected`` by at least ``config.performance_drop`` and its
    whole interval is worse than ``expected``. The interval resamples days; hours, where there are too few
    days in the window.

    Parameters
    ----------
    predictions : DataFrame
        ``score``, ``time`` and ``label`` (missing where the truth is not known yet) of one version.
    """
    import pandas as pd

    truth = pd.to_numeric(predictions[label], errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    known = ~np.isnan(truth)
    y, score = truth[known], predictions["score"].to_numpy(dtype=float)[known]
    metrics = binary_metrics(y, score, threshold)
    value = metrics[metric]
    low = high = float("nan")
    if np.isfinite(value):
        moments = predictions.loc[known, time]
        hourly = moments.dt.normalize().nunique() < MINIMUM_DAYS
        days = Days.of(moments, rounds=_ROUNDS, seed=seed, hourly=hourly)
        found = interval(value, metric_rounds(metric, y, score, days, threshold))
        low, high = found.low, found.high
    flagged = score >= threshold
    measured = Performance(
        role=role,
        model_version=model_version,
        rows=len(truth),
        labelled=int(known.sum()),
        metric=metric,
        value=value,
        low=low,
        high=high,
        expected=expected,
        verdict="inconclusive",
        why="",
        positive_share=metrics["positive_share"],
        flagged=int(flagged.sum()),
        flagged_positive=int((y[flagged] > 0).sum()),
        metrics=metrics,
    )
    verdict, why = judge(measured, config)
    return replace(measured, verdict=verdict, why=why)


def judge(found: Performance, config: MonitoringConfig) -> tuple[PerformanceVerdict, str]:
    """The verdict that the figures have under these settings, and why."""
    if not found.rows:
        return "inconclusive", "no predictions"
    if found.labelled < config.minimum_labels:
        return "inconclusive", f"{found.labelled:,} labels, {config.minimum_labels:,} are asked"
    if found.labelled < MINIMUM_COVERAGE * found.rows:
        return "inconclusive", f"the truth of {found.coverage:.0%} of the predictions is known so far"
    if found.positive_share in (0.0, 1.0):
        outcome = "positive" if found.positive_share else "negative"
        return "inconclusive", f"all {found.labelled:,} labelled rows turned out {outcome}"
    figures = f"{found.metric} {found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"
    if not np.isfinite([found.value, found.low, found.high]).all():
        return "inconclusive", f"{found.metric} has no interval here"
    if not np.isfinite(found.expected):
        return "inconclusive", f"{figures}; nothing to hold it against"
    why = f"{figures} where {found.expected:.3f} was expected"
    if improvement(found.metric, found.expected - found.value) < config.performance_drop:
        return "held", why
    best = found.high if improvement(found.metric, 1.0) > 0 else found.low
    surely = improvement(found.metric, found.expected - best) > 0
    return ("dropped" if surely else "inconclusive"), why
