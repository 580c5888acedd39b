"""What the charts of a sweep share: their figures, their looks, the words in them.

Names and values are data: none is read as markup.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from workbench.execution.sweep.scales import INK, ORANGE, escaped, plain
from workbench.execution.sweep.trials import Objective

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "Points",
    "add_remark",
    "aim_of",
    "apart",
    "as_png",
    "draw_dots",
    "draw_star",
    "listed",
    "new_figure",
    "not_shown",
    "wrapped",
]

Points: TypeAlias = Sequence[tuple[float, float]]


def wrapped(name: str, width: int = 14) -> str:
    lines = textwrap.wrap(plain(name, 3 * width).replace("_", "_ "), width)
    return "\n".join(line.replace("_ ", "_") for line in lines)


def listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def not_shown(known: Sequence[Any], shown: Sequence[Any], things: str = "parameters") -> str:
    return f" {len(known) - len(shown)} more {things} are not shown." * (len(known) > len(shown))


def aim_of(objective: Objective) -> str:
    return f"{plain(objective.metric)} ({'higher' if objective.maximize else 'lower'} is better)"


def apart(points: Points) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


def new_figure(
    title: str, height: float, rows: int = 1, columns: int = 1, width: float = 9.0, **options: Any
) -> tuple[Figure, list[Axes]]:
    """A figure that pyplot does not keep and IPython shows, and its axes row by row."""
    from matplotlib.figure import Figure

    figure = Figure((width, height), dpi=100, layout="constrained")
    vars(figure)["_repr_png_"] = lambda: as_png(figure)
    title = escaped(textwrap.fill(title, int(10 * width)))
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold", color=INK)
    panels = [*figure.subplots(rows, columns, squeeze=False, **options).flat]
    for ax in panels:
        ax.grid(axis="y", alpha=0.3)
        ax.set_axisbelow(True)
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize=9)
    return figure, panels


def as_png(figure: Figure) -> bytes:
    """With few shades, which takes half the room."""
    import numpy as np
    from matplotlib.image import imsave

    raw, png = io.BytesIO(), io.BytesIO()
    figure.savefig(raw, format="rgba")
    pixels = np.frombuffer(raw.getvalue(), np.uint8).reshape(-1, round(figure.bbox.width), 4)
    imsave(png, (np.rint(pixels / 12.75) * 12.75).astype(np.uint8), format="png")
    return png.getvalue()


def add_remark(figure: Figure, text: str) -> None:
    wrapped = escaped(textwrap.fill(text, int(14 * figure.get_figwidth())))
    figure.supxlabel(wrapped, x=0.01, ha="left", fontsize=9, color=INK)


def draw_dots(ax: Axes, points: Points, colour: str, label: str = "") -> None:
    """Points that can be told apart, be they 3 or 1,000."""
    few = min(1.0, 50 / (len(points) or 1))
    look: dict[str, Any] = {"markersize": 3 + 3.5 * few, "alpha": 0.4 + 0.4 * few, "markeredgewidth": 0}
    ax.plot(*apart(points), "o", color=colour, label=label, **look)


def draw_star(ax: Axes, place: tuple[float, float]) -> None:
    ax.plot(*place, "*", color=ORANGE, markersize=17, markeredgecolor="white", zorder=5)
