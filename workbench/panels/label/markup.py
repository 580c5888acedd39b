"""A row to be labelled as markup, and the picture of a queue that a report keeps.

What stands in a row, in guidelines and in names is data that anybody may have written: it is escaped or
sanitized here.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from workbench.panels.markup import CELL, problem
from workbench.panels.telling import in_words

if TYPE_CHECKING:
    from workbench.data.labels.model import Cell, Guidelines
    from workbench.panels.label.panel import LabelPanel

__all__ = ["agreed", "guidelines", "head", "picture", "row", "status"]

_SOFT = "opacity: .7"
_BOX = "border: 1px solid rgba(127,127,127,.35); border-radius: 4px; padding: 8px 14px; margin: 4px 0"
# Many columns stand beside one another, so that the keys stay in sight.
_LINE = "display: flex; gap: 1rem; padding: 3px 0; break-inside: avoid; border-bottom: 1px solid #8883"
_NOTHING = '<span style="opacity: .5">–</span>'


def head(panel: LabelPanel) -> str:
    """What is asked, and of whom."""
    asked = panel.queue.question if panel.desk.known else ""
    what = "You decide as" if panel.adjudicate else "You label as"
    who = f" · <span>{what} {escape(str(panel.desk.identity))}</span>" if panel.started else ""
    return (
        f'<div style="line-height: 1.5"><b style="font-size: 115%">{escape(asked)}</b><br>'
        f'<span style="{_SOFT}">queue {escape(panel.desk.name)}{who}</span></div>'
    )


def row(panel: LabelPanel) -> str:
    """The row that is looked at."""
    place = panel.shown
    if not panel.desk.known:
        return ""
    if not panel.started:
        left = max(0, panel.wanted - panel.given)
        return _boxed(
            f'<span style="{_SOFT}">{left} labels are still wanted; rows are yours once you start</span>'
        )
    if place is None:
        if panel.adjudicate:
            return _boxed("Nothing is left for you to decide.")
        return _boxed("There is no row for you now: all are labelled, or others are at them.")
    lines = "".join(
        f'<div style="{_LINE}">'
        f'<span style="{_SOFT}; flex: 0 0 9rem; overflow-wrap: anywhere">{escape(name)}</span>'
        f'<span style="overflow-wrap: anywhere; white-space: pre-wrap">{_cell(cell)}</span></div>'
        for name, cell in place.row.cells.items()
    )
    said = ""
    if panel.looks_back:
        before = (
            "you skipped it" if place.status == "skipped" else f"you said {panel.queue.text(place.label)}"
        )
        said = (
            f'<div style="margin-bottom: 6px"><b>Looking back: {escape(before)}.</b> A key changes it.</div>'
        )
    if panel.others:
        labels = " and ".join(f"<b>{escape(each)}</b>" for each in panel.others)
        said = f"People said {labels}."
    return _boxed(
        f'<div style="margin-bottom: 6px">{said}</div><div style="{_SOFT}">row {place.row.number}</div>'
        f'<div style="columns: 22rem; column-gap: 2rem; max-height: 60vh; overflow: auto">{lines}</div>'
    )


def status(panel: LabelPanel) -> str:
    """How far one is, and what the last key did or why it did nothing."""
    count = f"{panel.given} of {panel.wanted} labels of the queue"
    mine = f"{panel.done} by you since the start · {count}" if panel.started else count
    told = f"<b>{escape(panel.told)}</b> · " if panel.told else ""
    if not panel.desk.known:
        return problem(panel.problem)
    return f'{problem(panel.problem)}<div aria-live="polite" style="{_SOFT}">{told}{mine}</div>'


def guidelines(found: Guidelines) -> str:
    """The guidelines, folded away behind their version."""
    if not found.version:
        return f'<span style="{_SOFT}">There are no guidelines yet.</span>'
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

    from workbench.tracking.sanitize import clean_html

    text = clean_html(str(MarkdownWithMath(renderer=IPythonRenderer(escape=True)).render(found.text)))
    return f"<details><summary>Guidelines, version {found.version}</summary>{_boxed(str(text))}</details>"


def agreed(panel: LabelPanel) -> str:
    """How far people agree, in lines; why that is not known, in one."""
    try:
        lines = str(panel.agreement()).splitlines()
    except Exception as error:
        return problem(in_words(error, panel.desk.project))
    return f'<div style="line-height: 1.5; margin: 6px 0">{"<br>".join(map(escape, lines))}</div>'


def picture(panel: LabelPanel) -> str:
    """The queue as a report keeps it: how far it is, how far people agree. Rows are for those who label."""
    try:
        progress = panel.desk.progress()
    except Exception as error:
        return problem(in_words(error, panel.desk.project))
    states = ", ".join(f"{count} {state}" for state, count in progress.states.items() if count) or "no rows"
    people = "".join(
        f'<tr><td style="{CELL}">{escape(who)}</td>'
        + "".join(f'<td style="{CELL}; text-align: right">{count}</td>' for count in counts)
        + "</tr>"
        for who, counts in progress.people.items()
    )
    heads = "".join(
        f'<th style="{CELL}">{name}</th>' for name in ("person", "labelled", "skipped", "decided")
    )
    table = (
        f'<table style="border-collapse: collapse"><tr>{heads}</tr>{people}</table>'
        if people
        else "<p>Nobody has labelled yet.</p>"
    )
    return (
        f"<div><p><b>{escape(panel.queue.question)}</b> – {escape(panel.queue.name)}</p>"
        f"<p>{progress.given} of {progress.wanted} labels; {progress.rows} rows, {progress.doubled} of them "
        f"for two people: {states}</p>{table}{agreed(panel)}{guidelines(panel.guidelines)}</div>"
    )


def _cell(cell: Cell) -> str:
    if cell is None:
        return _NOTHING
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float) and cell.is_integer():  # a log keeps whole numbers as floats, too
        cell = int(cell)
    return escape(str(cell))


def _boxed(inside: str) -> str:
    return f'<div style="{_BOX}; min-height: 2em">{inside}</div>'
