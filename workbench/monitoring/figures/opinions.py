"""What users say of predictions, by user group."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from workbench.monitoring.figures.chart import BARS, LINE, Chart, chart, legend, nothing, plain, titled

if TYPE_CHECKING:
    from workbench.monitoring.opinions import Opinions

__all__ = ["opinions_by_group"]

_MOST_GROUPS = 30


def opinions_by_group(found: Opinions) -> Chart:
    """The mean rating of each user group with its interval, and how many gave one."""
    groups = [group for group in found.groups if math.isfinite(group.rating.value)][:_MOST_GROUPS]
    drawn = chart(7.2, 1.5 + 0.32 * max(len(groups), 2))
    ax = drawn.subplots()
    if not groups:
        return nothing(drawn, ax, "nobody gave a rating")
    places = range(len(groups))
    ax.hlines(places, [item.rating.low for item in groups], [item.rating.high for item in groups], color=LINE)
    ax.plot([item.rating.value for item in groups], places, "o", color=LINE, label="mean rating")
    ax.set_yticks(
        places, [f"{plain(item.group or 'no group named')} ({item.count:,})" for item in groups], fontsize=9
    )
    ax.set_ylim(len(groups) - 0.4, -0.6)
    ax.set_xlim(0.9, 5.1)
    ax.set_xlabel("rating, from 1 (useless) to 5 (just right)", fontsize=9)
    ax.tick_params(length=0)
    ax.grid(axis="x", color=BARS, linewidth=0.5)
    ax.spines[["top", "right", "left"]].set_visible(False)
    titled(ax, "What users say, by user group (and how many of them)")
    legend(drawn)
    return drawn
