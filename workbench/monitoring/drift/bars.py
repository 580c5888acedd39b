"""A feature of both as bars that a picture shows."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from workbench.data.summary import CategorySummary, ColumnSummary, NumberSummary
from workbench.monitoring.drift.result import Distribution

__all__ = ["distribution", "plain"]

# An uncommon value stands with all others, beside so many.
_MOST_BARS = 20
_LONGEST = 60
_OTHER = "(other)"
_DIGITS = 6


def distribution(reference: ColumnSummary, window: ColumnSummary | None) -> Distribution:
    """The shares of values in at most 20 bars; of a window without such values, all are 0."""
    if isinstance(reference, CategorySummary):
        return _of_categories(reference, window if isinstance(window, CategorySummary) else None)
    if isinstance(reference, NumberSummary) and reference.finite:
        now = window if isinstance(window, NumberSummary) else reference.nothing(0)
        if reference.exact and len(reference.edges) < _MOST_BARS:
            return _of_values(reference, now)
        return _of_ranges(reference, now)
    return Distribution((), (), ())


def plain(text: str) -> str:
    """A category's name as a line of text shows it: short, and without what controls a terminal."""
    line = "".join(letter if letter.isprintable() else "�" for letter in text[: _LONGEST + 1])
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def _of_categories(reference: CategorySummary, window: CategorySummary | None) -> Distribution:
    now = reference.nothing(0) if window is None else window
    before_new = np.zeros_like(now.new_counts)
    before = _shares(np.concatenate([reference.counts, before_new]), reference.present)
    after = _shares(np.concatenate([now.counts, now.new_counts]), now.present)
    common = np.argsort(-(before + after), kind="stable")[: _MOST_BARS - 1]
    known = len(reference.values)
    names = [
        str(reference.values[int(place)] if place < known else now.new[int(place) - known])
        for place in common
    ]
    bars = [*zip(map(plain, names), before[common], after[common], strict=True)]
    if len(before) > len(common) or reference.rest or now.rest:
        others = [
            1 - shown.sum() if side.present else 0.0
            for shown, side in ((before[common], reference), (after[common], now))
        ]
        bars.append((_OTHER, others[0], others[1]))
    return _bars(bars)


def _of_values(reference: NumberSummary, window: NumberSummary) -> Distribution:
    before, after = _shares(reference.points, reference.finite), _shares(window.points, window.finite)
    labels = [_label(value, reference.kind) for value in reference.edges]
    bars = [*zip(labels, before, after, strict=True)]
    if window.between.any():
        bars.append((_OTHER, 0.0, float(window.between.sum() / window.finite)))
    return _bars(bars)


def _of_ranges(reference: NumberSummary, window: NumberSummary) -> Distribution:
    """Even steps between the reference's outermost hundredths, each end at one of its points."""
    below = _below(reference)
    edges = reference.edges
    inner = edges[(below >= 0.01) & (below <= 0.99)]
    ends = inner if len(inner) > 1 else edges
    wanted = np.linspace(ends[0], ends[-1], _MOST_BARS - 1)
    cuts = np.unique(np.minimum(np.searchsorted(edges, wanted), len(edges) - 1))
    shares = [np.diff(np.concatenate([[0.0], side[cuts], [1.0]])) for side in (below, _below(window))]
    after = shares[1] if window.finite else np.zeros(len(cuts) + 1)
    at = [_label(edges[cut], reference.kind) for cut in cuts]
    labels = [
        f"< {at[0]}",
        *(f"{low} – {high}" for low, high in pairwise(at)),
        f"≥ {at[-1]}",
    ]
    return _bars([*zip(labels, shares[0], after, strict=True)])


def _below(column: NumberSummary) -> NDArray[np.float64]:
    """The share of values below each point."""
    if not column.finite:
        return np.zeros(len(column.edges))
    before = np.cumsum(column.between[:-1]) + np.cumsum(column.points) - column.points
    return np.asarray(before / column.finite, dtype=np.float64)


def _shares(counts: NDArray[np.int64], total: int) -> NDArray[np.float64]:
    return counts / total if total else np.zeros(len(counts))


def _bars(bars: list[tuple[str, float, float]]) -> Distribution:
    labels, before, after = zip(*bars, strict=True)
    return Distribution(
        labels,
        tuple(round(float(share), _DIGITS) for share in before),
        tuple(round(float(share), _DIGITS) for share in after),
    )


def _label(value: float, kind: Literal["number", "time"]) -> str:
    if kind == "time":
        return str(np.datetime64(int(value), "s")).replace("T", " ")
    return f"{value:.4g}"
