"""Drift: feature by window, one feature's bars, one feature's trend."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.patches import Patch

from workbench.monitoring.figures.chart import (
    BARS,
    DRIFTED,
    INK,
    LINE,
    QUIET,
    STABLE,
    UNKNOWN,
    Chart,
    chart,
    legend,
    nothing,
    plain,
    titled,
    window_axis,
)
from workbench.monitoring.findings.finding import WindowFinding
from workbench.monitoring.findings.heat import HeatCell, heat_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from workbench.monitoring.drift import DriftResult
    from workbench.monitoring.trend import FeatureTrend

__all__ = ["distribution", "drift_heatmap", "trend"]

# Among more cells than this nobody reads a number.
_MOST_LABELS = 500
# With more bars than this they stand, so that the chart stays low.
_MOST_LINES = 8
_VERDICTS = {"stable": 0, "drifted": 1, "inconclusive": 2}
_TEXT_COLOURS = {0: INK, 1: "white", 2: INK}


def drift_heatmap(findings: Sequence[WindowFinding], *, most: int = 40) -> Chart:
    """Features by window: which drifted, with the score that says so; most often drifted on top.

    Parameters
    ----------
    most : int
        Of more features at most so many are drawn, those that ever drifted, and the chart says so.
    """
    heat = heat_of(findings, most=most)
    shown, cells = heat.features, heat.cells
    drawn = chart(min(2.4 + 1.1 * len(findings), 10), 1.4 + 0.32 * max(len(shown), 1))
    ax = drawn.subplots()
    if not shown:
        return nothing(drawn, ax)
    codes = np.array([[_VERDICTS[cell.verdict] for cell in row] for row in cells])
    colours = ListedColormap([STABLE, DRIFTED, UNKNOWN])
    ax.imshow(codes, cmap=colours, norm=BoundaryNorm([-0.5, 0.5, 1.5, 2.5], 3), aspect="auto")
    if codes.size <= _MOST_LABELS:
        _scores(ax, cells)
    titled(ax, "Which features drifted, by window")
    if heat.says:
        ax.set_xlabel(heat.says, fontsize=9, color=QUIET)
    window_axis(ax, [item.name for item in findings])
    ax.set_xlim(-0.5, len(findings) - 0.5)
    ax.set_yticks(range(len(shown)), [plain(name) for name in shown], fontsize=8)
    ax.set_yticks(np.arange(len(shown) - 1) + 0.5, minor=True)
    ax.set_xticks(np.arange(len(findings) - 1) + 0.5, minor=True)
    ax.grid(which="minor", color="white", linewidth=1.5 if codes.size <= _MOST_LABELS else 0.6)
    ax.xaxis.tick_top()
    ax.tick_params(length=0, which="both")
    for label in ax.get_xticklabels():
        label.set_horizontalalignment("left" if label.get_rotation() else "center")
    ax.spines[:].set_visible(False)
    legend(drawn, [Patch(color=colours(code), label=word) for word, code in _VERDICTS.items()])
    return drawn


def distribution(
    drift: DriftResult, feature: str, *, window: str = "this window", width: float = 8.2
) -> Chart:
    """One feature's values, the reference beside the window.

    Parameters
    ----------
    width : float
        In inches, of a chart with many bars.

    Raises
    ------
    UnknownName
        There is no such feature.
    """
    bars = drift.distribution(feature)
    labels = [plain(label) for label in bars.labels]
    upright = len(labels) > _MOST_LINES
    drawn = chart(width, 3.0) if upright else chart(min(6.2, width), 1.5 + 0.3 * max(len(labels), 3))
    ax = drawn.subplots()
    if not labels:
        return nothing(drawn, ax, "the reference has no values to compare with")
    places = np.arange(len(labels))
    for offset, values, colour, label in (
        (-0.19, bars.reference, BARS, "reference"),
        (0.19, bars.window, LINE, plain(window)),
    ):
        draw = ax.bar if upright else ax.barh
        draw(places + offset, [100 * share for share in values], 0.38, color=colour, label=label)
    if upright:
        ax.set_xticks(places, labels, fontsize=8, rotation=45, ha="right")
        ax.set_ylabel("share of values, %", fontsize=9)
    else:
        ax.set_yticks(places, labels, fontsize=9)
        ax.set_xlabel("share of values, %", fontsize=9)
        ax.invert_yaxis()
    ax.tick_params(length=0)
    ax.spines[["top", "right"]].set_visible(False)
    titled(ax, plain(feature))
    legend(drawn)
    return drawn


def trend(found: FeatureTrend) -> Chart:
    """How far a figure of a feature has come on its way to its line, and where that leads."""
    drawn = chart(7.2, 3.4)
    ax = drawn.subplots()
    if not found.levels:
        return nothing(drawn, ax, found.says)
    levels = 100 * np.array(found.levels)
    newest = len(levels) - 1
    ahead = math.ceil(found.windows_left) if math.isfinite(found.windows_left) else 0
    ends = np.array([0, newest + ahead])
    ax.plot(np.arange(len(levels)), levels, "o", color=LINE, markersize=5, label=plain(found.figure))
    line = 100 * (found.level + found.slope * (ends - newest))
    ax.plot(ends, line, color=QUIET, linewidth=1.4, linestyle="--", label="its trend")
    side = math.copysign(100, line[-1] if found.verdict == "climbing" else levels[-1])
    ax.axhline(side, color=DRIFTED, linewidth=1.4, label="where it counts as drift")
    ax.axhline(0, color=BARS, linewidth=1)
    if ahead:
        crossing = newest + found.windows_left
        ax.plot([crossing], [side], "o", color=DRIFTED, markersize=9, fillstyle="none", markeredgewidth=1.8)
    window_axis(ax, [name or "–" for name in found.windows] + [f"+{at}" for at in range(1, ahead + 1)])
    ax.set_ylabel("way to its line, %", fontsize=9)
    ax.spines[["top", "right"]].set_visible(False)
    titled(ax, f"{plain(found.feature)}: {plain(found.figure)}, {found.verdict}")
    legend(drawn)
    return drawn


def _scores(ax: Axes, cells: Sequence[Sequence[HeatCell]]) -> None:
    for row, line in enumerate(cells):
        for column, cell in enumerate(line):
            colour = _TEXT_COLOURS[_VERDICTS[cell.verdict]]
            ax.text(column, row, plain(cell.text), ha="center", va="center", fontsize=8, color=colour)
