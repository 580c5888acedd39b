"""Every served version over time on one picture, and a champion beside its shadows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.lines import Line2D

from workbench.monitoring.figures.chart import (
    INK,
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
from workbench.monitoring.findings.finding import VersionFinding, WindowFinding
from workbench.registry.aliases import CHAMPION
from workbench.registry.gates.bootstrap import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from workbench.monitoring.performance import ShadowDelta

__all__ = ["champion_beside_shadow", "served_over_time"]

#: The panels from top to bottom: what each shows of a version in a window.
_PANELS: tuple[tuple[str, Callable[[VersionFinding], float]], ...] = (
    ("drifted features, %", lambda item: 100 * item.drift.share),
    ("predictions", lambda item: float(item.rows)),
    ("p99 latency, ms", lambda item: item.health.p99_ms),
    ("failed answers, %", lambda item: 100 * item.health.failed_share),
)
_Line = list[tuple[int, VersionFinding]]


def served_over_time(findings: Sequence[WindowFinding]) -> Chart:
    """Quality and health of every version over the same windows: metric, drift, volume, latency, failures."""
    lines: dict[tuple[str, int], _Line] = {}
    for place, finding in enumerate(findings):
        for item in finding.versions:
            if item.rows:
                lines.setdefault((item.role, item.version), []).append((place, item))
    if not lines:
        drawn = chart(5.0, 3.0)
        return nothing(drawn, drawn.subplots())
    answered = [item for line in lines.values() for _, item in line]
    shown = [panel for panel in _PANELS if any(math.isfinite(panel[1](item)) for item in answered)]
    metrics = {item.performance.metric for item in answered if item.performance is not None}
    drawn = chart(min(3.5 + 0.7 * len(findings), 10), 1.0 + 1.5 * (len(shown) + bool(metrics)))
    panels = [*np.ravel(drawn.subplots(len(shown) + bool(metrics), 1, sharex=True))]
    colours = version_colours(findings)
    reigning_first = sorted(lines.items(), key=lambda each: (each[0][0] != CHAMPION, each[0]))
    if metrics:
        _panel(panels[0], plain(", ".join(sorted(metrics)).replace("_", " ")))
        for (role, version), line in reigning_first:
            _quality(panels[0], line, colours[version], dashed=role != CHAMPION)
    for ax, (name, figure) in zip(panels[-len(shown) :], shown, strict=True):
        _panel(ax, name)
        for (role, version), line in reigning_first:
            style = {"color": colours[version], "linestyle": "-" if role == CHAMPION else "--"}
            values = [figure(item) for _, item in line]
            places = [place for place, _ in line]
            ax.plot(places, values, marker="o", markersize=3.5, linewidth=1.4, clip_on=False, **style)
        ax.set_ylim(bottom=0)
    drawn.suptitle("Every served version over time", fontsize=11, x=0.01, ha="left")
    window_axis(panels[-1], [item.name for item in findings])
    legend(drawn, [_key(role, version, colours[version]) for (role, version), _ in reigning_first])
    return drawn


def champion_beside_shadow(findings: Sequence[WindowFinding]) -> Chart:
    """How much better or worse a shadow did than the champion, and how often it answers differently."""
    lines: dict[int, list[tuple[int, ShadowDelta]]] = {}
    for place, finding in enumerate(findings):
        for item in finding.versions:
            if item.delta is not None:
                lines.setdefault(item.delta.shadow, []).append((place, item.delta))
    drawn = chart(min(3.5 + 0.7 * len(findings), 10), 4.8)
    if not lines:
        return nothing(drawn, drawn.subplots(), "no shadow answered beside the champion")
    top, below = drawn.subplots(2, 1, sharex=True)
    colours = version_colours(findings)
    for shadow, line in sorted(lines.items()):
        places = [place for place, _ in line]
        with_intervals(
            top,
            places,
            [delta.difference for _, delta in line],
            colour=colours[shadow],
            label=f"v{shadow} less the champion",
        )
        shares = [_percent(delta.disagreement) for _, delta in line]
        with_intervals(below, places, shares, colour=colours[shadow])
    top.axhline(0, color=INK, linewidth=1, linestyle=":")
    metric = plain(next(iter(lines.values()))[-1][1].metric.replace("_", " "))
    _panel(top, f"{metric}, difference")
    _panel(below, "flagged differently, %")
    below.set_ylim(bottom=0)
    titled(top, "Shadows beside the champion, with 95 % intervals")
    window_axis(below, [item.name for item in findings])
    legend(drawn)
    return drawn


def _quality(ax: Axes, line: _Line, colour: str, *, dashed: bool) -> None:
    known = [(place, item.performance) for place, item in line if item.performance is not None]
    found = [Interval(item.value, item.low, item.high) for _, item in known]
    with_intervals(ax, [place for place, _ in known], found, colour=colour, dashed=dashed, size=4)


def _key(role: str, version: int, colour: str) -> Line2D:
    return Line2D(
        [],
        [],
        color=colour,
        linestyle="-" if role == CHAMPION else "--",
        marker="o",
        label=f"{plain(role)} v{version}",
    )


def _percent(share: Interval) -> Interval:
    return Interval(100 * share.value, 100 * share.low, 100 * share.high)


def _panel(ax: Axes, name: str) -> None:
    ax.set_ylabel(name, fontsize=8.5, color=QUIET)
    ax.grid(axis="y", color="#e2e8f0", linewidth=0.6)
    ax.tick_params(labelsize=8, length=0)
    ax.spines[["top", "right"]].set_visible(False)
