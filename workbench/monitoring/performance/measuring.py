"""Performance measured: from the answers of one version in one window to everything that is found of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from workbench.monitoring.performance.answers import Answers
from workbench.monitoring.performance.calibration import measure_calibration
from workbench.monitoring.performance.fairness import measure_gaps
from workbench.monitoring.performance.judging import judge
from workbench.monitoring.performance.labels import UsualLabels, measure_labels
from workbench.monitoring.performance.result import Performance
from workbench.monitoring.performance.rounds import blocks_of, interval_of, rounds_of
from workbench.monitoring.performance.slices import USER_GROUP, columns_of, measure_slices
from workbench.monitoring.performance.utility import measure_utility
from workbench.registry.gates.judging import MINIMUM_DAYS
from workbench.tracking.metrics import binary_metrics

if TYPE_CHECKING:
    import pandas as pd

    from workbench.config import MonitoringConfig
    from workbench.monitoring.performance.standard import Standard
    from workbench.registry.gates.bootstrap import Days

__all__ = ["measure_performance"]


def measure_performance(
    answers: pd.DataFrame,
    *,
    role: str,
    model_version: int,
    config: MonitoringConfig,
    standard: Standard,
    time: str = "asked_at",
    label: str = "truth",
    now: datetime | None = None,
    usual: UsualLabels | None = None,
    seed: int = 0,
) -> Performance:
    """Judge a version by its labelled answers in a window.

    Intervals resample days; hours, where there are too few days in the window.

    Parameters
    ----------
    answers : DataFrame
        ``prediction_id``, ``score``, ``time`` and ``label`` (missing where the truth is not known yet) of one
        version. If they are there, ``known_at`` (when the truth became known), ``user_group``, and the groups
        of the standard as ``input.<name>`` or ``feature.<name>``.
    now : datetime, optional
        Aware; what becomes known later is not known yet.
    usual : UsualLabels, optional
        How long labels took in earlier windows; see
        :func:`~workbench.monitoring.performance.labels.usual_labels`.
    seed : int
        Of the bootstrap: the same seed gives the same verdict.

    Raises
    ------
    UnknownName
        When a column is not there.
    """
    asked = Answers.of(answers, time=time, label=label, now=now)
    known = asked.known
    y, score = asked.truth[known], asked.score[known]
    days = blocks_of(asked.asked_at[known], seed=seed)
    metrics = binary_metrics(y, score, standard.threshold)
    value = metrics[standard.metric]
    rounds = rounds_of(standard.metric, y, score, days, standard.threshold)
    found = interval_of(value, rounds, days)
    flagged = score >= standard.threshold
    measured = Performance(
        role=role,
        model_version=model_version,
        rows=len(asked),
        labelled=len(y),
        metric=standard.metric,
        value=value,
        low=found.low,
        high=found.high,
        expected=standard.expected,
        verdict="inconclusive",
        why="",
        positive_share=metrics["positive_share"],
        flagged=int(flagged.sum()),
        flagged_positive=int((y[flagged] > 0).sum()),
        metrics=metrics,
        odd=asked.odd,
        labels=measure_labels(asked, now=now, usual=usual),
        notes=tuple(asked.notes()),
    )
    verdict, why = judge(measured, config)
    judged = replace(measured, verdict=verdict, why=why)
    return _closely(judged, asked, days, standard, config) if len(y) else judged


def _closely(
    found: Performance, asked: Answers, days: Days, standard: Standard, config: MonitoringConfig
) -> Performance:
    """With what only a closer look shows: slices, groups, calibration, utility."""
    import pandas as pd

    known, unripe = asked.known, found.unripe
    y, score = asked.truth[known], asked.score[known]
    columns = columns_of(asked, standard.groups)
    missing = [name for name in standard.groups if name not in columns]
    groups = pd.DataFrame(columns, index=range(len(asked))).drop(columns=USER_GROUP, errors="ignore")
    notes = [f"{', '.join(missing)} cannot be grouped by: not logged"] if missing else []
    if found.labels and found.labels.before_asked:
        notes.append(
            f"{found.labels.before_asked:,} labels were known before they were asked for: a clock is wrong"
        )
    unsure = bool(unripe) or days.count < MINIMUM_DAYS
    utility: dict[str, Any] = {}
    if standard.utility:
        flagged = (score >= standard.threshold).astype(float)
        utility["utility"] = measure_utility(y, flagged, days, standard.utility, unripe=unripe)
    return replace(
        found,
        slices=measure_slices(columns, asked, days, standard, config, unripe=unripe),
        gaps=measure_gaps(groups[known], y, score, days, standard, unripe=unsure),
        calibration=measure_calibration(y, score, days, allowed=standard.calibration_error, unripe=unripe),
        notes=(*found.notes, *notes),
        **utility,
    )
