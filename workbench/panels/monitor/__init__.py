"""The monitor panel: what was found window by window, drift by feature, and any cell of it looked into.

==============================================  ====================================================
:mod:`~workbench.panels.monitor.panel`          what is looked at, without a widget
:mod:`~workbench.panels.monitor.recorded`       what the monitor has recorded, as it is read
:mod:`~workbench.panels.monitor.grid`           features by window as markup
:mod:`~workbench.panels.monitor.parts`          the parts, made of the figures of the monitor's page
:mod:`~workbench.panels.monitor.widget`         the widgets
==============================================  ====================================================
"""

from __future__ import annotations

from workbench.panels.monitor.panel import MonitorPanel, monitor

__all__ = ["MonitorPanel", "monitor"]
