"""A page of runs as markup: the body of the live grid, and the whole table for a report.

What stands in a run is data that anybody may have written: all of it is escaped here, and nowhere else.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime
from html import escape
from typing import Any

from workbench.panels.compare.view import PAGE, Group, Shown
from workbench.panels.markup import ROW, RULE
from workbench.tracking.page import duration
from workbench.tracking.run_table import Column

__all__ = ["COLUMN", "about", "body", "heading", "page_of", "picture"]

#: Pixels: the live grid puts buttons over columns, so all have one size.
COLUMN = 128
_LINE = f"line-height: {ROW - 1}px; white-space: nowrap"
_LONGEST = 200  # of a value, in its tooltip
_CELL = f"padding: 0 8px; border: 0; border-bottom: {RULE}"
_CHOSEN = "background: rgba(37,99,235,.14)"
_CUT, _ROOM = f"overflow: hidden; text-overflow: ellipsis; max-width: {COLUMN - 16}px", 16
_SOFT = "opacity: .7"


def body(shown: Shown) -> str:
    """The rows of the page without their heads, in columns of one width."""
    count = len(_heads(shown))
    lines = "".join(_lines(shown))
    return (
        f'<table style="table-layout: fixed; border-collapse: collapse; margin: 0; '
        f'width: {count * COLUMN}px; {_LINE}">{lines}</table>'
    )


def picture(shown: Shown) -> str:
    """The page as a table by itself, as a report keeps it."""
    heads = "".join(
        f'<th style="{_CELL}; text-align: {_side(column)}" title="{escape(name)}">{escape(text)}</th>'
        for name, text, column in _heads(shown)
    )
    where = f" where <code>{escape(shown.view.where)}</code>" if shown.view.where else ""
    return (
        f'<p style="{_SOFT}; margin: 4px 0">{page_of(shown)}{where}</p>'
        f'<div style="overflow-x: auto"><table style="border-collapse: collapse; margin: 0; {_LINE}">'
        f"<tr>{heads}</tr>{''.join(_lines(shown))}</table></div>{about(shown)}"
    )


def heading(shown: Shown) -> list[tuple[str, str, str]]:
    """Of each column its name to sort by, what its head says, and its whole name."""
    return [(name, text, column.name if column else name) for name, text, column in _heads(shown)]


def page_of(shown: Shown) -> str:
    """How many there are, and which of them are shown."""
    total, found = len(shown.table), len(shown.rows)
    start = shown.view.page * PAGE
    if shown.view.group:
        groups, end = len(shown.groups), min(start + PAGE, len(shown.groups))
        return f"groups {start + 1:,}–{end:,} of {groups:,}, of {found:,} runs" if groups else "no runs"
    if not found:
        return "no run is like that" if total else "there are no runs yet"
    end = min(start + PAGE, found)
    of = f" ({total:,} in all)" if total != found else ""
    return f"runs {start + 1:,}–{end:,} of {found:,}{of}"


def about(shown: Shown) -> str:
    """What is the same in all of these runs, and what found no room."""
    first = int(shown.rows[0]) if len(shown.rows) else 0
    parts = []
    if shown.same:
        values = "".join(
            f"<li>{escape(column.name)}: {escape(_text(column, column.values[first]))}</li>"
            for column in shown.same
        )
        parts.append(
            f"<details><summary>{len(shown.same)} the same in all of them</summary>"
            f"<ul>{values}</ul></details>"
        )
    if shown.left_out:
        names = escape(", ".join(column.name for column in shown.left_out))
        parts.append(
            f"<details><summary>{len(shown.left_out)} more columns differ</summary>"
            f"{names}. One that is sorted by is shown.</details>"
        )
    return f'<div style="{_SOFT}; margin: 4px 0">{"".join(parts)}</div>' if parts else ""


def _heads(shown: Shown) -> list[tuple[str, str, Column | None]]:
    view = shown.view
    if view.group:
        columns = [shown.table.columns[view.group], *_measured(shown)]
        texts = [
            (columns[0].name, columns[0].label),
            *((item.name, f"mean {item.label}") for item in columns[1:]),
        ]
        heads: list[tuple[str, str, Column | None]] = [
            (name, text, column) for (name, text), column in zip(texts, columns, strict=True)
        ]
        heads.insert(1, ("", "runs", None))
    else:
        names = {"run_id": "run", "started_at": "started (UTC)"}
        heads = [(item.name, names.get(item.name, item.label), item) for item in shown.columns]
    arrow = " ▼" if view.descending else " ▲"
    return [(name, text + arrow * (name == view.sort), column) for name, text, column in heads]


def _measured(shown: Shown) -> list[Column]:
    return [column for column in shown.columns if column.kind == "metrics"]


def _lines(shown: Shown) -> Iterator[str]:
    if shown.view.group:
        yield from (_group_line(shown, group) for group in shown.page_groups)
        return
    ids = shown.table.columns["run_id"].values
    for row in shown.page_rows:
        style = f' style="{_CHOSEN}"' if ids[row] in shown.view.chosen else ""
        cells = "".join(_cell(column, column.values[row]) for column in shown.columns)
        yield f"<tr{style}>{cells}</tr>"


def _group_line(shown: Shown, group: Group) -> str:
    cells = [_cell(shown.table.columns[shown.view.group], group.value)]
    cells.append(f'<td style="{_CELL}; text-align: right">{group.count:,}</td>')
    for column in _measured(shown):
        mean = group.means[column.name]
        cells.append(_cell(column, None if math.isnan(mean) else mean))
    return f"<tr>{''.join(cells)}</tr>"


def _cell(column: Column, value: Any) -> str:
    text = _text(column, value)
    # Tells of what is cut or rounded; a page has hundreds of these, so the others do without.
    whole = "" if value is None or str(value) == text else f' title="{escape(str(value)[:_LONGEST])}"'
    cut = f"; {_CUT}" if len(text) > _ROOM else ""
    side = "; text-align: right" if _side(column) == "right" else ""
    return f'<td style="{_CELL}{side}{cut}"{whole}>{escape(text)}</td>'


def _side(column: Column | None) -> str:
    is_number = column is None or column.kind == "metrics" or column.name in ("seconds", "trial")
    return (
        "right"
        if is_number or (column is not None and column.kind == "params" and column.numbers is not None)
        else "left"
    )


def _text(column: Column, value: Any) -> str:
    if value is None or value == "":
        return "–"
    if column.name in ("run_id", "parent_run_id"):
        return str(value)[:8]
    if column.name == "seconds":
        return duration(value)
    if column.name == "code_version":
        commit, plus, rest = str(value).partition("+")
        return commit[:8] + plus + rest
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if column.kind == "datasets":
        return f"v{value}"
    if isinstance(value, float):
        return _number(value)
    return str(value)[:_LONGEST]


def _number(value: float) -> str:
    if math.isfinite(value) and value.is_integer() and abs(value) >= 10:
        return f"{value:,.0f}"
    return f"{value:,.4f}" if 0.001 <= abs(value) < 1e6 or value == 0 else f"{value:.4g}"
