"""ipywidgets panels: live in JupyterLab, and a picture of what was looked at in the reports made of them."""

from __future__ import annotations

from workbench.panels.compare import ComparePanel, compare
from workbench.panels.label import LabelPanel, label
from workbench.panels.launch import LaunchPanel, launch
from workbench.panels.monitor import MonitorPanel, monitor
from workbench.panels.registry import RegistryPanel, registry
from workbench.panels.review import ReviewPanel, review

__all__ = [
    "ComparePanel",
    "LabelPanel",
    "LaunchPanel",
    "MonitorPanel",
    "RegistryPanel",
    "ReviewPanel",
    "compare",
    "label",
    "launch",
    "monitor",
    "registry",
    "review",
]
