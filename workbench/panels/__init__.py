"""ipywidgets panels: live in JupyterLab, and a picture of what was looked at in the reports made of them."""

from __future__ import annotations

from workbench.panels.compare import ComparePanel, compare
from workbench.panels.launch import LaunchPanel, launch

__all__ = ["ComparePanel", "LaunchPanel", "compare", "launch"]
