"""Every figure by window, and every feature's verdict, folded away until it is wanted."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from workbench.monitoring.findings.finding import VersionFinding, WindowFinding
from workbench.monitoring.findings.signal import Signal
from workbench.registry.aliases import CHAMPION
from workbench.registry.card.document import (
    Block,
    Bullets,
    Cell,
    Pill,
    Section,
    Table,
    Text,
    between,
    number,
    rows_of,
)

__all__ = ["table_sections", "window_tables"]

_WINDOWS_A_TABLE = 12  # what fits on a page
_MARKS = {"drifted": "▲ ", "stable": "", "inconclusive": "? "}
_MOST_ROWS = 1_000
_Line = list[tuple[WindowFinding, VersionFinding]]


def table_sections(findings: Sequence[WindowFinding]) -> Iterator[Section]:
    """By version, the champions first."""
    ordered = _by_version(findings)
    if by_version := window_tables(findings):
        yield Section("Figures by version", by_version)
    blocks: list[Block] = []
    for (role, version), line in ordered:
        blocks += _features(f"{role} v{version}", line)
    if blocks:
        legend = "Scores by window. ▲ drifted, ? nothing can be said; without a score the structure decided."
        yield Section("Every feature", (Text(legend), *blocks))
    newest = (*_notes(findings), *_told(findings))
    if newest:
        yield Section("Newest window", newest)


def window_tables(findings: Sequence[WindowFinding]) -> tuple[Table, ...]:
    """Figures by window, a table for each role and version, the champions first."""
    return tuple(_windows(f"{role} v{version}", line) for (role, version), line in _by_version(findings))


def _by_version(findings: Sequence[WindowFinding]) -> list[tuple[tuple[str, int], _Line]]:
    lines: dict[tuple[str, int], _Line] = {}
    for finding in findings:
        for item in finding.versions:
            lines.setdefault((item.role, item.version), []).append((finding, item))
    return sorted(lines.items(), key=lambda each: (each[0][0] != CHAMPION, each[0][0], -each[0][1]))


def _windows(who: str, line: _Line) -> Table:
    # Columns of nothing but zeros would leave no room for what there is to say.
    seldom = {
        "refused": any(item.health.refused for _, item in line),
        "flagged": any(item.health.flagged for _, item in line),
    }
    more = tuple(name for name, there in seldom.items() if there)
    figures = ("predictions", "labelled", "drifted", "p99 ms", "failed", *more)
    rows = tuple(_window(finding.name, item, more) for finding, item in reversed(line))
    columns = ("window", "metric", "verdict", *figures, "why")
    return Table(columns, rows, frozenset(figures), folded=f"{who}, by window")


def _window(name: str, item: VersionFinding, more: Sequence[str]) -> tuple[Cell, ...]:
    found, drift, health = item.performance, item.drift, item.health
    return (
        name,
        f"{number(found.value)} [{between(found.low, found.high)}]" if found else "–",
        Pill(found.verdict) if found else "–",
        f"{item.rows:,}",
        _percent(found.coverage) if found else "–",
        f"{len(drift.drifted)} of {len(drift.judged)}",
        number(health.p99_ms, 1),
        _percent(health.failed_share, 2),
        *(_percent(getattr(health, f"{name}_share"), 2) for name in more),
        found.why if found else "",
    )


def _percent(share: float, digits: int = 0) -> str:
    return f"{100 * share:.{digits}f} %" if math.isfinite(share) else "–"


def _features(who: str, line: _Line) -> Iterator[Block]:
    """Features by windows, in tables that fit on a page; then what there is to say of those that drifted."""
    tables = [
        (finding.name, {row.feature: row for row in rows_of(item.drift.features)}) for finding, item in line
    ]
    for end in range(len(tables), 0, -_WINDOWS_A_TABLE):
        part = tables[max(0, end - _WINDOWS_A_TABLE) : end]
        windows = [name for name, _ in part]
        names = list(dict.fromkeys(feature for _, rows in part for feature in rows))
        cells = tuple((feature, *(_cell(rows.get(feature)) for _, rows in part)) for feature in names)
        title = f"{who}: {len(names)} features, {windows[0]}" + (
            f" to {windows[-1]}" if len(part) > 1 else ""
        )
        yield Table(("feature", *windows), cells, frozenset(windows), folded=title)
    notes = [
        (name, row.feature, Pill(row.verdict), row.method, number(row.score), number(row.threshold), row.note)
        for name, rows in reversed(tables)
        for row in rows.values()
        if row.verdict != "stable"
    ]
    if notes:
        columns = ("window", "feature", "verdict", "method", "score", "line", "note")
        more = f", the newest {_MOST_ROWS:,} of {len(notes):,}" if len(notes) > _MOST_ROWS else ""
        title = f"{who}: what drifted or could not be judged{more}"
        yield Table(columns, tuple(notes[:_MOST_ROWS]), frozenset({"score", "line"}), folded=title)


def _cell(row: Any) -> str:
    if row is None:
        return "–"
    return f"{_MARKS[row.verdict]}{number(row.score) if math.isfinite(row.score) else row.method or '–'}"


def _notes(findings: Sequence[WindowFinding]) -> Iterator[Bullets]:
    """What of the newest window could not be looked at, or was left out."""
    found: list[tuple[str, str]] = []
    for item in findings[-1].versions if findings else ():
        notes = (*item.notes, *(item.performance.notes if item.performance else ()))
        found += [(f"{item.role} v{item.version}", note) for note in notes]
    if found:
        yield Bullets(tuple(found))


def _told(findings: Sequence[WindowFinding]) -> Iterator[Block]:
    """All signals of the newest window that are bad or inconclusive, the bad ones first."""
    found: list[tuple[str, Signal]] = []
    for item in findings[-1].versions if findings else ():
        who = f"{item.role} v{item.version}"
        found += [(who, signal) for signal in item.signals() if signal.verdict != "ok"]
    if not found:
        return
    found.sort(key=lambda each: each[1].verdict != "bad")
    rows = tuple(
        (who, signal.name, number(signal.value), Pill(signal.verdict), signal.says)
        for who, signal in found[:_MOST_ROWS]
    )
    columns = ("of", "signal", "value", "verdict", "what it says")
    bad = sum(signal.verdict == "bad" for _, signal in found)
    title = f"{bad} bad, {len(found) - bad} about which nothing can be said"
    yield Text("Every signal that is not fine:")
    yield Table(columns, rows, frozenset({"value"}), folded=title)
