"""Versions and ledger as markup. What stands in tags, names and reasons anybody may have written."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

from workbench.panels.markup import CELL, ROW, problem
from workbench.panels.registry.known import Known
from workbench.registry.aliases import CHAMPION, LedgerEntry
from workbench.registry.gates.render import pill
from workbench.registry.versions import ModelVersion
from workbench.tracking.page import moment

__all__ = ["PAGE", "ledger", "name", "news", "said", "standing", "versions"]

PAGE = 10  # versions
_MOST_MOVES = 200
_RULE = "1px solid rgba(127,127,127,.25)"
_CELL = (
    f"box-sizing: border-box; height: {ROW}px; padding: 0 16px 0 0; border: 0; border-bottom: {_RULE}; "
    "white-space: nowrap; text-align: left; vertical-align: middle"
)
_NUMBER = _CELL.replace("text-align: left", "text-align: right")
_CHOSEN, _AGAINST = "background: rgba(37,99,235,.14)", "background: rgba(127,127,127,.12)"
_SOFT = "opacity: .7"
_LONGEST = 60


def name(number: int | None) -> str:
    return f"v{number}" if number else "–"


def standing(known: Known) -> str:
    """Who is champion, since when and why, and how it bakes."""
    entry = known.since(CHAMPION)
    if entry is None or entry.to_version is None:
        waits = "; a version that passed its gates becomes it: Act, or <code>workbench promote</code>"
        return f'<p style="margin: 4px 0">There is no champion yet{waits if known.versions else ""}.</p>'
    told = (
        f'<p style="margin: 4px 0"><b>Champion v{entry.to_version}</b> since {moment(entry.at)}, '
        f"by {escape(str(entry.who))}: {escape(entry.reason)}</p>"
    )
    baking = known.baking
    if baking is not None and baking.version == entry.to_version and baking.status == "baking":
        told += f'<p style="{_SOFT}; margin: 4px 0">{escape(str(baking))}</p>'
    return told


def said(done: object) -> str:
    """What was recorded, in a line."""
    return escape(str(done))


def news(entries: Sequence[LedgerEntry]) -> str:
    """What others have moved since somebody looked; empty for nothing."""
    return "".join(problem(f"meanwhile: {entry}") for entry in entries)


def versions(
    known: Known,
    shown: Sequence[ModelVersion],
    chosen: int | None,
    against: int | None,
    metric: str,
    *,
    numbered: bool = True,
) -> str:
    """A line for each of these versions.

    Parameters
    ----------
    numbered : bool
        Name the version; the live panel has a button beside each line instead.
    """
    heads = ["is", "gates", "model", metric, "learnt until", "registered"]
    cells = "".join(
        f'<th style="{_NUMBER if at == 3 else _CELL}; padding-left: {8 * (at == 0)}px; font-weight: 500; '
        f'{_SOFT}">{escape(head)}</th>'
        for at, head in enumerate(heads)
    )
    first = f'<th style="{_CELL}; font-weight: 500; {_SOFT}">version</th>' if numbered else ""
    lines = "".join(_line(known, item, chosen, against, metric, numbered) for item in shown)
    return (
        '<div style="overflow-x: auto">'
        '<table style="border-collapse: collapse; margin: 0; line-height: 20px">'
        f"<tr>{first}{cells}</tr>{lines}</table></div>"
    )


def _line(
    known: Known, item: ModelVersion, chosen: int | None, against: int | None, metric: str, numbered: bool
) -> str:
    style = _CHOSEN if item.version == chosen else _AGAINST if item.version == against else ""
    value = _metrics(item).get(metric)
    until = f"{item.trained_until:%Y-%m-%d}" if item.trained_until else "–"
    first = f'<td style="{_CELL}"><b>v{item.version}</b></td>' if numbered else ""
    return (
        f'<tr style="{style}">{first}<td style="{_CELL}; padding-left: 8px">'
        f"{' '.join(map(_badge, known.aliases_of(item.version))) or '–'}</td>"
        f'<td style="{_CELL}">{pill(item.verdict or "unknown")}</td>'
        f'<td style="{_CELL}" title="{escape(item.tag("name"))}">{_cut(item.tag("name")) or "–"}</td>'
        f'<td style="{_NUMBER}">{_figure(value)}</td><td style="{_CELL}">{until}</td>'
        f'<td style="{_CELL}">{moment(item.created_at)}</td></tr>'
    )


def ledger(known: Known) -> str:
    """All moves of all aliases, the newest first: only ever added to."""
    if not known.ledger:
        return "<p>No alias was ever moved; registering a version makes it the challenger.</p>"
    heads = ("when", "alias", "from", "to", "by", "reason", "")
    cells = "".join(f'<th style="{CELL}; font-weight: 500; {_SOFT}">{head}</th>' for head in heads)
    lines = "".join(map(_move, known.ledger[: -_MOST_MOVES - 1 : -1]))
    told = "".join(f'<p style="{_SOFT}">{each}</p>' for each in _remarks(known))
    return (
        '<div style="overflow: auto; max-height: 420px"><table style="border-collapse: collapse; margin: 0">'
        f"<tr>{cells}</tr>{lines}</table></div>{told}"
    )


def _move(entry: LedgerEntry) -> str:
    cell = f"{CELL}; white-space: nowrap"
    action = str(entry.evidence.get("action", "") or "move")
    forced = f" {pill('forced')}" if entry.evidence.get("forced") else ""
    return (
        f'<tr><td style="{cell}">{entry.at:%Y-%m-%d %H:%M}</td><td style="{cell}">{escape(entry.alias)}</td>'
        f'<td style="{cell}">{name(entry.from_version)}</td>'
        f'<td style="{cell}"><b>{name(entry.to_version)}</b></td>'
        f'<td style="{cell}">{escape(str(entry.who))}</td>'
        f'<td style="{CELL}; min-width: 14rem">{escape(entry.reason)}</td>'
        f'<td style="{cell}; {_SOFT}">{escape(action)}{forced}</td></tr>'
    )


def _remarks(known: Known) -> Iterator[str]:
    if len(known.ledger) > _MOST_MOVES:
        count = f"{len(known.ledger):,}"
        yield f"The newest {_MOST_MOVES} of {count} moves; <code>workbench ledger</code> shows all."
    if any(not entry.who.authenticated for entry in known.ledger):
        yield "Times are UTC. Claimed: a login name that no database has checked; PostgreSQL does."


def _badge(alias: str) -> str:
    """An alias: the champion's stands out."""
    colours = "background: #1d4ed8; color: #ffffff; " if alias == CHAMPION else ""
    return (
        f'<span style="{colours}border: 1px solid #1d4ed8; border-radius: 1em; padding: 0 9px; '
        f'font-weight: 600">{escape(alias)}</span>'
    )


def _metrics(item: ModelVersion) -> dict[str, Any]:
    """What it had when it was trained; its tag may hold anything."""
    try:
        found = json.loads(item.tag("metrics") or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _figure(value: Any) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return f"{value:.4f}" if is_number else "–"


def _cut(text: str) -> str:
    return escape(text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…")
