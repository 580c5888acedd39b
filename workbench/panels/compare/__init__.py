"""The compare panel: find runs among thousands, see how they differ, act on what was found.

==============================================  ======================================================
:mod:`~workbench.panels.compare.panel`          what is looked at, without a widget
:mod:`~workbench.panels.compare.reading`        what is asked for beside the run index
:mod:`~workbench.panels.compare.pairing`        which two runs are compared at first
:mod:`~workbench.panels.compare.view`           which runs and columns that comes to
:mod:`~workbench.panels.compare.filtering`      conditions as a person types them
:mod:`~workbench.panels.compare.markup`         a page of runs as markup
:mod:`~workbench.panels.compare.parts`          what is open below the table
:mod:`~workbench.panels.compare.comparison`     two runs side by side
:mod:`~workbench.panels.compare.figures`        charts and curves
:mod:`~workbench.panels.compare.fairness`       gaps between groups
:mod:`~workbench.panels.compare.widget`         the widgets
:mod:`~workbench.panels.compare.actions`        those by which one acts
:mod:`~workbench.panels.compare.again`          what running a chosen run again comes to
==============================================  ======================================================
"""

from __future__ import annotations

from workbench.panels.compare.panel import ComparePanel, compare

__all__ = ["ComparePanel", "compare"]
