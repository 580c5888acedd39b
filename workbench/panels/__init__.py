"""ipywidgets panels: live in JupyterLab, and a table in the reports that were made of them."""

from __future__ import annotations

from workbench.panels.compare import ComparePanel, compare

__all__ = ["ComparePanel", "compare"]
