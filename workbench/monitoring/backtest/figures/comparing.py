"""Policies side by side: what they gained, how sure that is, and how often they retrained for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator

from workbench.monitoring.backtest.figures.style import (
    amount,
    drawing,
    headed,
    label,
    measure,
    names_below,
    nothing_to_draw,
    size,
    styles,
)
from workbench.monitoring.figures.chart import BARS, INK, QUIET, Chart, legend, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from workbench.monitoring.backtest.choosing import Choice, Standing
    from workbench.monitoring.backtest.figures.style import Style
    from workbench.monitoring.backtest.outcome import Backtest

__all__ = ["frontier", "gains"]

_MOST_ROWS = 30
# More of them would cover each other.
_MOST_NAMES = 4


def gains(backtest: Backtest, choice: Choice, *, narrow: bool = False) -> Chart:
    """How much better each policy was than the plain one, with its 95 % interval.

    One panel is of the days that were chosen on, one of those that it was checked on.
    """
    ranked = sorted(choice.seen.standings, key=lambda item: item.behind.value)
    shown = [item.policy for item in ranked if item.policy != choice.plain][:_MOST_ROWS]
    parts = [part for part in (choice.seen, choice.unseen) if part.days]
    rows = len(parts) if narrow else 1
    if not any(part.of(name).gain.value for part in parts for name in shown):
        return nothing_to_draw("no policy came to more or less than another", narrow=narrow)
    drawn = drawing(9.6, rows * (1.3 + 0.34 * max(len(shown), 2)), narrow=narrow)
    drawn.get_layout_engine().set(wspace=0.08, hspace=0.06)  # type: ignore[union-attr, call-arg]
    looks = styles(backtest, choice)
    panels = np.ravel(drawn.subplots(rows, len(parts) // rows, sharey=True))
    for ax, part in zip(panels, parts, strict=True):
        _rows(ax, [part.of(name) for name in shown], looks)
        ax.set_yticks(range(len(shown)), [label(name) for name in shown])
        ax.set_ylim(len(shown) - 0.4, -0.6)
        ax.xaxis.set_major_locator(MaxNLocator(3 if narrow else 4))
        _quiet(ax, narrow)
        headed(ax, f"{'chosen' if part is choice.seen else 'checked'} on {part.name}", narrow)
    drawn.supxlabel(
        f"{measure(choice)}, better than {plain(choice.plain)} →", fontsize=size(narrow), color=QUIET
    )
    return drawn


def frontier(backtest: Backtest, choice: Choice, *, narrow: bool = False) -> Chart:
    """What each policy came to against how often it retrained; a line joins those that no rarer one beats."""
    drawn = drawing(8.0, 4.4, narrow=narrow)
    ax = drawn.subplots()
    looks = styles(backtest, choice)
    found = sorted(choice.whole.standings, key=lambda item: (item.retrainings, -item.gain.value))
    edge: list[Standing] = []
    for item in found:
        if not edge or item.gain.value > edge[-1].gain.value:
            edge.append(item)
    ax.step(
        [item.retrainings for item in edge],
        [item.gain.value for item in edge],
        where="post",
        color=BARS,
        linewidth=2,
        zorder=1,
        label="the most that so many retrainings gave",
    )
    for item in found:
        _point(ax, item, looks[item.policy])
    ax.axhline(0, color=INK, linewidth=0.8, zorder=0)
    ax.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    ax.yaxis.set_major_formatter(lambda value, _: amount(value))
    ax.margins(x=0.14, y=0.18)
    ax.set_xlabel("retrainings", fontsize=size(narrow), color=QUIET)
    ax.grid(axis="y", color="#e2e8f0", linewidth=0.6)
    _quiet(ax, narrow)
    headed(ax, f"{measure(choice)}, better than {plain(choice.plain)}", narrow)
    named = [choice.whole.of(name) for name in choice.standing_out]
    if len(named) > _MOST_NAMES:
        names_below(drawn, looks, ax.get_legend_handles_labels()[0], narrow=narrow)
    else:
        _names(ax, named, looks, narrow)
        legend(drawn)
    return drawn


def _rows(ax: Axes, rows: Sequence[Standing], looks: dict[str, Style]) -> None:
    for height, item in enumerate(rows):
        look = looks[item.policy]
        colour = QUIET if look.crowd else look.colour
        if item.gain.known:
            ax.hlines(height, item.gain.low, item.gain.high, color=colour, linewidth=look.width + 0.6)
        ax.plot(item.gain.value, height, "o", color=colour, markersize=8 if look.width > 2 else 5.5)
    ax.axvline(0, color=INK, linewidth=1, zorder=0)
    ax.xaxis.set_major_formatter(lambda value, _: amount(value))
    ax.grid(axis="x", color="#e2e8f0", linewidth=0.6)


def _point(ax: Axes, item: Standing, look: Style) -> None:
    at, chosen = (item.retrainings, item.gain.value), look.width > 2
    colour = BARS if look.crowd else look.colour
    ax.plot(
        *at, "o", color=colour, markersize=10 if chosen else 6, markeredgecolor="white", zorder=2 + chosen
    )


def _names(ax: Axes, items: Sequence[Standing], looks: dict[str, Style], narrow: bool) -> None:
    """The names of points beside them, each on the first side where it lies on no other."""
    text, (width, height) = size(narrow), _points(ax)
    left, right, low, high = (*ax.get_xlim(), *ax.get_ylim())
    taken: list[tuple[float, float, float, float]] = []
    for item in items:
        name = label(item.policy, 20)
        lines = name.split("\n")
        half, tall = 0.32 * text * max(map(len, lines)), 1.25 * text * len(lines)
        x = (item.retrainings - left) / (right - left) * width
        y = (item.gain.value - low) / (high - low) * height
        sides = [(0, 8 + tall / 2), (0, -8 - tall / 2), (8 + half, 0), (-8 - half, 0), (0, 10 + 1.5 * tall)]
        boxes = [(x + dx - half, x + dx + half, y + dy - tall / 2, y + dy + tall / 2) for dx, dy in sides]
        free = next(
            (at for at, box in enumerate(boxes) if not any(_overlap(box, other) for other in taken)), 0
        )
        taken.append(boxes[free])
        ax.annotate(
            name,
            (item.retrainings, item.gain.value),
            xytext=sides[free],
            textcoords="offset points",
            ha="center",
            va="center",
            color=looks[item.policy].colour,
            fontsize=text,
            fontweight=looks[item.policy].weight,
        )


def _points(ax: Axes) -> tuple[float, float]:
    """About how wide and how high the axes will be, in points."""
    width, height = ax.get_figure(root=True).get_size_inches()  # type: ignore[union-attr]
    return 72 * 0.86 * width, 72 * 0.68 * height


def _overlap(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    return one[0] < other[1] and other[0] < one[1] and one[2] < other[3] and other[2] < one[3]


def _quiet(ax: Axes, narrow: bool) -> None:
    ax.tick_params(length=0, labelsize=size(narrow), colors=INK)
    ax.set_axisbelow(True)
    ax.spines[:].set_visible(False)
