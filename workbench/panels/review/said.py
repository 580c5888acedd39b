"""What was said of reports, and what waits on the backlog, as markup."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from workbench.panels.markup import CELL, problem
from workbench.panels.review.markup import cut, links, soft
from workbench.registry.identity import Identity
from workbench.tracking.page import moment

if TYPE_CHECKING:
    from workbench.panels.review.items import Items
    from workbench.panels.review.reports import Reports
    from workbench.registry.reviews import ReportReview
    from workbench.store.backlog import Item

__all__ = ["backlog", "item", "items", "report", "review"]

_MOST_ITEMS, _SHORT = 30, 160
_PRIORITY = {"high": "#d1373f", "normal": "#a8741a", "low": "#7a848f"}


def report(of: Reports) -> str:
    """What is said of the report that is looked at, and who stands by it."""
    return problem(of.problem) + (review(of.seen) if of.seen is not None else "")


def review(seen: ReportReview) -> str:
    """Remarks and sign-offs."""
    states = {"counts": "signed off", "lapsed": "lapsed: the report has changed since"}
    signed = "".join(
        f"<li><b>{states.get(each.state, each.state)}</b> {escape(str(each.who))} "
        + soft(moment(each.signed.at) + (" · ran it, too" if seen.is_authors(each) else ""))
        + "</li>"
        for each in seen.sign_offs
    )
    said = "".join(
        f"<li>{escape(str(each.who))} {soft(moment(each.said.at))}"
        + (f" on cell {each.said.cell}" if each.said.cell is not None else "")
        + (f" · backlog {each.said.item}: {escape(each.became)}" if each.said.item is not None else "")
        + f'<div style="white-space: pre-wrap">{escape(each.said.text)}</div></li>'
        for each in seen.remarks
    )
    lists = "".join(f"<ul>{part}</ul>" for part in (signed, said) if part)
    nothing = f"<p>{soft('Nobody has said anything of it, or signed it off.')}</p>"
    return f"<p><b>{escape(seen.name)}</b> {soft(f'run by {seen.manifest.who}')}</p>{lists or nothing}"


def backlog(of: Items) -> str:
    """The items that are shown, for a report."""
    head = "On the backlog, closed items among them" if of.closed else "Open on the backlog"
    return problem(of.problem) + (f"<p><b>{head}</b></p>{items(of.found)}" if of.known else "")


def items(found: list[Item]) -> str:
    """Items as a table, in their order: the most urgent first, and closed ones last."""
    if not found:
        return f"<p>{soft('Nothing is open.')}</p>"
    heads = "".join(
        f'<th style="{CELL}">{head}</th>' for head in ("", "priority", "kind", "for", "what", "links")
    )
    rows = "".join(
        f'<tr><td style="{CELL}">{each.id}</td>'
        f'<td style="{CELL}; white-space: nowrap">{_urgency(each)}</td>'
        f'<td style="{CELL}">{escape(each.kind)}</td>'
        f'<td style="{CELL}">{escape(cut(each.assignee)) or "–"}</td>'
        f'<td style="{CELL}">{escape(cut(each.title, _SHORT))}</td>'
        f'<td style="{CELL}">{links(each.links)}</td></tr>'
        for each in found[:_MOST_ITEMS]
    )
    more = len(found) - _MOST_ITEMS
    rest = f"<p>{soft(f'{more} more: workbench backlog lists them')}</p>" if more > 0 else ""
    return f'<table style="border-collapse: collapse; line-height: 1.5"><tr>{heads}</tr>{rows}</table>{rest}'


def _urgency(found: Item) -> str:
    if found.status == "closed":
        return soft("closed")
    return f'<span style="color: {_PRIORITY[found.priority]}">●</span> {found.priority}'


def item(of: Items) -> str:
    """The chosen item with its history."""
    found = of.chosen
    if found is None:
        return ""
    events = "".join(
        f"<li>{soft(f'{each.at:%Y-%m-%d %H:%M}')} {escape(each.what)} by "
        f"{escape(str(Identity(each.actor, each.database_user)))}"
        + (f": {escape(each.detail)}" if each.detail and each.what != "opened" else "")
        + "</li>"
        for each in of.history
    )
    closed = "closed" if found.status == "closed" else ""
    about = " · ".join(filter(None, (closed, found.kind, found.subject, f"for {found.assignee or 'nobody'}")))
    return (
        f"<div><p><b>{found.id}</b> {escape(found.title)}<br>{soft(about)}<br>{links(found.links)}</p>"
        f"<ul>{events}</ul></div>"
    )
