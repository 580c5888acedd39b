"""Charts of what the monitor found. They draw findings and compute nothing.

They are figures of their own, apart from pyplot: a notebook shows one when it is a cell's last line, and
nothing else remembers it.

=================================  ===================================================================
:func:`drift_heatmap`              which features drifted in which window
:func:`distribution`               one feature in the reference and in a window
:func:`trend`                      a feature's way to its line, and when it will cross it
:func:`performance_over_time`      the metric with its interval, by version
:func:`flagged_of_hundred`         the same for a manager
:func:`calibration_curve`          whether scores mean what they say
:func:`slices`                     the metric of each slice with its interval
:func:`champion_beside_shadow`     how far a shadow's metric and answers differ
:func:`served_over_time`           quality and health of every served version on one picture
:func:`opinions_by_group`          what users say, by user group
=================================  ===================================================================
"""

from __future__ import annotations

from workbench.monitoring.figures.chart import Chart
from workbench.monitoring.figures.drift import distribution, drift_heatmap, trend
from workbench.monitoring.figures.opinions import opinions_by_group
from workbench.monitoring.figures.performance import (
    calibration_curve,
    flagged_of_hundred,
    performance_over_time,
    slices,
)
from workbench.monitoring.figures.served import champion_beside_shadow, served_over_time

__all__ = [
    "Chart",
    "calibration_curve",
    "champion_beside_shadow",
    "distribution",
    "drift_heatmap",
    "flagged_of_hundred",
    "opinions_by_group",
    "performance_over_time",
    "served_over_time",
    "slices",
    "trend",
]
