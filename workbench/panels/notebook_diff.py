"""The code side of two runs as markup: what they ran in, then cells by source, then outputs by hash."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from workbench.panels.markup import CELL, problem
from workbench.tracking import output_diff
from workbench.tracking.cell_diff import CellChange
from workbench.tracking.diff import Change, RunDiff
from workbench.tracking.output_diff import OutputChange, OutputHash
from workbench.tracking.page import short

__all__ = ["changed_cells", "opened", "show"]

_PRE = "margin: 0 0 8px 0; padding: 6px 10px; overflow-x: auto; background: rgba(127,127,127,.08)"
_LINES = {"+": "background: rgba(45,164,78,.18)", "-": "background: rgba(209,36,47,.15)"}
_MOST_LINES, _LONGEST = 400, 24


def show(found: RunDiff) -> str:
    """All of it, sources first."""
    parts = [
        _table("Ran in", found.about),
        _table("Models (SHA-256)", found.models),
        changed_cells(found.cells),
        _outputs(found.outputs),
        *(problem(f"not compared: {sentence}") for sentence in found.missing),
    ]
    if not found.missing and not found.cells:
        parts.insert(2, "<p>The sources of the two notebooks are the same.</p>")
    return "".join(parts)


def changed_cells(cells: Sequence[CellChange]) -> str:
    """Cells whose sources differ, line by line."""
    return "".join(
        f"<p><b>Cell {_place(cell.left, cell.right)}</b>, {escape(cell.cell_type)} {cell.kind}</p>"
        f"{_source(cell.lines)}"
        for cell in cells
    )


def opened(found: RunDiff, change: OutputChange) -> str:
    """What one cell showed in either run, cleaned as in a report, side by side."""
    sides = []
    for side, notebook, place in zip("AB", found.notebooks, (change.left, change.right), strict=True):
        shown = "".join(
            f'<pre style="{_PRE}">{output.body}</pre>'
            if output.kind in ("text", "log", "error")
            else f"<div>{output.body}</div>"
            for output in output_diff.open_outputs(notebook, place)
        )
        style = "flex: 1 1 20rem; min-width: 0; overflow-x: auto"
        sides.append(f'<div style="{style}"><b>{side}</b>{shown or "<p>nothing</p>"}</div>')
    return f'<div style="display: flex; gap: 16px">{"".join(sides)}</div>'


def _table(title: str, changes: Sequence[Change]) -> str:
    if not changes:
        return ""
    rows = "".join(
        f'<tr><td style="{CELL}">{escape(change.name)}</td>'
        f'<td style="{CELL}">{_value(change.left)}</td><td style="{CELL}">{_value(change.right)}</td></tr>'
        for change in changes
    )
    return (
        f'<table style="border-collapse: collapse; margin: 0 0 12px 0"><tr><th style="{CELL}">{title}</th>'
        f'<th style="{CELL}">A</th><th style="{CELL}">B</th></tr>{rows}</table>'
    )


def _value(value: Any) -> str:
    text = str(value if value not in (None, "") else "–")
    return escape(text if len(text) <= _LONGEST else short(text))


def _source(lines: Sequence[str]) -> str:
    shown = "".join(
        f'<div style="{_LINES.get(line[:1], "")}">{escape(line) or " "}</div>' for line in lines[:_MOST_LINES]
    )
    more = f"<div>… {len(lines) - _MOST_LINES} more lines</div>" if len(lines) > _MOST_LINES else ""
    return f'<pre style="{_PRE}">{shown}{more}</pre>'


def _outputs(changes: Sequence[OutputChange]) -> str:
    if not changes:
        return ""
    rows = "".join(
        f'<tr><td style="{CELL}">cell {_place(change.left, change.right)}</td>'
        f'<td style="{CELL}">{_hashes(change.before)}</td>'
        f'<td style="{CELL}">{_hashes(change.after)}</td></tr>'
        for change in changes
    )
    return (
        '<table style="border-collapse: collapse; margin: 12px 0"><tr>'
        f'<th style="{CELL}">Showed otherwise</th>'
        f'<th style="{CELL}">A</th><th style="{CELL}">B</th></tr>{rows}</table>'
    )


def _hashes(outputs: Sequence[OutputHash]) -> str:
    told = (f"{escape(each.kind)}, {_size(each.size)} <code>{each.sha256[:8]}</code>" for each in outputs)
    return "<br>".join(told) or "nothing"


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB"


def _place(left: int | None, right: int | None) -> str:
    return f"{left or right}" if left is None or right is None or left == right else f"{left} → {right}"
