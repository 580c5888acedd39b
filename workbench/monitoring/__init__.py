"""What becomes of a served model: drift, performance once labels are there, skew, trends, health; and alerts.

===============================  =================================================================
:func:`watch`                    look at every window of a prediction log, record it, raise alerts
:func:`look`                     the same for other windows or one version; nothing is recorded
:class:`WindowFinding`           what one window showed, version by version
:func:`publish`                  the page of it, and every verdict as a table and as JSON
:func:`measure_drift`            drift of one table against another
:func:`bake`                     look at a new champion once, and roll it back when a guard is violated
:func:`evidently_page`           Evidently's own report on samples, safe and small
:func:`evidently_pages`          the same of every window, from its version's reference
:func:`decide`                   whether the retraining policy calls for a challenger
:func:`decide_within`            the same inside a notebook that does by itself what is called for
:func:`judge_shadow`             how a challenger fares beside the champion
:func:`explain`                  the decision and what became of it, in one paragraph
:func:`retrain`                  apply the policy, and go on with what is under way
===============================  =================================================================

Charts of findings are in :mod:`~workbench.monitoring.figures`.
"""

from __future__ import annotations

from workbench.monitoring.baking import bake
from workbench.monitoring.drift import DriftResult, measure_drift
from workbench.monitoring.figures import (
    Chart,
    drift_heatmap,
    flagged_of_hundred,
    performance_over_time,
    served_over_time,
)
from workbench.monitoring.findings.finding import VersionFinding, WindowFinding
from workbench.monitoring.findings.frame import from_frame, to_frame
from workbench.monitoring.looking import Watched, look, watch
from workbench.monitoring.page.evidently import evidently_page, write_pages
from workbench.monitoring.page.publishing import publish, verdicts
from workbench.monitoring.page.samples import evidently_pages
from workbench.monitoring.performance import Performance, measure_performance
from workbench.monitoring.retraining import Decision, decide, decide_within, explain, judge_shadow, retrain
from workbench.monitoring.skew import sample_logged

__all__ = [
    "Chart",
    "Decision",
    "DriftResult",
    "Performance",
    "VersionFinding",
    "Watched",
    "WindowFinding",
    "bake",
    "decide",
    "decide_within",
    "drift_heatmap",
    "evidently_page",
    "evidently_pages",
    "explain",
    "flagged_of_hundred",
    "from_frame",
    "judge_shadow",
    "look",
    "measure_drift",
    "measure_performance",
    "performance_over_time",
    "publish",
    "retrain",
    "sample_logged",
    "served_over_time",
    "to_frame",
    "verdicts",
    "watch",
    "write_pages",
]
