"""A validation as a table for people: inline styles, everything escaped, nothing that runs."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from workbench.registry.gates.validation import Gate, Validation

__all__ = ["pill", "validation_html"]

_COLOURS = {
    "passed": ("#dcfce7", "#14532d"),
    "failed": ("#fee2e2", "#7f1d1d"),
    "inconclusive": ("#fef3c7", "#78350f"),
}
_OTHER = ("#e5e7eb", "#374151")
_TEXT = "text-align:left;vertical-align:top;padding:.3em .7em"
_NUMBER = "text-align:right;vertical-align:top;padding:.3em .7em;white-space:nowrap"


def pill(verdict: str) -> str:
    """A verdict as a coloured word."""
    background, colour = _COLOURS.get(verdict, _OTHER)
    return (
        f'<span style="display:inline-block;padding:.05em .7em;border-radius:1em;white-space:nowrap;'
        f'background:{background};color:{colour};font-weight:600">{escape(verdict)}</span>'
    )


def validation_html(validation: Validation) -> str:
    """The gates in full, and the tables behind them folded up."""
    period = ""
    if validation.start and validation.end:
        period = f", {validation.start:%Y-%m-%d} to {validation.end:%Y-%m-%d}"
    parts = [
        f'<p style="margin:.4em 0"><b>Validation</b> {pill(validation.verdict)} '
        f"{validation.rows:,} rows on {validation.days} days{escape(period)}</p>",
        _table(
            ["gate", "verdict", "evidence"],  # which has the value, its interval and what is asked
            [_gate_row(gate) for gate in validation.gates],
        ),
    ]
    if validation.notes:
        notes = "; ".join(validation.notes)
        parts.append(f'<p style="margin:.4em 0;font-size:90%">Left out: {escape(notes)}.</p>')
    for title, table in (
        ("Slices", validation.slices),
        ("Rates by group", validation.groups),
        ("Gaps between groups", validation.fairness),
        ("Where the models disagree", validation.disagreement),
    ):
        if len(table):
            parts.append(_folded(title, table))
    return f'<div style="font-size:90%">{"".join(parts)}</div>'


def _gate_row(gate: Gate) -> str:
    advisory = (
        "" if gate.required or gate.verdict == "failed" else '<span style="opacity:.7">, advisory</span>'
    )
    name = escape(gate.name) + advisory
    return (
        f'<tr><td style="{_TEXT};max-width:14em">{name}</td><td style="{_TEXT}">{pill(gate.verdict)}</td>'
        f'<td style="{_TEXT}">{escape(gate.why)}</td></tr>'
    )


def _folded(title: str, table: pd.DataFrame) -> str:
    rows = []
    for record in table.itertuples(index=False):
        cells = "".join(_cell(value, name) for name, value in zip(table.columns, record, strict=True))
        rows.append(f"<tr>{cells}</tr>")
    heads = [str(name).replace("_", " ") for name in table.columns]
    return (
        f'<details style="margin:.3em 0"><summary>{escape(title)} ({len(table)})</summary>'
        f"{_table(heads, rows)}</details>"
    )


def _cell(value: Any, name: str) -> str:
    if name == "verdict":
        return f'<td style="{_TEXT}">{pill(str(value))}</td>'
    if isinstance(value, str):
        return f'<td style="{_TEXT}">{escape(value)}</td>'
    return f'<td style="{_NUMBER}">{_number(float(value))}</td>'


def _table(heads: list[str], rows: list[str]) -> str:
    head = "".join(f'<th style="{_TEXT}">{escape(name)}</th>' for name in heads)
    return (
        f'<table style="border-collapse:collapse"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "–"
    if value == int(value) and abs(value) >= 1:
        return f"{int(value):,}"
    return f"{value:.3f}"
