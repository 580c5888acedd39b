"""The widgets of the review panel: a tab for each part, thin views of their states."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.panels.review.items_widget import ItemsWidget
from workbench.panels.review.predictions_widget import PredictionsWidget
from workbench.panels.review.reports_widget import ReportsWidget

if TYPE_CHECKING:
    from ipywidgets import VBox

    from workbench.panels.review.panel import ReviewPanel

__all__ = ["build"]

_TITLES = ("Live predictions", "Reports", "Backlog")


def build(panel: ReviewPanel) -> VBox:
    """The panel; the backlog is read anew whenever somebody opens it."""
    import ipywidgets as w

    predictions = PredictionsWidget(panel.predictions)
    reports, items = ReportsWidget(panel.reports), ItemsWidget(panel.items)
    tab = w.Tab([predictions.box, reports.box, items.box], titles=_TITLES, selected_index=0)

    def opened(change: dict[str, Any]) -> None:
        if change["new"] == 1:
            reports.open()
        elif change["new"] == 2:
            items.refresh()

    tab.observe(opened, names="selected_index")
    return w.VBox([tab])
