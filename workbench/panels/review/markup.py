"""What the panel's parts are written with. Rows, remarks and titles are data that anybody may have written.

All of it is escaped in here, in :mod:`~workbench.panels.review.judged` and in
:mod:`~workbench.panels.review.said`, and nowhere else.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from html import escape
from typing import Any

from workbench.tracking.page import moment

__all__ = ["SOFT", "cut", "links", "pairs", "soft"]

SOFT = "opacity: .7"
_RULE = "1px solid rgba(127,127,127,.25)"
_LONGEST = 400
_RUN = re.compile(r"(run [0-9a-f]{8})[0-9a-f]{24}")
_URL = re.compile(r"https?://[^\s\"'<>]+", re.IGNORECASE)


def soft(text: str) -> str:
    """A quiet line."""
    return f'<span style="{SOFT}">{escape(text)}</span>'


def links(places: Iterable[str]) -> str:
    """Addresses as links, and whatever else as text."""
    return "<br>".join(
        f'<a href="{escape(each)}" rel="noopener noreferrer" target="_blank">{escape(cut(each))}</a>'
        if _URL.fullmatch(each)
        else f"<code>{escape(cut(_shortened(each)))}</code>"
        for each in places
    )


def _shortened(place: str) -> str:
    """A run is known by the beginning of its id."""
    run = _RUN.fullmatch(place)
    return run[1] if run else place


def pairs(values: Mapping[str, Any]) -> str:
    """Names and values, in as many columns as there is room for: what is below should not move far."""
    cells = "".join(
        f'<div style="display: flex; gap: 8px; border-bottom: {_RULE}; padding: 2px 0">'
        f'<span style="{SOFT}; flex: 0 0 45%; overflow-wrap: anywhere">{escape(name)}</span>'
        f'<span style="overflow-wrap: anywhere">{escape(_text(value))}</span></div>'
        for name, value in values.items()
    )
    grid = "display: grid; grid-template-columns: repeat(auto-fill, minmax(19rem, 1fr)); gap: 0 24px"
    return f'<div style="{grid}; margin: 6px 0; line-height: 1.5">{cells}</div>' if cells else ""


def _text(value: Any) -> str:
    if value is None or value != value:  # NaN, NaT
        return "missing"
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:.4g}"
    return cut(str(value))


def cut(text: str, longest: int = _LONGEST) -> str:
    """So much of a text as a page has room for."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
