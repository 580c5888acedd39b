"""Every served version over time on one picture, and a champion beside its shadows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from workbench.monitoring.figures.chart import (
    INK,
    QUIET,
    Chart,
    chart,
    legend,
    nothing,
    plain,
    titled,
    window_axis,
    with_intervals,
)
from workbench.monitoring.figures.seen import CHAMPION, Finding, VersionSeen, version_colours, versions_of
from workbench.registry.gates.bootstrap import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from workbench.monitoring.performance import ShadowDelta

__all__ = ["champion_beside_shadow", "served_over_time"]

_NAN = math.nan
#: The panels from top to bottom: what each shows of a version in a window.
_PANELS: tuple[tuple[str, Callable[[VersionSeen], float]], ...] = (
    ("drifted features, %", lambda item: 100 * item.drift.share if item.drift else _NAN),
    ("predictions", lambda item: float(item.rows)),
    ("p99 latency, ms", lambda item: item.health.p99_ms if item.health else _NAN),
    ("failed answers, %", lambda item: 100 * item.health.failed_share if item.health else _NAN),
)
_Line = list[tuple[int, VersionSeen]]


def served_over_time(findings: Sequence[Finding]) -> Chart:
    """Quality and health of every version over the same windows: metric, drift, volume, latency, failures."""
    lines: dict[tuple[str, int], _Line] = {}
    for place, finding in enumerate(findings):
        for item in versions_of(finding):
            if item.rows:
                lines.setdefault((item.role, item.version), []).append((place, item))
    drawn = chart(min(3.5 + 0.7 * len(findings), 10), 8.6)
    if not lines:
        return nothing(drawn, drawn.subplots())
    panels = drawn.subplots(1 + len(_PANELS), 1, sharex=True)
    colours = version_colours(findings)
    for (role, version), line in sorted(lines.items(), key=lambda each: (each[0][0] != CHAMPION, each[0])):
        colour, style = colours[version], "-" if role == CHAMPION else "--"
        known = [(place, item.performance) for place, item in line if item.performance is not None]
        with_intervals(
            panels[0],
            [place for place, _ in known],
            [Interval(item.value, item.low, item.high) for _, item in known],
            colour=colour,
            label=f"{plain(role)} v{version}",
            dashed=role != CHAMPION,
            size=4,
        )
        for ax, (_, figure) in zip(panels[1:], _PANELS, strict=True):
            places = [place for place, _ in line]
            values = [figure(item) for _, item in line]
            ax.plot(places, values, style, marker="o", markersize=3.5, linewidth=1.4, color=colour)
    metrics = {item.performance.metric for line in lines.values() for _, item in line if item.performance}
    names = [plain(", ".join(sorted(metrics)).replace("_", " ")) or "metric", *(name for name, _ in _PANELS)]
    for ax, name in zip(panels, names, strict=True):
        _panel(ax, name)
    for ax in panels[1:]:
        ax.set_ylim(bottom=0)
    drawn.suptitle("Every served version over time", fontsize=11, x=0.01, ha="left")
    window_axis(panels[-1], [item.name for item in findings])
    legend(drawn)
    return drawn


def champion_beside_shadow(findings: Sequence[Finding]) -> Chart:
    """How much better or worse a shadow did than the champion, and how often it answers differently."""
    lines: dict[int, list[tuple[int, ShadowDelta]]] = {}
    for place, finding in enumerate(findings):
        for item in versions_of(finding):
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


def _percent(share: Interval) -> Interval:
    return Interval(100 * share.value, 100 * share.low, 100 * share.high)


def _panel(ax: Axes, name: str) -> None:
    ax.set_ylabel(name, fontsize=8.5, color=QUIET)
    ax.grid(axis="y", color="#e2e8f0", linewidth=0.6)
    ax.tick_params(labelsize=8, length=0)
    ax.spines[["top", "right"]].set_visible(False)
