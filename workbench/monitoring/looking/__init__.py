"""Looking at a prediction log: its windows are measured, recorded, and held against the rules for alerts."""

from __future__ import annotations

from workbench.monitoring.looking.watching import Watched, look, watch

__all__ = ["Watched", "look", "watch"]
