"""The main chart: what policies came to, day by day."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from workbench.monitoring.backtest.choosing import trained
from workbench.monitoring.backtest.figures.days import at_day, at_moment, day_axis, split, unlabelled
from workbench.monitoring.backtest.figures.style import (
    amount,
    drawing,
    end_labels,
    headed,
    label,
    measure,
    names_below,
    nothing_to_draw,
    styles,
)
from workbench.monitoring.figures.chart import BARS, QUIET, Chart, legend, plain

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from workbench.monitoring.backtest.choosing import Choice
    from workbench.monitoring.backtest.figures.style import Style
    from workbench.monitoring.backtest.outcome import Backtest, PolicyOutcome
    from workbench.registry.gates.bootstrap import Floats

__all__ = ["worth_over_time"]

_LONG = 16


def worth_over_time(backtest: Backtest, choice: Choice, *, narrow: bool = False) -> Chart:
    """What each policy had come to by each day beyond the plain one, its retrainings paid.

    Dots are promotions. Where there is but one policy, it is what that came to.
    """
    if not backtest.unit:
        return nothing_to_draw("no [gates.utility] says what answers are worth", narrow=narrow)
    alone, looks = len(backtest.policies) == 1, styles(backtest, choice)
    origin = 0.0 if alone else _came_to(backtest, choice, choice.plain)
    lines = {item.policy: _came_to(backtest, choice, item.policy) - origin for item in backtest.policies}
    if not any(line.any() for line in lines.values()):
        says = f"no policy came to more or less than {plain(choice.plain)} on any day"
        return nothing_to_draw(says, narrow=narrow)
    drawn = drawing(9.6, 4.6, narrow=narrow)
    ax = drawn.subplots()
    for item in sorted(backtest.policies, key=lambda item: looks[item.policy].width):
        _draw(ax, item, lines[item.policy], looks[item.policy], backtest.timezone)
    ends = {name: float(line[-1]) for name, line in lines.items() if not looks[name].crowd}
    unlabelled(ax, backtest.policies)
    day_axis(ax, backtest.began, backtest.until, narrow)
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}".replace("-", "−"))
    split(ax, choice, narrow)
    # On a phone long names have no room beside the lines.
    crowded = narrow and max(map(len, ends)) > _LONG
    zero = "" if alone else choice.plain
    amounts = {name: "(zero)" if name == zero else amount(end) for name, end in ends.items()}
    texts = {name: text if crowded else f"{label(name, 24)}\n{text}" for name, text in amounts.items()}
    end_labels(ax, ends, looks, texts, narrow)
    headed(ax, f"{measure(choice)}, {'so far' if alone else f'more than {plain(choice.plain)}'}", narrow)
    keys = list(_keys(ax, sum(look.crowd for look in looks.values())))
    if crowded:
        names_below(drawn, looks, keys, narrow=narrow)
    else:
        legend(drawn, keys)
    return drawn


def _came_to(backtest: Backtest, choice: Choice, policy: str) -> Floats:
    """What a policy had come to by the end of each day, its retrainings paid."""
    lived = backtest.policy(policy).days
    days = np.array([day.day for day in lived], dtype="datetime64[D]")
    paid_on = np.sort(np.array(trained(backtest, policy), dtype="datetime64[D]"))
    so_far = np.searchsorted(paid_on, days, "right")
    found: Floats = np.cumsum([day.worth or 0.0 for day in lived]) - choice.retraining_costs * so_far
    return found


def _draw(ax: Axes, item: PolicyOutcome, line: Floats, look: Style, timezone: str) -> None:
    days = np.array([at_day(day.day) for day in item.days])
    width = look.width
    ax.plot(days, line, color=look.colour, linestyle=look.dashes, linewidth=width, zorder=1 + width)
    if look.crowd:
        return
    promoted = [at_moment(event.at, timezone) for event in item.events if event.kind == "promoted"]
    at = np.clip(np.searchsorted(days, promoted, "right") - 1, 0, None)
    size = 6.5 if width > 2 else 4.5
    ax.plot(days[at], line[at], "o", color=look.colour, markersize=size, markeredgecolor="white", zorder=6)


def _keys(ax: Axes, crowd: int) -> Iterator[Artist]:
    from matplotlib.lines import Line2D

    yield Line2D([], [], color=QUIET, marker="o", linestyle="none", label="a new version promoted")
    if crowd:
        yield Line2D([], [], color=BARS, label=f"{crowd} other {'policies' if crowd > 1 else 'policy'}")
    yield from ax.get_legend_handles_labels()[0]
