"""Results that are kept from one run to the next, and the README's table of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import date
from pathlib import Path

from tests.benchmarks.execution.table import Goal, Row, Table
from tests.benchmarks.serving.environments import cache

__all__ = ["keep", "kept", "readme"]

_HEAD = "| measure | ours | peer | ratio | goal |  |\n|---|---|---|---|---|---|"


def keep(name: str, table: Table) -> None:
    """Write a measure's table down, in the place of the one before."""
    _place(name).write_text(json.dumps({"day": date.today().isoformat(), **asdict(table)}), encoding="utf-8")


def kept(names: Iterable[str]) -> dict[str, Table]:
    """The tables that were kept, in this order."""
    found = {}
    for name in names:
        if _place(name).exists():
            given = json.loads(_place(name).read_text(encoding="utf-8"))
            rows = [Row(**{**row, "goal": Goal(**row["goal"])}) for row in given["rows"]]
            found[name] = Table(f"{given['title']}, {given['day']}", rows, given["notes"])
    return found


def readme(tables: Mapping[str, Table]) -> str:
    """As Markdown: one table of all that has a goal, and one for each measure that has none.

    Values are the median of the repeats, with the lowest and the highest.
    """
    if not tables:
        return "nothing was measured yet"
    goals = {name: [row for row in table.rows if row.goal != Goal()] for name, table in tables.items()}
    parts = [_HEAD]
    for name, table in tables.items():
        if goals[name]:
            parts.append(f"| **{_cell(table.title)}** | | | | | |")
            parts += [_line(row.cells()) for row in goals[name]]
    notes = [note for name, table in tables.items() if goals[name] for note in table.notes]
    parts += ["", *_sentences(notes)]
    for name, table in tables.items():
        if not goals[name]:
            parts += ["", f"| {_cell(table.title)} | ours | peer | ratio |", "|---|---|---|---|"]
            parts += [_line(row.cells()[:4]) for row in table.rows]
            parts += ["", *_sentences(table.notes)]
    return "\n".join(parts)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _sentences(notes: Iterable[str]) -> list[str]:
    return [f"{note[0].upper()}{note[1:]}." for note in dict.fromkeys(notes)]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _place(name: str) -> Path:
    return cache("results") / f"serving-{name}.json"
