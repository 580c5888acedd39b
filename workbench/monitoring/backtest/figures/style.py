"""What the charts of a backtest have in common: which policies stand out, how, and what they are called."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from workbench.monitoring.figures.chart import BARS, INK, LINE, Chart, chart, nothing, plain

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from workbench.monitoring.backtest.choosing import Choice
    from workbench.monitoring.backtest.outcome import Backtest
    from workbench.registry.gates.bootstrap import Floats

__all__ = [
    "Style",
    "amount",
    "drawing",
    "end_labels",
    "headed",
    "label",
    "measure",
    "names_below",
    "nothing_to_draw",
    "size",
    "styles",
]

_Dashes: TypeAlias = Literal["-"] | tuple[float, tuple[float, ...]]
# Told apart by anybody, after Okabe and Ito; a line's dashes say the same again.
_OTHERS: tuple[tuple[str, _Dashes], ...] = (
    ("#d55e00", "-"),
    ("#009e73", (0, (6, 2))),
    ("#aa4499", (0, (3, 1.5))),
    ("#b58900", (0, (6, 2, 1, 2))),
)
_CROWD = BARS


@dataclass(frozen=True)
class Style:
    """How one policy is drawn; one of the ``crowd`` has neither a colour nor a name of its own."""

    colour: str
    dashes: _Dashes = "-"
    width: float = 1.6
    crowd: bool = False

    @property
    def weight(self) -> str:
        """Of its name, where it stands."""
        return "bold" if self.width > 2 else "normal"


def styles(backtest: Backtest, choice: Choice) -> dict[str, Style]:
    """The chosen policy in front, the plain one in ink, a few others in colours, the rest as a crowd."""
    crowd = Style(BARS, width=0.9, crowd=True)
    found = {item.policy: crowd for item in backtest.policies}
    others = [name for name in choice.standing_out if name not in (choice.policy, choice.plain)]
    for name, (colour, dashes) in zip(others, itertools.cycle(_OTHERS)):
        found[name] = Style(colour, dashes)
    found[choice.plain] = Style(INK, (0, (1, 1.4)), 1.8)
    found[choice.policy] = Style(LINE, "-", 2.8)
    return found


def drawing(width: float, height: float, *, narrow: bool) -> Chart:
    """A chart for a page, or for a phone."""
    return chart(5.0 if narrow else width, height)


def nothing_to_draw(says: str, *, narrow: bool) -> Chart:
    """What is said in place of a chart."""
    drawn = drawing(8.0, 0.9, narrow=narrow)
    return nothing(drawn, drawn.subplots(), says)


def headed(ax: Axes, title: str, narrow: bool) -> None:
    """A title with room below it for :func:`split`."""
    ax.set_title(title, fontsize=size(narrow) + 2, loc="left", color=INK, pad=size(narrow) + 8)


def size(narrow: bool) -> float:
    """Of text: what is drawn for a phone is shown smaller."""
    return 10.0 if narrow else 9.0


def label(policy: str, width: int = 30) -> str:
    """A policy's name in lines that are short, broken between its settings."""
    lines = [""]
    for part in re.split(r"(?<=[,\[])", policy):
        if lines[-1] and len(lines[-1]) + len(part) > width:
            lines.append("")
        lines[-1] += part
    return "\n".join(plain(line) for line in lines[:3])


def measure(choice: Choice) -> str:
    """What policies are compared by."""
    return plain(choice.unit or choice.metric.replace("_", " "))


def amount(value: float) -> str:
    """A figure on a chart, with its sign."""
    if not value:
        return "0"
    return (f"{value:+,.0f}" if abs(value) >= 100 else f"{value:+.3g}").replace("-", "−")


def names_below(drawn: Chart, looks: Mapping[str, Style], more: Sequence[Artist], *, narrow: bool) -> None:
    """Under a chart that has no room for names beside its lines: which is whose, and what else there is."""
    from matplotlib.lines import Line2D

    keys = [
        Line2D([], [], color=look.colour, linestyle=look.dashes, linewidth=look.width, label=label(name))
        for name, look in looks.items()
        if not look.crowd
    ]
    columns = 1 if narrow else 2
    lines = sum(1 + str(key.get_label()).count("\n") for key in keys) / columns
    drawn.set_figheight(drawn.get_figheight() + 0.2 * lines)
    drawn.legend(
        handles=[*keys, *more],
        loc="outside lower left",
        ncols=columns,
        frameon=False,
        fontsize=size(narrow),
    )


def end_labels(
    ax: Axes, ends: Mapping[str, float], looks: Mapping[str, Style], texts: Mapping[str, str], narrow: bool
) -> None:
    """Beside the right end of each line its text, moved apart where lines end together."""
    names = sorted(ends, key=lambda name: ends[name])
    if not names:
        return
    low, high = ax.get_ylim()
    points = 72 * 0.7 * ax.get_figure(root=True).get_size_inches()[1]  # type: ignore[union-attr]
    line = 1.3 * size(narrow) / points * (high - low)
    heights = np.array([line * (1 + texts[name].count("\n")) for name in names])
    places = _apart(np.array([ends[name] for name in names]), heights, low, high)
    for name, at in zip(names, places, strict=True):
        ax.annotate(
            texts[name],
            (1.0, at),
            xycoords=ax.get_yaxis_transform(),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            color=looks[name].colour,
            fontsize=size(narrow),
            fontweight=looks[name].weight,
            annotation_clip=False,
        )


def _apart(wanted: Floats, heights: Floats, low: float, high: float) -> Floats:
    """Places near those wanted, which ascend, of which no two overlap, from ``low`` to ``high``."""
    gaps = (heights[1:] + heights[:-1]) / 2
    places = wanted.copy()
    for _ in range(100):
        overlaps = gaps - np.diff(places)
        for at in np.flatnonzero(overlaps > 0):
            places[at] -= overlaps[at] / 2
            places[at + 1] += overlaps[at] / 2
    places[-1] = min(places[-1], high - heights[-1] / 2)
    for below in range(len(places) - 2, -1, -1):
        places[below] = min(places[below], places[below + 1] - gaps[below])
    places[0] = max(places[0], low + heights[0] / 2)
    for above in range(1, len(places)):
        places[above] = max(places[above], places[above - 1] + gaps[above - 1])
    return places
