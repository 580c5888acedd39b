"""The pictures of cards and delta reports: drawn once, shown in a light and in a dark palette.

Labels are data: none is read as markup or as a formula.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from workbench.registry.card.document import Picture, number, rows_of
from workbench.tracking.metrics import LOWER_IS_BETTER

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from workbench.registry.gates.bootstrap import Floats

__all__ = ["calibration_picture", "contributions_picture", "differences_picture", "slices_picture"]

# Drawn with the light palette; for the dark one each colour is replaced by its partner.
_INK, _SOFT, _LINE, _BLUE, _ORANGE, _RED = "#1f2733", "#59636e", "#d8dee4", "#2f6db5", "#c25e12", "#c1121f"
_DARK = {
    _INK: "#dbe2ea",
    _SOFT: "#94a1af",
    _LINE: "#2d3742",
    _BLUE: "#62a8f5",
    _ORANGE: "#f0964f",
    _RED: "#ff7b72",
}
_VERDICT_COLOURS = {"passed": _BLUE, "failed": _RED, "inconclusive": _ORANGE}
_MOST_BARS = 30
_LONGEST = 28


def slices_picture(slices: pd.DataFrame, whole: float, metric: str) -> Picture | None:
    """The metric of each judged slice with its interval; the line is the whole."""
    judged = slices[slices["verdict"].isin(_VERDICT_COLOURS)].head(_MOST_BARS)
    if judged.empty:
        return None
    figure, ax = _axes(1.0 + 0.27 * len(judged))
    places = np.arange(len(judged))
    for verdict, colour in _VERDICT_COLOURS.items():
        rows = (judged["verdict"] == verdict).to_numpy()
        if rows.any():
            _ranges(ax, judged[rows], places[rows], colour, verdict)
    ax.axvline(whole, color=_INK, linewidth=1, linestyle="--", label=f"all rows ({number(whole)})")
    _names(ax, [f"{row.column} {row.slice}" for row in rows_of(judged)])
    better = "lower" if metric in LOWER_IS_BETTER else "higher"
    ax.set_xlabel(f"{_plain(metric)} ({better} is better)")
    _legend(ax)
    ordered = judged.sort_values("value")
    ends = rows_of(ordered.iloc[[0, -1]])
    lowest, highest = (f"{number(row.value)} ({row.column} {row.slice})" for row in ends)
    alt = (
        f"{metric} of {len(judged)} slices with 95 % intervals, from {lowest} to {highest}; "
        f"{number(whole)} on all rows"
    )
    return _picture(figure, alt)


def contributions_picture(features: pd.DataFrame, metric: str) -> Picture | None:
    """What the metric loses when a feature is shuffled, with intervals, the largest loss on top."""
    told = features[np.isfinite(features["value"])].head(_MOST_BARS)
    if told.empty:
        return None
    figure, ax = _axes(0.9 + 0.27 * len(told))
    places = np.arange(len(told))
    sure = (told["low"] > 0).to_numpy()
    for rows, colour, label in (
        (sure, _BLUE, "surely contributes"),
        (~sure, _SOFT, "may contribute nothing"),
    ):
        if rows.any():
            some = told[rows]
            ax.barh(places[rows], some["value"], color=colour, height=0.62, label=label)
            ax.hlines(places[rows], some["low"], some["high"], color=_INK, linewidth=1.2)
    ax.axvline(0, color=_INK, linewidth=1)
    _names(ax, [str(name) for name in told["feature"]])
    ax.set_xlabel(f"{_plain(metric)} lost when the feature is shuffled")
    _legend(ax)
    first = ", ".join(f"{row.feature} {number(row.value)}" for row in rows_of(told.head(3)))
    alt = f"What {len(told)} features contribute to {metric}; most: {first}"
    return _picture(figure, alt)


def calibration_picture(bins: pd.DataFrame, histogram: pd.DataFrame) -> Picture | None:
    """Observed share against mean score by bin, with intervals, and how the scores are spread."""
    if bins.empty:
        return None
    figure, (left, right) = _panels(3.4, 2)
    top = float(max(bins["score"].max(), bins["high"].fillna(bins["observed"]).max())) * 1.06
    left.plot([0, top], [0, top], color=_SOFT, linewidth=1, linestyle="--", label="predicted = observed")
    left.vlines(bins["score"], bins["low"], bins["high"], color=_BLUE, linewidth=1.4)
    left.plot(
        bins["score"],
        bins["observed"],
        "o-",
        color=_BLUE,
        markersize=4,
        linewidth=1,
        label="a tenth of the rows",
    )
    left.set(xlim=(0, top), ylim=(0, top), xlabel="mean score", ylabel="observed share")
    left.legend(frameon=False, fontsize=8.5, labelcolor=_INK, loc="upper left")
    left.grid(color=_LINE, linewidth=0.6)
    edges = np.append(histogram["from"], histogram["to"].iloc[-1])
    for column, colour in (("negative", _SOFT), ("positive", _ORANGE)):
        total = max(int(histogram[column].sum()), 1)
        share = histogram[column].to_numpy(dtype=float) / total
        right.stairs(
            share,
            edges,
            color=colour,
            fill=column == "negative",
            alpha=0.45 if column == "negative" else 1,
            linewidth=1.6,
            label=f"turned out {column}",
        )
    right.set(xlabel="score", ylabel="share of those rows", xlim=(0, 1))
    right.legend(frameon=False, fontsize=8.5, labelcolor=_INK)
    worst = bins.iloc[int((bins["observed"] - bins["score"]).abs().argmax())]
    alt = (
        f"Calibration in {len(bins)} bins: farthest off at a mean score of {number(worst['score'])}, where "
        f"{number(worst['observed'])} turned out positive; and the spread of scores by outcome"
    )
    return _picture(figure, alt)


def differences_picture(differences: Floats, old: str, new: str) -> Picture:
    """How far the scores of two models lie apart, over all rows."""
    figure, ax = _axes(2.6)
    reach = float(np.abs(differences).max()) or 0.01
    edges = np.linspace(-reach, reach, 62)
    counts, _ = np.histogram(differences, edges)
    middles = (edges[1:] + edges[:-1]) / 2
    for rows, colour, label in (
        (middles > 1e-12, _ORANGE, f"{new} scores higher"),
        (middles < -1e-12, _BLUE, f"{old} scores higher"),
        (np.abs(middles) <= 1e-12, _SOFT, "about the same"),
    ):
        ax.bar(middles[rows], counts[rows], width=edges[1] - edges[0], color=colour, label=label, linewidth=0)
    ax.set_yscale("symlog", linthresh=10)
    ax.set(
        xlabel=f"score of {_plain(new)} less score of {_plain(old)}",
        ylabel="rows (log scale)",
        ylim=(0, None),
    )
    ax.axvline(0, color=_INK, linewidth=1)
    _legend(ax, columns=3)
    low, middle, high = np.quantile(differences, [0.05, 0.5, 0.95])
    alt = (
        f"Differences of {len(differences):,} scores, {new} less {old}: median {middle:+.3f}, nine in ten "
        f"between {low:+.3f} and {high:+.3f}, the widest {reach:.3f}"
    )
    return _picture(figure, alt)


def _axes(height: float) -> tuple[Figure, Axes]:
    figure, (ax,) = _panels(height, 1)
    return figure, ax


def _panels(height: float, columns: int) -> tuple[Figure, list[Axes]]:
    """A figure that pyplot does not keep."""
    from matplotlib.figure import Figure

    figure = Figure((8.4, height), layout="constrained", facecolor="none")
    panels = [*figure.subplots(1, columns, squeeze=False).flat]
    for ax in panels:
        ax.set_facecolor("none")
        ax.set_axisbelow(True)
        ax.grid(axis="x", color=_LINE, linewidth=0.6)
        ax.spines[["top", "right"]].set_visible(False)
        ax.spines[["left", "bottom"]].set_color(_LINE)
        ax.tick_params(labelsize=9, colors=_INK, length=0)
        for label in (ax.xaxis.label, ax.yaxis.label):
            label.set(color=_SOFT, fontsize=9.5)
    return figure, panels


def _ranges(ax: Axes, some: pd.DataFrame, places: NDArray[np.int64], colour: str, label: str) -> None:
    ax.hlines(places, some["low"], some["high"], color=colour, linewidth=2, alpha=0.75)
    ax.plot(some["value"], places, "o", color=colour, markersize=5.5, label=label)


def _names(ax: Axes, names: Sequence[str]) -> None:
    ax.set_yticks(range(len(names)), [_plain(name) for name in names])
    ax.set_ylim(len(names) - 0.4, -0.6)


def _legend(ax: Axes, columns: int = 4) -> None:
    options = {"frameon": False, "fontsize": 8.5, "labelcolor": _INK, "ncols": columns}
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.2, handlelength=1.4, **options)


def _plain(text: str) -> str:
    """Text for matplotlib, which would take what stands between two dollars for a formula."""
    flat = "".join(c if c.isprintable() else " " for c in text)
    return (flat if len(flat) <= _LONGEST else f"{flat[: _LONGEST - 1]}…").replace("$", r"\$")


def _picture(figure: Figure, alt: str) -> Picture:
    import matplotlib

    raw = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "path", "svg.hashsalt": "workbench"}):
        figure.savefig(raw, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    light = raw.getvalue()
    dark = light
    for colour, partner in _DARK.items():
        dark = dark.replace(colour, partner)
    return Picture(light, dark, alt)
