"""Drop-down lists whose options change, and what a run is called in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workbench.tracking.page import moment
from workbench.tracking.runs import RunInfo

__all__ = ["run_label", "set_options"]


def set_options(chooser: Any, options: Sequence[tuple[str, Any]], value: Any = None) -> None:
    """Offer other options, and choose one (default: the first); nothing is sent where nothing changed."""
    if tuple(chooser.options) != tuple(options):
        chooser.options = options
    known = [each for _, each in options]
    if known:
        chooser.value = value if value in known else known[0]


def run_label(run: RunInfo) -> str:
    """A run in one line, for a person to choose by."""
    draft = " · draft" if run.draft else ""
    return f"{run.phase} · {moment(run.started_at)} · {run.status}{draft} · {run.run_id[:8]}"
