"""Performance: over time, for a manager, by slice, and whether scores mean what they say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from workbench.monitoring.figures.chart import (
    BARS,
    DRIFTED,
    INK,
    LINE,
    QUIET,
    Chart,
    chart,
    legend,
    nothing,
    plain,
    titled,
    version_colours,
    window_axis,
    with_intervals,
)
from workbench.monitoring.findings.finding import WindowFinding
from workbench.monitoring.performance import MINIMUM_COVERAGE
from workbench.registry.aliases import CHAMPION
from workbench.registry.gates.bootstrap import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from workbench.monitoring.performance import Performance

__all__ = ["calibration_curve", "flagged_of_hundred", "performance_over_time", "slices"]

_MOST_SLICES = 30
_SLICE_COLOURS = {"held": LINE, "dropped": "#c1121f", "inconclusive": DRIFTED, "too few": QUIET}
# Side by side, versions of one window do not cover each other; so many at most lie beside the first.
_APART, _BESIDE = 0.12, 3


def performance_over_time(findings: Sequence[WindowFinding]) -> Chart:
    """The primary metric of each version with its interval, over the share of positives.

    A hollow point is not judged yet; below it stands what share of its labels is in. A promotion is a
    dotted line where the champion's version changes.
    """
    drawn = chart(min(2.5 + 1.2 * len(findings), 10), 4.2)
    ax = drawn.subplots()
    found = [_performance(item) for item in findings]
    known = [item for item in found if item is not None]
    if not known:
        return nothing(drawn, ax)
    shares = ax.twinx()
    positive = [100 * item.positive_share if item else np.nan for item in found]
    shares.bar(range(len(findings)), positive, color=BARS, width=0.6, zorder=0)
    shares.set_ylim(0, 100)
    shares.set_ylabel("turned out positive, % (bars)", color=QUIET)
    shares.spines[["top", "left"]].set_visible(False)
    ax.spines[["top", "right"]].set_visible(False)
    ax.set_zorder(shares.get_zorder() + 1)
    ax.patch.set_visible(False)
    _versions(ax, findings)
    _coverage(ax, findings)
    _promotions(ax, findings)
    if np.isfinite(known[-1].expected):
        ax.axhline(known[-1].expected, color=INK, linestyle=":", linewidth=1, label="expected")
    name = plain(known[-1].metric.replace("_", " "))
    titled(ax, f"{name} with its 95 % interval, by window")
    ax.set_ylabel(name)
    window_axis(ax, [item.name for item in findings])
    legend(drawn)
    return drawn


def flagged_of_hundred(
    findings: Sequence[WindowFinding], *, things: str = "predictions", outcome: str = "turned out positive"
) -> Chart:
    """For managers: of 100 things that the champion flagged, how many had the outcome; beside it, of any 100.

    Parameters
    ----------
    things, outcome : str
        How to call them, such as ``"flights"`` and ``"were late"``.
    """
    drawn = chart(min(2.5 + 1.2 * len(findings), 10), 4.2)
    ax = drawn.subplots()
    found = [_performance(item) for item in findings]
    if not any(item is not None and item.labelled for item in found):
        return nothing(drawn, ax)
    flagged = [
        100 * item.flagged_positive / item.flagged if item and item.flagged else np.nan for item in found
    ]
    positive = [100 * item.positive_share if item else np.nan for item in found]
    for offset, colour, label, values in (
        (-0.2, DRIFTED, "we flagged", flagged),
        (0.2, BARS, "in all", positive),
    ):
        places = np.arange(len(findings)) + offset
        bars = ax.bar(places, values, 0.38, color=colour, label=f"of 100 {things} {label}")
        if len(findings) <= 24:
            texts = [f"{value:.0f}" if np.isfinite(value) else "" for value in values]
            ax.bar_label(bars, texts, fontsize=9, padding=2)
    ax.set_ylim(0, 100)
    titled(ax, f"Of 100 {things} we flagged, how many {outcome}")
    ax.set_ylabel(f"{outcome}, of 100")
    window_axis(ax, [item.name for item in findings])
    ax.spines[["top", "right"]].set_visible(False)
    legend(drawn)
    return drawn


def calibration_curve(performance: Performance) -> Chart:
    """Of the rows of about one score, the share that turned out positive; on the diagonal the two agree."""
    drawn = chart(5.0, 4.4)
    ax = drawn.subplots()
    found = performance.calibration
    if found is None or not found.bins:
        return nothing(drawn, ax, "no labels to hold scores against")
    score = np.array([item.score for item in found.bins])
    observed = np.array([item.observed for item in found.bins])
    rows = np.array([item.rows for item in found.bins])
    top = min(1.0, 1.08 * float(max(score.max(), observed.max(), 0.05)))
    ax.plot([0, top], [0, top], color=QUIET, linewidth=1, linestyle="--", label="predicted = observed")
    # Of a share of n rows; days that resemble each other make it a little wider.
    error = 1.96 * np.sqrt(observed * (1 - observed) / np.maximum(rows, 1))
    ax.errorbar(
        score, observed, error, color=LINE, marker="o", capsize=2, linewidth=1.2, label="a bin of rows"
    )
    ax.set(xlim=(0, top), ylim=(0, top), xlabel="mean score", ylabel="turned out positive, share")
    ax.set_aspect("equal")
    ax.spines[["top", "right"]].set_visible(False)
    titled(ax, f"Calibration error {found.error.value:.3f}, {found.allowed:.3f} is allowed")
    legend(drawn)
    return drawn


def slices(performance: Performance) -> Chart:
    """The primary metric of each slice and user group with its interval; what dropped stands on top."""
    order = {verdict: place for place, verdict in enumerate(("dropped", "inconclusive", "held", "too few"))}
    known = [item for item in performance.slices if math.isfinite(item.value.value)]
    known.sort(key=lambda item: (order.get(item.verdict, 9), item.column, item.slice))
    shown = known[:_MOST_SLICES]
    drawn = chart(7.6, 1.5 + 0.28 * max(len(shown), 2))
    ax = drawn.subplots()
    if not shown:
        return nothing(drawn, ax, "no slice has labels yet")
    for verdict, colour in _SLICE_COLOURS.items():
        rows = [(place, item) for place, item in enumerate(shown) if item.verdict == verdict]
        if rows:
            places = [place for place, _ in rows]
            values = [item.value for _, item in rows]
            ax.hlines(places, [v.low for v in values], [v.high for v in values], color=colour, linewidth=2)
            ax.plot([v.value for v in values], places, "o", color=colour, markersize=5.5, label=verdict)
    ax.plot(
        [item.expected for item in shown], range(len(shown)), "|", color=INK, markersize=11, label="expected"
    )
    ax.axvline(performance.value, color=QUIET, linewidth=1, linestyle="--", label="all rows")
    ax.set_yticks(range(len(shown)), [plain(f"{item.column} {item.slice}") for item in shown], fontsize=9)
    ax.set_ylim(len(shown) - 0.4, -0.6)
    ax.tick_params(length=0)
    ax.grid(axis="x", color=BARS, linewidth=0.5)
    ax.spines[["top", "right", "left"]].set_visible(False)
    name = plain(performance.metric.replace("_", " "))
    more = f" ({len(shown)} of {len(known)})" if len(shown) < len(known) else ""
    titled(ax, f"{name} by slice{more}")
    legend(drawn)
    return drawn


def _performance(finding: WindowFinding) -> Performance | None:
    found = finding.champion
    return found.performance if found else None


def _versions(ax: Axes, findings: Sequence[WindowFinding]) -> None:
    """One line for each version and role; the champions first, in solid lines."""
    points: dict[tuple[str, int], list[tuple[int, Performance]]] = {}
    for place, finding in enumerate(findings):
        for item in finding.versions:
            if item.performance is not None and math.isfinite(item.performance.value):
                points.setdefault((item.role, item.version), []).append((place, item.performance))
    colours = version_colours(findings)
    others = 0
    for (role, version), line in sorted(points.items(), key=lambda each: (each[0][0] != CHAMPION, each[0])):
        reigns = role == CHAMPION
        others += not reigns
        places = np.array([place for place, _ in line]) + (
            0 if reigns else _APART * (1 + (others - 1) % _BESIDE)
        )
        with_intervals(
            ax,
            places.tolist(),
            [Interval(item.value, item.low, item.high) for _, item in line],
            colour=colours[version],
            label=f"{plain(role)} v{version}",
            dashed=not reigns,
            size=6 if len(findings) <= 24 else 4,
        )
        unsure = [(place, item.value) for place, (_, item) in zip(places, line, strict=True) if item.unripe]
        ax.plot(*np.array(unsure).reshape(-1, 2).T, "o", color="white", markersize=3, zorder=5)


def _coverage(ax: Axes, findings: Sequence[WindowFinding]) -> None:
    for place, finding in enumerate(findings):
        found = _performance(finding)
        if found is not None and found.rows and found.coverage < MINIMUM_COVERAGE:
            text = f"{found.coverage:.0%}" + (" labelled" if len(findings) <= 14 else "")
            where = ax.get_xaxis_transform()
            ax.text(place, 0.01, text, transform=where, fontsize=8, color=INK, ha="center", va="bottom")


def _promotions(ax: Axes, findings: Sequence[WindowFinding]) -> None:
    reigning: int | None = None
    for place, finding in enumerate(findings):
        found = finding.champion
        if found is None or not found.rows:
            continue
        if reigning is not None and found.version != reigning:
            ax.axvline(place - 0.5, color=INK, linewidth=1, linestyle=(0, (1, 2)))
            ax.text(
                place - 0.53,
                0.98,
                f"v{found.version} promoted",
                transform=ax.get_xaxis_transform(),
                fontsize=8,
                color=INK,
                rotation=90,
                ha="right",
                va="top",
            )
        reigning = found.version
