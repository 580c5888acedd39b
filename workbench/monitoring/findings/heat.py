"""Drift by feature and window, as a picture or a grid shows it: which features, in which order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from workbench.monitoring.findings.finding import WindowFinding

if TYPE_CHECKING:
    from workbench.monitoring.drift import DriftResult

__all__ = ["Heat", "HeatCell", "heat_of"]

# Where some are left out, so many are shown even if fewer drifted.
_FEWEST = 10


@dataclass(frozen=True)
class HeatCell:
    """The verdict on one feature in one window; ``inconclusive`` where it was not judged."""

    verdict: str = "inconclusive"
    score: float = math.nan
    method: str = ""

    @property
    def text(self) -> str:
        """What stands in the cell: its score, else how it was decided."""
        return f"{self.score:.2f}" if math.isfinite(self.score) else self.method or "–"


@dataclass(frozen=True)
class Heat:
    """Features by window.

    Attributes
    ----------
    windows : tuple of str
        Their names, the oldest first.
    features : tuple of str
        Those that are shown, most often drifted first.
    cells : tuple of tuple of HeatCell
        One row for each feature that is shown, with a cell for each window.
    every : tuple of str
        All features, in the same order.
    rest : int
        In how many windows the first of those that are left out has drifted.
    """

    windows: tuple[str, ...]
    features: tuple[str, ...]
    cells: tuple[tuple[HeatCell, ...], ...]
    every: tuple[str, ...]
    rest: int = 0

    @property
    def says(self) -> str:
        """How many are left out; empty when all are shown."""
        if len(self.features) == len(self.every):
            return ""
        often = f"drifted in {self.rest} window{'s' if self.rest > 1 else ''} at most"
        others = often if self.rest else "never drifted"
        return f"{len(self.features)} of {len(self.every)} features; the others {others}"

    def between(self, first: int, last: int) -> Heat:
        """The same features in the windows from ``first`` to before ``last``, counted from 0."""
        cells = tuple(row[first:last] for row in self.cells)
        return replace(self, windows=self.windows[first:last], cells=cells)


def heat_of(findings: Sequence[WindowFinding], *, most: int = 40) -> Heat:
    """What the champion of each window was asked, feature by feature.

    Parameters
    ----------
    most : int
        Of more features at most so many are shown, those that ever drifted.
    """
    windows = [_cells(found.drift if (found := item.champion) else None) for item in findings]
    names = list(dict.fromkeys(name for window in windows for name in window))
    blank = HeatCell()
    count = {name: sum(window.get(name, blank).verdict == "drifted" for window in windows) for name in names}
    names.sort(key=lambda name: -count[name])
    shown = names if len(names) <= most else names[: min(most, max(sum(map(bool, count.values())), _FEWEST))]
    return Heat(
        windows=tuple(item.name for item in findings),
        features=tuple(shown),
        cells=tuple(tuple(window.get(name, blank) for window in windows) for name in shown),
        every=tuple(names),
        rest=count[names[len(shown)]] if len(shown) < len(names) else 0,
    )


def _cells(drift: DriftResult | None) -> dict[str, HeatCell]:
    if drift is None:
        return {}
    rows = drift.features[["feature", "verdict", "score", "method"]].itertuples(index=False, name=None)
    return {name: HeatCell(verdict, score, method) for name, verdict, score, method in rows}
