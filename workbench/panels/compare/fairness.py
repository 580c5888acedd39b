"""Gates and fairness of several validations beside one another."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

from workbench.panels.markup import CELL

if TYPE_CHECKING:
    from workbench.registry.gates.validation import Validation

__all__ = ["table"]

_COLOURS = {"passed": "#2da44e", "failed": "#d1242f", "inconclusive": "#d97706"}


def table(found: Mapping[str, Validation]) -> str:
    """The widest gap of each rate between groups, and the verdict on it, a column for each validation."""
    gaps: dict[tuple[str, str], dict[str, Any]] = {}
    for name, validation in found.items():
        for row in validation.fairness.to_dict(orient="records"):
            gaps.setdefault((str(row["column"]), str(row["rate"])), {})[name] = row
    if not gaps:
        return "<p>Fairness was not judged: [model] groups names no columns.</p>"
    heads = "".join(f'<th style="{CELL}">{escape(name)}</th>' for name in found)
    rows = "".join(
        f'<tr><td style="{CELL}">{escape(rate)} by {escape(column)}</td>'
        f"{''.join(_gap(rows.get(name)) for name in found)}</tr>"
        for (column, rate), rows in gaps.items()
    )
    return (
        f'<table style="border-collapse: collapse"><tr><th style="{CELL}">widest gap between groups</th>'
        f"{heads}</tr>{rows}</table>"
    )


def _gap(row: Mapping[str, Any] | None) -> str:
    if row is None or not isinstance(row.get("gap"), int | float) or math.isnan(row["gap"]):
        return f'<td style="{CELL}">–</td>'
    verdict = str(row.get("verdict", ""))
    colour = _COLOURS.get(verdict, "inherit")
    between = escape(f"{row.get('lowest', '')} to {row.get('highest', '')}")
    return (
        f'<td style="{CELL}">{row["gap"]:.3f} <span style="opacity: .7">{between}</span> '
        f'<span style="color: {colour}">{escape(verdict)}</span></td>'
    )
