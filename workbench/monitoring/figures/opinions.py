"""What users say of predictions, by user group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from workbench.monitoring.figures.chart import BARS, LINE, Chart, chart, legend, nothing, plain, titled
from workbench.registry.gates.bootstrap import Interval

__all__ = ["GroupSeen", "OpinionsSeen", "opinions_by_group"]

_MOST_GROUPS = 30


class GroupSeen(Protocol):
    """One user group's opinions."""

    @property
    def group(self) -> str: ...
    @property
    def count(self) -> int: ...
    @property
    def rating(self) -> Interval: ...


class OpinionsSeen(Protocol):
    """The opinions of a window."""

    @property
    def groups(self) -> Sequence[GroupSeen]: ...


def opinions_by_group(found: OpinionsSeen) -> Chart:
    """The mean rating of each user group with its interval, and how many gave one."""
    groups = sorted(found.groups, key=lambda item: -item.count)[:_MOST_GROUPS]
    drawn = chart(7.2, 1.5 + 0.32 * max(len(groups), 2))
    ax = drawn.subplots()
    if not groups:
        return nothing(drawn, ax, "nobody gave an opinion")
    places = range(len(groups))
    ax.hlines(places, [item.rating.low for item in groups], [item.rating.high for item in groups], color=LINE)
    ax.plot([item.rating.value for item in groups], places, "o", color=LINE, label="mean rating")
    ax.set_yticks(places, [f"{plain(item.group)} ({item.count:,})" for item in groups], fontsize=9)
    ax.set_ylim(len(groups) - 0.4, -0.6)
    ax.tick_params(length=0)
    ax.grid(axis="x", color=BARS, linewidth=0.5)
    ax.spines[["top", "right", "left"]].set_visible(False)
    titled(ax, "What users say, by user group (and how many of them)")
    legend(drawn)
    return drawn
