"""How well a version did in a window, once it is known what turned out to be true.

==========================  ==========================================================================
:func:`measure_performance` the metrics of a window with intervals, by slice and user group, calibration,
                            fairness, worth, and whether enough labels are in to tell
:func:`judge`               its verdict under other settings
:class:`Standard`           what a version is held against
:func:`usual_labels`        how long labels take, from earlier windows
:func:`measure_delta`       champion beside shadow
==========================  ==========================================================================
"""

from __future__ import annotations

from workbench.monitoring.performance.beside import ShadowDelta, measure_delta
from workbench.monitoring.performance.calibration import Calibration
from workbench.monitoring.performance.fairness import Gap
from workbench.monitoring.performance.judging import judge
from workbench.monitoring.performance.labels import MINIMUM_COVERAGE, Labels, UsualLabels, usual_labels
from workbench.monitoring.performance.measuring import measure_performance
from workbench.monitoring.performance.result import Performance
from workbench.monitoring.performance.slices import Slice
from workbench.monitoring.performance.standard import Standard
from workbench.monitoring.performance.utility import Utility

__all__ = [
    "MINIMUM_COVERAGE",
    "Calibration",
    "Gap",
    "Labels",
    "Performance",
    "ShadowDelta",
    "Slice",
    "Standard",
    "UsualLabels",
    "Utility",
    "judge",
    "measure_delta",
    "measure_performance",
    "usual_labels",
]
