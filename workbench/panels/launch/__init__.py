"""The launch panel: a form made of a notebook's parameters; run it now, or as a sweep.

=========================================  ====================================================
:mod:`~workbench.panels.launch.panel`      what would be run, and what came of it
:mod:`~workbench.panels.launch.form`       what may be typed, was typed, and what that makes
:mod:`~workbench.panels.launch.progress`   how far runs are
:mod:`~workbench.panels.launch.widget`     the widgets
=========================================  ====================================================
"""

from __future__ import annotations

from workbench.panels.launch.panel import LaunchPanel, launch

__all__ = ["LaunchPanel", "launch"]
