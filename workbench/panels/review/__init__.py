"""The review panel: people judge live predictions, say what they think of reports, and tidy the backlog."""

from __future__ import annotations

from workbench.panels.review.panel import ReviewPanel, review

__all__ = ["ReviewPanel", "review"]
