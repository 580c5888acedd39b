"""Rows, judgements and what they come to, as markup."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from workbench.panels.markup import CELL, problem
from workbench.panels.review.markup import SOFT, cut, pairs, soft
from workbench.tracking.page import moment

if TYPE_CHECKING:
    from workbench.monitoring.judged import Answer, Figures, Share
    from workbench.panels.review.predictions import Predictions
    from workbench.store.judgements import Judgement

__all__ = ["answer", "figures", "judged", "last", "place"]

_MOST_WRONG = 20
_NUMBER = f"{CELL}; text-align: right"
_COLOURS = {"wrong": "#d1373f", "right": "#2a9142", "can't say": "#a8741a"}


def place(of: Predictions) -> str:
    """Which row this is, of how many, and what is not shown of it."""
    if of.sample is None or not of.answers:
        return ""
    count = len(of.answers)
    told = [f"row {of.at + 1} of {count}", f"{of.how}", f"{len(of.mine)} judged by you"]
    if count < of.how.rows:
        told[1] = f"{of.how} (there are no more)"
    if of.sample.hidden:
        told.append(f"hidden, since personal: {', '.join(of.sample.hidden)}")
    return soft(" · ".join(told))


def answer(of: Predictions) -> str:
    """The row that is looked at, its score and what was decided; what turned out only once it was judged."""
    found = of.current
    if found is None:
        return ""
    score = f"{found.score:.3f}" if math.isfinite(found.score) else "no score"
    decided = escape(found.decided) or ("no decision" if not math.isfinite(found.score) else "")
    head = (
        f'<div style="font-size: 1.25em; margin: 4px 0 2px">The model said <b>{decided or score}</b>'
        + (f' <span style="{SOFT}; font-size: .8em">score {score}</span>' if decided else "")
        + "</div>"
    )
    about = soft(f"v{found.version} · asked {moment(found.asked_at)} · {found.prediction_id}")
    features = (
        f"<details><summary>{len(found.features)} features</summary>{pairs(found.features)}</details>"
        if found.features
        else ""
    )
    return f"<div>{head}{about}{pairs(found.inputs)}{features}{_revealed(of, found)}</div>"


def _revealed(of: Predictions, found: Answer) -> str:
    mine = of.mine.get(found.prediction_id)
    if mine is None:
        return ""
    others = "".join(f"<br>{escape(of.who(each))} said {_verdict(each)}" for each in of.others(found))
    return (
        f'<p style="margin: 6px 0">You said {_verdict(mine)}; {_turned_out(of.truth(found))}.{others}<br>'
        f"{soft('Judge again to change your mind.')}</p>"
    )


def last(of: Predictions) -> str:
    """What was judged a moment ago, and what turned out."""
    said = of.last
    found = next((each for each in of.answers if said and each.prediction_id == said.prediction_id), None)
    if said is None or found is None:
        return ""
    told = f"Kept: {_verdict(said)} – {escape(found.prediction_id)}; {_turned_out(of.truth(found))}."
    if of.item is not None:
        state = "" if of.item.status == "open" else f", closed by {of.item.closed_by}: {of.item.closed_why}"
        told += f" It is item {of.item.id} of the backlog{escape(state)}."
    elif said.verdict == "wrong" and not said.remark:
        told += f" {soft('With a remark it can go on the backlog.')}"
    return f"<div>{told}</div>"


def figures(found: Figures) -> str:
    """Counts and shares, with what they may say of all answers; empty before anything was judged."""
    if not found.drawn:
        return ""
    slices = f"<details><summary>by slice, of what was random</summary>{_table(found.slices)}</details>"
    return (
        f'<p style="margin: 0 0 2px"><b>What people judged</b><br>{soft(_of_all(found))}</p>'
        f"{_table(found.drawn, found.people)}{slices if found.slices else ''}"
    )


def _table(*parts: Sequence[Share]) -> str:
    heads = ("", "judged", "right", "wrong", "can't say", "disputed", "share wrong")
    top = "".join(f'<th style="{_NUMBER}">{escape(head)}</th>' for head in heads)
    rows = "".join(_share(share) for part in parts for share in part)
    style = "border-collapse: collapse; margin: 4px 0; line-height: 1.5"
    return f'<table style="{style}"><tr>{top}</tr>{rows}</table>'


def _of_all(found: Figures) -> str:
    chance = next((each for each in found.drawn if each.name == "random" and each.share.known), None)
    if chance is None:
        return "nothing was drawn at random, so it says nothing of all answers"
    low, high = (f"{100 * end:.0f} %" for end in (chance.share.low, chance.share.high))
    count = chance.right + chance.wrong
    return f"of all answers they would call between {low} and {high} wrong (95 %, from {count} at random)"


def _share(of: Share) -> str:
    cells = (of.count, of.right, of.wrong, of.unsure, of.disputed, of.percent)
    numbers = "".join(f'<td style="{_NUMBER}">{cell}</td>' for cell in cells)
    return f'<tr><td style="{CELL}">{escape(cut(of.about))}</td>{numbers}</tr>'


def judged(of: Predictions) -> str:
    """What people judged, for a report: figures, and in words what was wrong; no truth, for those to come."""
    wrong = [each for each in of.judgements if each.verdict == "wrong" and each.remark][::-1][:_MOST_WRONG]
    rows = "".join(
        f'<tr><td style="{CELL}"><code>{escape(each.prediction_id)}</code></td><td style="{CELL}">'
        f'{escape(of.who(each))}</td><td style="{CELL}">{escape(cut(each.remark))}</td></tr>'
        for each in wrong
    )
    table = f'<p>Called wrong:</p><table style="border-collapse: collapse">{rows}</table>' if rows else ""
    done = f"{len(of.mine)} of {len(of.answers)} judged by {of.me}"
    count = f"<p>{escape(f'{of.how} of {of.log}: {done}.')}</p>"
    return f"{problem(of.problem)}{count if of.answers else ''}{figures(of.figures)}{table}"


def _verdict(said: Judgement) -> str:
    remark = f" ({escape(cut(said.remark))})" if said.remark else ""
    return f'<b style="color: {_COLOURS[said.verdict]}">{escape(said.verdict)}</b>{remark}'


def _turned_out(truth: str) -> str:
    return f"it turned out <b>{escape(truth)}</b>" if truth else "nobody knows yet what turned out"
