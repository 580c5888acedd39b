"""Pictures of many runs: a metric over the parameters, and what several runs found, beside one another.

A picture with nothing to see is None. Names and values are data: none is read as markup.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.execution.sweep.drawing import add_remark, draw_dots, new_figure, not_shown, wrapped
from workbench.execution.sweep.scales import ABSENT, BLUE, INK, ORANGE, UNSET, Scale, escaped, plain, written
from workbench.panels.compare.comparison import more_is_better
from workbench.panels.compare.view import Shown
from workbench.tracking.curves import Curves
from workbench.tracking.run_table import Column

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["compared_slices", "over_parameters", "over_time", "overlaid", "parallel"]

_MOST_AXES, _MOST_DOTS, _MOST_LINES, _MOST_SLICES = 8, 4_000, 1_000, 24
_DOT = "A dot is a run; the chosen ones are orange."
_COLOURS = (BLUE, ORANGE, "#0f766e", "#7c3aed", "#be185d", "#4d7c0f", "#0891b2", INK)
_SHADES = ("#d5d9df", "#7fb2e5", BLUE, "#123a68")


def over_parameters(shown: Shown, metric: str) -> Figure | None:
    """A metric against each parameter that differs: a dot is a run, the chosen ones are orange."""
    runs = _drawn(shown, metric, _MOST_DOTS)
    columns = _parameters(shown)
    if not runs.total or not columns:
        return None
    known = columns[:_MOST_AXES]
    deep = -(-len(known) // 4)
    wide = -(-len(known) // deep)
    title = f"{plain(metric, 40)} against each parameter, {runs.total:,} runs"
    figure, axes = new_figure(title, 0.8 + 2.4 * deep, deep, wide, max(5.0, 2.6 * wide), sharey="row")
    heights = [runs.scale.place(value) for value in runs.values]
    for ax, column in zip(axes, known, strict=False):
        given = _values(column, runs.rows)
        x = Scale.of(given)
        at = [
            (x.place(value) + x.jitter(number), height, is_chosen)
            for number, (value, height, is_chosen) in enumerate(zip(given, heights, runs.chosen, strict=True))
            if value is not ABSENT
        ]
        draw_dots(ax, [(left, up) for left, up, _ in at], BLUE)
        marked = [(left, up) for left, up, is_chosen in at if is_chosen]
        ax.plot(*_apart(marked), "o", color=ORANGE, markersize=8, markeredgecolor="white", zorder=5)
        x.lay_out(ax, "x", wrapped(column.label, 26))
        runs.scale.lay_out(ax, "y", plain(metric) if ax in axes[::wide] else "")
    for ax in axes[len(known) :]:
        ax.remove()
    add_remark(figure, _DOT + runs.left_out + not_shown(columns, known))
    return figure


def over_time(shown: Shown, metric: str) -> Figure | None:
    """A metric by when each run started; the chosen ones are orange."""
    from matplotlib.dates import ConciseDateFormatter

    runs = _drawn(shown, metric, _MOST_DOTS)
    if runs.total < 2:
        return None
    figure, [ax] = new_figure(f"{plain(metric, 40)} over time, {runs.total:,} runs", 2.8)
    started = shown.table.columns["started_at"].values[runs.rows].tolist()
    at = [*zip(started, [runs.scale.place(value) for value in runs.values], strict=True)]
    draw_dots(ax, at, BLUE)
    marked = [place for place, is_chosen in zip(at, runs.chosen, strict=True) if is_chosen]
    ax.plot(*_apart(marked), "o", color=ORANGE, markersize=8, markeredgecolor="white", zorder=5)
    dates = ConciseDateFormatter(ax.xaxis.get_major_locator())  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_formatter(dates)
    runs.scale.lay_out(ax, "y", plain(metric))
    add_remark(figure, _DOT + runs.left_out)
    return figure


def parallel(shown: Shown, metric: str) -> Figure | None:
    """Runs as lines through their parameters to the metric: the darker, the better (or the higher)."""
    runs = _drawn(shown, metric, _MOST_LINES)
    known = _parameters(shown)[: _MOST_AXES + 2]
    if not runs.total or not known:
        return None
    from matplotlib.collections import LineCollection
    from matplotlib.colors import LinearSegmentedColormap

    columns = [(column.label, _values(column, runs.rows)) for column in known]
    scales = [(label, Scale.of(given), given) for label, given in columns]
    scales.append((metric, runs.scale, runs.values))
    backwards = range(len(runs.rows))[::-1]  # the best are drawn last
    lines = [
        [(x, scale.height(given[run], run)) for x, (_, scale, given) in enumerate(scales)]
        for run in backwards
    ]
    shade = LinearSegmentedColormap.from_list("", _SHADES)
    colours = [
        ORANGE if runs.chosen[run] else shade(place / max(1, len(lines) - 1))
        for place, run in enumerate(backwards)
    ]
    widths = [3.0 if runs.chosen[run] else 1.0 for run in backwards]
    figure, [ax] = new_figure(f"The way of {runs.total:,} runs to their {plain(metric, 40)}", 4.4)
    ax.add_collection(LineCollection(lines, colors=colours, linewidths=widths))
    _upright(ax, scales)
    good = "higher" if more_is_better(metric) is None else "better"
    remark = f"A line is a run: the darker, the {good} its {metric}; the chosen ones are orange."
    add_remark(figure, remark + runs.left_out + not_shown(_parameters(shown), known))
    return figure


def overlaid(found: Mapping[str, Curves]) -> Figure | None:
    """ROC, precision and recall, and calibration of several models, each in a colour of its own."""
    if not found:
        return None
    figure, axes = new_figure(
        "How well each separates, and whether its scores mean what they say", 3.9, 1, 3, 11.0
    )
    told = (
        ("roc", "false alarms among negatives", "found of the positives"),
        ("precision_recall", "found of the positives", "positive among the flagged"),
        ("calibration", "mean score", "observed share"),
    )
    for ax, (name, across, up) in zip(axes, told, strict=True):
        if name != "precision_recall":
            ax.plot([0, 1], [0, 1], color=INK, linewidth=0.8, linestyle="--")
        for place, (label, curves) in enumerate(found.items()):
            points = getattr(curves, name)
            mark = "o-" if name == "calibration" else "-"
            ax.plot(*_apart(points), mark, color=_colour(place), markersize=4, label=escaped(label))
        ax.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
        ax.set_xlabel(across, color=INK)
        ax.set_ylabel(up, color=INK)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", ncols=3, frameon=False, fontsize=9)
    return figure


def compared_slices(metric: str, found: Mapping[str, pd.DataFrame]) -> Figure | None:
    """The metric within each group with its interval, of several validations beside one another."""
    frames = {label: frame.dropna(subset="value") for label, frame in found.items() if len(frame)}
    names = list(
        dict.fromkeys(
            (str(row["column"]), str(row["slice"]))
            for frame in frames.values()
            for _, row in frame.iterrows()
        )
    )
    if not names:
        return None
    known = names[:_MOST_SLICES]
    figure, [ax] = new_figure(f"{plain(metric, 40)} within each group", 1.4 + 0.3 * len(known))
    for number, (label, frame) in enumerate(frames.items()):
        aside = (number - (len(frames) - 1) / 2) * 0.6 / max(1, len(frames))
        at = {(str(row["column"]), str(row["slice"])): row for _, row in frame.iterrows()}
        kept = [(place + aside, at[name]) for place, name in enumerate(known) if name in at]
        value = np.array([row["value"] for _, row in kept], dtype=float)
        ends = np.array([[row["low"], row["high"]] for _, row in kept], dtype=float).reshape(-1, 2)
        ax.errorbar(
            value,
            [place for place, _ in kept],
            xerr=np.nan_to_num(np.abs(ends.T - value)),
            fmt="o",
            color=_colour(number),
            markersize=5,
            linewidth=1.4,
            label=escaped(label),
        )
    ax.set_yticks(range(len(known)), [written(f"{column} {name}", 32) for column, name in known])
    ax.set_ylim(len(known) - 0.5, -0.5)
    ax.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside lower left", ncols=3, frameon=False, fontsize=9)
    add_remark(figure, "" + not_shown(names, known, "groups"))
    return figure


@dataclass(frozen=True, eq=False)
class _Drawn:
    """Runs that are drawn, the best first.

    Attributes
    ----------
    rows : ndarray of int
        Where they stand in the table.
    values : list of float
        Of the metric; with ``scale``, the axis that it lies on.
    chosen : list of bool
        Which of them a person chose.
    total : int
        How many have a finite value of the metric, drawn or not.
    left_out : str
        What to say of those that are not drawn.
    """

    rows: Any
    values: list[float]
    scale: Scale
    chosen: list[bool]
    total: int
    left_out: str


def _drawn(shown: Shown, metric: str, most: int) -> _Drawn:
    """The runs with a finite value of the metric, not many more than ``most`` of them."""
    rows, values = _measured(shown, metric)
    more = more_is_better(metric)
    ids = shown.table.columns["run_id"].values[rows].tolist()
    chosen = np.array([run_id in shown.view.chosen for run_id in ids], dtype=bool)
    best_first = np.argsort(values if more is False else -values, kind="stable")
    drawn = _worth_drawing(best_first, chosen, most)
    told = values[drawn].tolist()
    # Where nobody knows which way is good, none is far worse, and none is put at the edge for it.
    first, far = ("highest", math.inf) if more is None else ("best", 3.0)
    return _Drawn(
        rows=rows[drawn],
        values=told,
        scale=Scale.numbers(told or [0.0], more is not False, far),
        chosen=chosen[drawn].tolist(),
        total=len(rows),
        left_out=f" {len(told):,} of {len(rows):,} are drawn: the {first}, and an even choice of the others."
        * (len(told) < len(rows)),
    )


def _measured(shown: Shown, metric: str) -> tuple[Any, Any]:
    """The rows that have a finite value of the metric, and their values."""
    column = shown.table.columns.get(f"metrics.{metric}")
    if column is None or column.numbers is None:
        return np.zeros(0, dtype=int), np.zeros(0)
    values = column.numbers[shown.rows]
    finite = np.isfinite(values)
    return shown.rows[finite], values[finite]


def _parameters(shown: Shown) -> list[Column]:
    return [column for column in (*shown.columns, *shown.left_out) if column.kind == "params"]


def _values(column: Column, rows: Any) -> list[Any]:
    """The values of a parameter as numbers where all of them are; ABSENT where a run has none."""
    if column.numbers is None:
        return [ABSENT if value is None else str(value) for value in column.values[rows].tolist()]
    return [value if math.isfinite(value) else ABSENT for value in column.numbers[rows].tolist()]


def _worth_drawing(best_first: Any, chosen: Any, most: int) -> Any:
    """The best half of what can be drawn, and every so many of the others; the chosen in any case."""
    if len(best_first) <= most:
        return best_first
    best, others = best_first[: most // 2], best_first[most // 2 :]
    kept = chosen[others]
    kept[:: -(-2 * len(others) // most)] = True
    return np.concatenate([best, others[kept]])


def _upright(ax: Axes, scales: Sequence[tuple[str, Scale, Sequence[Any]]]) -> None:
    """An axis for each parameter and the metric, side by side."""
    from matplotlib.patheffects import withStroke

    halo = [withStroke(linewidth=2.5, foreground="white")]
    for x, (_, scale, given) in enumerate(scales):
        ax.plot([x, x], [0, 1], color=INK, linewidth=1)
        words = {scale.share(place): word for place, word in scale.ticks(6).items()}
        for y, word in (words | ({UNSET: "not set"} if ABSENT in given else {})).items():
            ax.text(x + 0.04, y, word, fontsize=8, va="center", color=INK, path_effects=halo)
    slant: dict[str, Any] = {"rotation": 30, "ha": "left"} if len(scales) > 7 else {}
    labels = [written(name) if slant else escaped(wrapped(name)) for name, _, _ in scales]
    ax.set_xticks(range(len(scales)), labels, **slant)
    ax.tick_params(length=0, labeltop=True, labelbottom=False)
    ax.set(xlim=(-0.1, len(scales) - 0.5), yticks=[])
    ax.spines[:].set_visible(False)


def _colour(place: int) -> str:
    return _COLOURS[place % len(_COLOURS)]


def _apart(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]
