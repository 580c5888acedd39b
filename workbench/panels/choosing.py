"""Drop-down lists whose options change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["set_options"]


def set_options(chooser: Any, options: Sequence[tuple[str, Any]], value: Any = None) -> None:
    """Offer other options, and choose one (default: the first); nothing is sent where nothing changed."""
    if tuple(chooser.options) != tuple(options):
        chooser.options = options
    known = [each for _, each in options]
    if known:
        chooser.value = value if value in known else known[0]
