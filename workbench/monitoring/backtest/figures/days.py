"""The days below a chart: their axis, where the choice ends, and where nobody knows what was true."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from workbench.monitoring.backtest.figures.style import size
from workbench.monitoring.figures.chart import BARS, INK, QUIET

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from workbench.monitoring.backtest.choosing import Choice
    from workbench.monitoring.backtest.outcome import PolicyOutcome

__all__ = ["at_day", "at_moment", "day_axis", "split", "unlabelled"]

_UNLABELLED = "#f1f5f9"
# So many days without labels are a stretch that one sees.
_GAP = 5


def at_day(day: date) -> float:
    """Where a day begins on an axis of days."""
    from matplotlib.dates import date2num

    return float(date2num(day))  # type: ignore[no-untyped-call]


def at_moment(moment: datetime, timezone: str) -> float:
    """Where a moment is on an axis of the days of that place."""
    return at_day(moment.astimezone(ZoneInfo(timezone)).replace(tzinfo=None))


def day_axis(ax: Axes, since: date, until: date, narrow: bool, most: int = 13) -> None:
    """Days from left to right, named as few as can be."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    places = AutoDateLocator(minticks=3, maxticks=min(most, 6) if narrow else most)  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_locator(places)
    names = ConciseDateFormatter(places, show_offset=False)  # type: ignore[no-untyped-call]
    # Of a day, an hour and what is shorter: each says which day it is of.
    names.formats[2:] = ["%-d %b", "%-d %b %H:%M", "%-d %b %H:%M", "%-d %b %H:%M"]
    names.zero_formats[3:] = ["%-d %b", "%-d %b %H:%M", "%-d %b %H:%M"]
    ax.xaxis.set_major_formatter(names)
    ax.set_xlim(at_day(since), at_day(until))
    ax.tick_params(labelsize=size(narrow), length=0, colors=INK)
    ax.grid(axis="y", color="#e2e8f0", linewidth=0.6)
    ax.set_axisbelow(True)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.spines["bottom"].set_color(BARS)


def split(ax: Axes, choice: Choice, narrow: bool) -> None:
    """Where the days that were chosen on end, and those begin that the choice had not seen."""
    checked = choice.seen.since < choice.seen.until < choice.unseen.until
    if not checked or len(choice.whole.standings) == 1:
        return
    at = at_day(choice.seen.until)
    ax.axvline(at, color=QUIET, linewidth=1, zorder=1.5)
    for text, side in (("← chosen on ", "right"), (" checked on →", "left")):
        ax.text(
            at,
            1.0,
            text,
            transform=ax.get_xaxis_transform(),
            ha=side,
            va="bottom",
            color=QUIET,
            fontsize=size(narrow) - 1,
        )


def unlabelled(ax: Axes, policies: Sequence[PolicyOutcome]) -> None:
    """Stretches of which nobody knows what was true."""
    first = True
    for start, end in _gaps(policies):
        ax.axvspan(
            at_day(start), at_day(end), color=_UNLABELLED, zorder=0, label="no labels" if first else None
        )
        first = False


def _gaps(policies: Sequence[PolicyOutcome]) -> list[tuple[date, date]]:
    """Runs of days without labels, each ``[start, end)``, as the first policy saw them."""
    found: list[tuple[date, date]] = []
    for day in (item.day for item in (policies[0].days if policies else ()) if not item.labelled):
        if found and found[-1][1] == day:
            found[-1] = (found[-1][0], day + timedelta(days=1))
        else:
            found.append((day, day + timedelta(days=1)))
    return [(start, end) for start, end in found if (end - start).days >= _GAP]
