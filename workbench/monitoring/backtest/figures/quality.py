"""How good the answers were under each policy, window by window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.monitoring.backtest.figures.days import at_moment, day_axis, split, unlabelled
from workbench.monitoring.backtest.figures.style import (
    drawing,
    label,
    nothing_to_draw,
    size,
    styles,
)
from workbench.monitoring.figures.chart import BARS, QUIET, Chart, legend, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from workbench.monitoring.backtest.choosing import Choice
    from workbench.monitoring.backtest.figures.style import Style
    from workbench.monitoring.backtest.outcome import Backtest, PolicyOutcome
    from workbench.registry.gates.bootstrap import Floats

__all__ = ["quality_over_time"]


def quality_over_time(backtest: Backtest, choice: Choice, *, narrow: bool = False) -> Chart:
    """The primary metric by window, a panel for each policy that stands out; behind it the others in grey.

    The band is the 95 % interval, a dotted line a promotion.
    """
    looks, zone = styles(backtest, choice), backtest.timezone
    shown = [backtest.policy(name) for name in choice.standing_out]
    columns = 1 if narrow else min(2, len(shown))
    rows = -(-len(shown) // columns)
    if not any(np.isfinite(_values(item, zone)[1]).any() for item in backtest.policies):
        return nothing_to_draw("nothing is known of how good the answers were", narrow=narrow)
    drawn = drawing(9.6, 0.9 + (1.9 if narrow else 2.3) * rows, narrow=narrow)
    panels = np.ravel(drawn.subplots(rows, columns, sharex=True, sharey=True, squeeze=False))
    for ax, item in zip(panels, shown, strict=False):
        look = looks[item.policy]
        for other in backtest.policies:
            ax.plot(*_values(other, zone)[:2], color=BARS, linewidth=0.9, zorder=1)
        _policy(ax, item, look, zone)
        unlabelled(ax, [item])
        day_axis(ax, backtest.began, backtest.until, narrow, most=13 // columns)
        split(ax, choice, narrow) if ax is panels[0] else None
        ax.set_title(
            label(item.policy),
            fontsize=size(narrow) + 1,
            loc="left",
            color=look.colour,
            fontweight=look.weight,
            pad=14,
        )
    for ax in panels[len(shown) :]:
        ax.set_axis_off()
    drawn.supylabel(plain(backtest.metric.replace("_", " ")), fontsize=size(narrow), color=QUIET)
    _keys(drawn, len(backtest.policies) > 1)
    return drawn


def _policy(ax: Axes, item: PolicyOutcome, look: Style, timezone: str) -> None:
    places, values, low, high = _values(item, timezone)
    ax.fill_between(places, low, high, color=look.colour, alpha=0.16, linewidth=0, zorder=2)
    ax.plot(
        places,
        values,
        color=look.colour,
        linestyle=look.dashes,
        linewidth=look.width,
        marker="o",
        markersize=3.5,
        zorder=3,
    )
    for event in item.events:
        if event.kind == "promoted":
            ax.axvline(at_moment(event.at, timezone), color=QUIET, linewidth=1, linestyle=":", zorder=1.2)


def _values(item: PolicyOutcome, timezone: str) -> tuple[Floats, Floats, Floats, Floats]:
    """The middles of the windows; the metric there, and the ends of its interval."""
    spans = [
        (*(at_moment(end, timezone) for end in (span.start, span.end)), span.metric, span.low, span.high)
        for span in item.spans
    ]
    table = np.array([[np.nan if value is None else value for value in span] for span in spans], dtype=float)
    start, end, value, low, high = table.reshape(-1, 5).T
    return (start + end) / 2, value, low, high


def _keys(drawn: Chart, several: bool) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    keys = [
        Patch(color=QUIET, alpha=0.2, label="95 % interval"),
        Line2D([], [], color=QUIET, linestyle=":", label="a new version promoted"),
    ]
    legend(drawn, [*keys, Line2D([], [], color=BARS, label="the other policies")] if several else keys)
