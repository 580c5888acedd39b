"""What all panels draw alike: the cells of a table, and a line about what could not be done."""

from __future__ import annotations

from html import escape

__all__ = ["CELL", "ROW", "RULE", "problem", "prose"]

#: Pixels: live grids put boxes beside rows, so all have one size.
ROW = 28
RULE = "1px solid rgba(127,127,127,.25)"
#: Of tables that stand by themselves.
CELL = f"padding: 4px 14px 4px 0; text-align: left; border: 0; border-bottom: {RULE}"


def prose(html: str) -> str:
    """Markup for a widget: lines as close as text has them, and what is wider than the panel is scrolled."""
    # A widget's lines are as high as its buttons, and it would be as wide as the widest table in it.
    style = "line-height: 1.5; width: 0; min-width: 100%; overflow-x: auto"
    return f'<div style="{style}">{html}</div>' if html else ""


def problem(text: str) -> str:
    """One line about what could not be done."""
    return (
        f'<div style="border-left: 4px solid #d97706; padding: 2px 10px; margin: 4px 0">{escape(text)}</div>'
        if text
        else ""
    )
