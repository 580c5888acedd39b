"""Drift, performance once labels are there, and what to do about them.

===============================  =================================================================
:func:`find`                     what each window of a prediction log showed
:func:`decide`                   whether the retraining policy calls for a challenger
:func:`explain`                  the decision and what became of it, in one paragraph
:func:`drift_heatmap`            which features drifted in which window
:func:`performance_over_time`    the metric with its interval, window by window
:func:`flagged_of_hundred`       the same for a manager
===============================  =================================================================
"""

from __future__ import annotations

from workbench.monitoring.drift import DriftResult, measure_drift
from workbench.monitoring.figures import drift_heatmap, flagged_of_hundred, performance_over_time
from workbench.monitoring.performance import Performance, measure_performance
from workbench.monitoring.retraining import Decision, decide, explain
from workbench.monitoring.windows import WindowFinding, find, from_frame, to_frame

__all__ = [
    "Decision",
    "DriftResult",
    "Performance",
    "WindowFinding",
    "decide",
    "drift_heatmap",
    "explain",
    "find",
    "flagged_of_hundred",
    "from_frame",
    "measure_drift",
    "measure_performance",
    "performance_over_time",
    "to_frame",
]
