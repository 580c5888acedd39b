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
    """All of them as Markdown: median, lowest and highest of the repeats, and whether the goal was met."""
    if not tables:
        return "nothing was measured yet"
    return "\n\n".join(
        "\n".join(
            [
                f"**{table.title[0].upper()}{table.title[1:]}**\n",
                _HEAD,
                *("| " + " | ".join(_cell(cell) for cell in row.cells()) + " |" for row in table.rows),
                *(f"\n{note[0].upper()}{note[1:]}." for note in table.notes),
            ]
        )
        for table in tables.values()
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _place(name: str) -> Path:
    return cache("results") / f"serving-{name}.json"
