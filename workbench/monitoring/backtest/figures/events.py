"""What each policy did and when: a lane for each, its versions above and its alerts below."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from matplotlib.lines import Line2D

from workbench.monitoring.backtest.figures.days import at_moment, day_axis, split
from workbench.monitoring.backtest.figures.style import drawing, headed, label, styles
from workbench.monitoring.figures.chart import BARS, DRIFTED, INK, LINE, QUIET, Chart, legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from workbench.monitoring.backtest.choosing import Choice
    from workbench.monitoring.backtest.outcome import Backtest, PolicyOutcome

__all__ = ["events_over_time"]

_MOST_LANES = 12
_BAD = "#c1121f"
_MODELS, _ALERTS = -0.16, 0.22
#: What is drawn for what: height in the lane, marker, colour, whether it is filled, size, what it is called.
_MARKS = {
    "retrained": (_MODELS, "o", QUIET, False, 6.0, "retrained"),
    "shadowing": (_MODELS, "s", QUIET, False, 5.0, "shadowing"),
    "promoted": (_MODELS, "^", LINE, True, 9.0, "promoted"),
    "proposed": (_MODELS, "^", LINE, False, 8.0, "proposed"),
    "refused": (_MODELS, "x", INK, True, 7.0, "refused"),
    "failed": (_MODELS, "X", _BAD, True, 7.5, "failed"),
    "rolled_back": (_MODELS, "v", _BAD, True, 9.0, "rolled back"),
    "mattered": (_ALERTS, "D", DRIFTED, True, 6.5, "alert that mattered"),
    "did not": (_ALERTS, "D", QUIET, False, 5.5, "alert that did not"),
    "unknown": (_ALERTS, "d", BARS, True, 6.5, "alert, nobody knows"),
}
_ALERT_WORDS = {True: "mattered", False: "did not", None: "unknown"}


def events_over_time(backtest: Backtest, choice: Choice, *, narrow: bool = False) -> Chart:
    """A lane for each policy: its trainings and what became of them, and its alerts while they were open."""
    looks = styles(backtest, choice)
    ranked = [item.policy for item in sorted(choice.whole.standings, key=lambda item: item.behind.value)]
    order = [backtest.policy(name) for name in dict.fromkeys((*choice.standing_out, *ranked))]
    shown = order[:_MOST_LANES]
    drawn = drawing(9.6, 1.5 + (0.75 if narrow else 0.62) * len(shown), narrow=narrow)
    ax = drawn.subplots()
    used: set[str] = set()
    for lane, item in enumerate(shown):
        ax.axhline(lane + _MODELS, color=BARS, linewidth=0.8, zorder=0)
        used |= _events(ax, lane, item, backtest.timezone)
        if lane:
            ax.axhline(lane - 0.5, color="#e2e8f0", linewidth=0.8)
    day_axis(ax, backtest.began, backtest.until, narrow)
    ax.grid(visible=False)
    split(ax, choice, narrow)
    ax.set_yticks(range(len(shown)), [label(item.policy, 16 if narrow else 24) for item in shown])
    ax.set_ylim(len(shown) - 0.5, -0.5)
    for text, item in zip(ax.get_yticklabels(), shown, strict=True):
        look = looks[item.policy]
        text.set(color=INK if look.crowd else look.colour, fontweight=look.weight)
    more = f" ({len(shown)} of {len(order)})" if len(shown) < len(order) else ""
    headed(ax, f"versions above, alerts below{more}", narrow)
    legend(drawn, list(_keys(used)))
    return drawn


def _events(ax: Axes, lane: int, item: PolicyOutcome, timezone: str) -> set[str]:
    """Draw a lane's events; which of the marks were used."""
    used = set()
    for event in item.events:
        name = _ALERT_WORDS[event.mattered] if event.kind == "alert" else event.kind
        if name in _MARKS:
            height, marker, colour, filled, width, _ = _MARKS[name]
            face = colour if filled else "white"
            ax.plot(
                at_moment(event.at, timezone),
                lane + height,
                marker,
                color=colour,
                markerfacecolor=face,
                markersize=width,
                zorder=3 if filled else 2,
                clip_on=False,  # what happens at the end of the last day, too
            )
            used.add(name)
    return used


def _keys(used: set[str]) -> Iterator[Line2D]:
    for name, (_, marker, colour, filled, width, text) in _MARKS.items():
        if name in used:
            face = colour if filled else "white"
            yield Line2D(
                [],
                [],
                linestyle="none",
                marker=marker,
                color=colour,
                markerfacecolor=face,
                markersize=width,
                label=text,
            )
