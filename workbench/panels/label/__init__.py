"""The label panel: rows of a queue one by one, a key for each label.

========================================  ====================================================
:mod:`~workbench.panels.label.panel`      the row that is looked at, and what each key does
:mod:`~workbench.panels.label.desk`       what that is in the store
:mod:`~workbench.panels.label.markup`     a row, guidelines and a queue as markup
:mod:`~workbench.panels.label.widget`     the widgets
========================================  ====================================================
"""

from __future__ import annotations

from workbench.panels.label.panel import LabelPanel, label

__all__ = ["LabelPanel", "label"]
