"""Data drift and prediction drift: what was asked in a window against what the model was validated on.

Both are summaries (:mod:`workbench.data.summary`), so that neither's rows are needed. The method and the line
are those that Evidently's preset chooses by kind and size; what it raises on (nothing in the window, a column
gone or all missing, a number turned text) is judged by its structure. A judgement is always a row of a
table, never an exception.

============================  ====================================================================
:func:`judge_drift`           two summaries compared, feature by feature
:func:`measure_drift`         the same of two frames
:class:`DriftResult`          verdicts, pictures' bars, signals for alerts; to JSON and back
============================  ====================================================================
"""

from __future__ import annotations

from workbench.data.summary import PREDICTION
from workbench.monitoring.drift.judging import FEWEST_ROWS, judge_drift, measure_drift
from workbench.monitoring.drift.result import Distribution, DriftResult, DriftVerdict, FeatureDrift

__all__ = [
    "FEWEST_ROWS",
    "PREDICTION",
    "Distribution",
    "DriftResult",
    "DriftVerdict",
    "FeatureDrift",
    "judge_drift",
    "measure_drift",
]
