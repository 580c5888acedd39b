"""Pictures of many runs: a metric over the parameters, and what several runs found, beside one another.

A picture with nothing to see is None. Names and values are data: none is read as markup.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.execution.sweep.drawing import add_remark, draw_dots, new_figure, not_shown, wrapped
from workbench.execution.sweep.scales import ABSENT, BLUE, INK, ORANGE, UNSET, Scale, escaped, plain, written
from workbench.panels.view import Shown
from workbench.tracking.curves import Curves
from workbench.tracking.metrics import LOWER_IS_BETTER
from workbench.tracking.run_table import Column

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["compared_slices", "over_parameters", "over_time", "overlaid", "parallel"]

_MOST_AXES, _MOST_LINES, _MOST_SLICES = 8, 1_000, 24
_COLOURS = (BLUE, ORANGE, "#0f766e", "#7c3aed", "#be185d", "#4d7c0f", "#0891b2", INK)
_SHADES = ("#d5d9df", "#7fb2e5", BLUE, "#123a68")


def over_parameters(shown: Shown, metric: str) -> Figure | None:
    """A metric against each parameter that differs: a dot is a run, the chosen ones are orange."""
    rows, values = _measured(shown, metric)
    columns = _parameters(shown)
    if not len(rows) or not columns:
        return None
    known = columns[:_MOST_AXES]
    deep = -(-len(known) // 4)
    wide = -(-len(known) // deep)
    title = f"{plain(metric, 40)} against each parameter, {len(rows):,} runs"
    figure, axes = new_figure(title, 0.8 + 2.4 * deep, deep, wide, max(5.0, 2.6 * wide), sharey="row")
    y = Scale.numbers(values.tolist(), not _is_lower_better(metric))
    heights = [y.place(value) for value in values.tolist()]
    chosen = _chosen(shown, rows)
    for ax, column in zip(axes, known, strict=False):
        given = _values(column, rows)
        x = Scale.of(given)
        at = [
            (x.place(value) + x.jitter(number), height, is_chosen)
            for number, (value, height, is_chosen) in enumerate(zip(given, heights, chosen, strict=True))
            if value is not ABSENT
        ]
        draw_dots(ax, [(left, up) for left, up, _ in at], BLUE)
        marked = [(left, up) for left, up, is_chosen in at if is_chosen]
        ax.plot(*_apart(marked), "o", color=ORANGE, markersize=8, markeredgecolor="white", zorder=5)
        x.lay_out(ax, "x", wrapped(column.label, 26))
        y.lay_out(ax, "y", plain(metric) if ax in axes[::wide] else "")
    for ax in axes[len(known) :]:
        ax.remove()
    add_remark(figure, "A dot is a run; the chosen ones are orange." + not_shown(columns, known))
    return figure


def over_time(shown: Shown, metric: str) -> Figure | None:
    """A metric by when each run started; the chosen ones are orange."""
    from matplotlib.dates import ConciseDateFormatter

    rows, values = _measured(shown, metric)
    if len(rows) < 2:
        return None
    figure, [ax] = new_figure(f"{plain(metric, 40)} over time, {len(rows):,} runs", 2.8)
    started = shown.table.columns["started_at"].values[rows].tolist()
    chosen = np.array(_chosen(shown, rows))
    scale = Scale.numbers(values.tolist(), not _is_lower_better(metric))
    heights = np.array([scale.place(value) for value in values.tolist()])
    draw_dots(ax, [*zip(started, heights.tolist(), strict=True)], BLUE)
    marked = [*zip(np.array(started)[chosen].tolist(), heights[chosen].tolist(), strict=True)]
    ax.plot(*_apart(marked), "o", color=ORANGE, markersize=8, markeredgecolor="white", zorder=5)
    dates = ConciseDateFormatter(ax.xaxis.get_major_locator())  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_formatter(dates)
    scale.lay_out(ax, "y", plain(metric))
    return figure


def parallel(shown: Shown, metric: str) -> Figure | None:
    """Runs as lines through their parameters to the metric: the darker, the better."""
    rows, values = _measured(shown, metric)
    known = _parameters(shown)[: _MOST_AXES + 2]
    if not len(rows) or not known:
        return None
    from matplotlib.collections import LineCollection
    from matplotlib.colors import LinearSegmentedColormap

    better = np.argsort(values if _is_lower_better(metric) else -values, kind="stable")
    drawn = _worth_drawing(better)[::-1]  # the best are drawn last
    scales = [(column.label, Scale.of(given), given) for column in known for given in [_values(column, rows)]]
    scales.append((metric, Scale.numbers(values.tolist(), not _is_lower_better(metric)), values.tolist()))
    lines = [
        [(x, scale.height(given[run], int(run))) for x, (_, scale, given) in enumerate(scales)]
        for run in drawn
    ]
    chosen = _chosen(shown, rows)
    shade = LinearSegmentedColormap.from_list("", _SHADES)
    colours = [
        ORANGE if chosen[run] else shade(place / max(1, len(drawn) - 1)) for place, run in enumerate(drawn)
    ]
    widths = [3.0 if chosen[run] else 1.0 for run in drawn]
    figure, [ax] = new_figure(f"The way of {len(rows):,} runs to their {plain(metric, 40)}", 4.4)
    ax.add_collection(LineCollection(lines, colors=colours, linewidths=widths))
    _upright(ax, scales)
    remark = f"A line is a run: the darker, the better its {metric}; the chosen ones are orange."
    if len(drawn) < len(rows):
        remark += f" {len(drawn):,} of {len(rows):,} are drawn: the best, and an even choice of the others."
    add_remark(figure, remark + not_shown(_parameters(shown), known))
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


def _chosen(shown: Shown, rows: Any) -> list[bool]:
    ids = shown.table.columns["run_id"].values[rows].tolist()
    return [run_id in shown.view.chosen for run_id in ids]


def _worth_drawing(better: Any) -> Any:
    """The best half of what can be drawn, and every so many of the others."""
    if len(better) <= _MOST_LINES:
        return better
    best, others = better[: _MOST_LINES // 2], better[_MOST_LINES // 2 :]
    return np.concatenate([best, others[:: -(-2 * len(others) // _MOST_LINES)]])


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


def _is_lower_better(metric: str) -> bool:
    return metric.rpartition(".")[2] in LOWER_IS_BETTER


def _colour(place: int) -> str:
    return _COLOURS[place % len(_COLOURS)]


def _apart(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]
