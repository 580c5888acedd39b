"""What was measured, next to the goal."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tests.benchmarks.measure import spread

__all__ = ["Goal", "Row", "Table", "in_turn"]

T = TypeVar("T")
_HEAD = ("", "ours", "peer", "ratio", "goal", "")


def in_turn(repeats: int, ways: Mapping[str, Callable[[], T]], *, warm_up: bool = True) -> dict[str, list[T]]:
    """Take turns: each way once a round, another one first in each round; a first round does not count."""
    names = list(ways)
    if warm_up:
        for way in ways.values():
            way()
    taken: dict[str, list[T]] = {name: [] for name in names}
    for number in range(repeats):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            taken[name].append(ways[name]())
    return taken


@dataclass(frozen=True)
class Goal:
    """At least ``times`` as good as the peer, at ``most`` so much, at most ``longer`` times the peer's."""

    times: float | None = None
    most: float | None = None
    longer: float | None = None


@dataclass(frozen=True)
class Row:
    """One comparison; the ratio is of medians, and above 1 where ours is the better one."""

    what: str
    ours: Sequence[float]
    peer: Sequence[float] = ()
    goal: Goal = Goal()
    unit: str = "s"
    digits: int = 2
    more_is_better: bool = False

    @property
    def ratio(self) -> float | None:
        if not self.peer:
            return None
        ours, peer = statistics.median(self.ours), statistics.median(self.peer)
        above, below = (ours, peer) if self.more_is_better else (peer, ours)
        return above / below if below else None

    def cells(self) -> tuple[str, ...]:
        """The row as text."""
        goal, ratio = self.goal, self.ratio
        asked, kept = [], []
        if goal.times is not None:
            asked.append(f"≥ {goal.times:g}×")
            kept.append(ratio is not None and ratio >= goal.times)
        if goal.most is not None:
            asked.append(f"≤ {goal.most:g} {self.unit}".rstrip())
            kept.append(statistics.median(self.ours) <= goal.most)
        if goal.longer is not None:
            asked.append(f"≥ {1 / goal.longer:.2f}× ({goal.longer:g} times as long)")
            kept.append(ratio is not None and ratio >= 1 / goal.longer)
        verdict = ("met" if all(kept) else "MISSED") if asked else ""
        shown = "" if ratio is None else f"{ratio:.1f}×" if ratio >= 10 else f"{ratio:.2f}×"
        return (
            *(self.what, self._values(self.ours), self._values(self.peer)),
            *(shown, ", ".join(asked), verdict),
        )

    def _values(self, values: Sequence[float]) -> str:
        if len(values) > 1:
            return spread(values, self.unit, self.digits)
        return "".join(f"{value:.{self.digits}f} {self.unit}".rstrip() for value in values)


@dataclass(frozen=True)
class Table:
    """Comparisons under a title, with what has to be known to read them."""

    title: str
    rows: Sequence[Row]
    notes: Sequence[str] = ()

    def __str__(self) -> str:
        lines = [_HEAD, *(row.cells() for row in self.rows)]
        widths = [max(len(line[column]) for line in lines) for column in range(len(_HEAD))]
        text = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        ]
        return "\n  ".join([self.title, *text, *(f"({note})" for note in self.notes)])
