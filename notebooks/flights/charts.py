"""The charts of the notebooks: each one figure, whose title says what is to be seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter

from flights.cleaning import LATE_AFTER

__all__ = [
    "agreement",
    "coefficients",
    "curves",
    "late_by_carrier",
    "late_by_hour",
    "late_by_month",
    "leakage",
    "lookups",
    "slices",
    "split_over_time",
    "waiting",
]

_BLUE, _ORANGE, _GREY, _RED, _INK = "#2f6db5", "#e07b28", "#b8bec6", "#c0392b", "#30363d"
_THOUSANDS = FuncFormatter(lambda value, _: f"{value:,.0f}")
_PART_COLOURS = {
    "too_old": "#e4e7eb",
    "train": _BLUE,
    "develop": "#7fb2e5",
    "unknown_then": _RED,
    "validate": _ORANGE,
    "later": _GREY,
}
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def late_by_month(flights: pd.DataFrame) -> Figure:
    """Late share of each month, with the whole year's beside it."""
    late = _late(flights)
    share = late.groupby(flights["month"].reindex(late.index)).mean()
    lowest, highest = share.idxmin(), share.idxmax()
    figure, ax = _figure(
        f"The late share moves between {share.min():.0%} ({_MONTHS[lowest - 1]}) "
        f"and {share.max():.0%} ({_MONTHS[highest - 1]})",
        "month of 2013",
        "flights that arrive late",
    )
    colours = [_ORANGE if month in (lowest, highest) else _BLUE for month in share.index]
    bars = ax.bar([_MONTHS[month - 1] for month in share.index], share, color=colours)
    ax.bar_label(bars, [f"{value:.0%}" for value in share], padding=-16, color="white")
    _mean_line(ax, float(late.mean()), "whole year")
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    return figure


def late_by_hour(flights: pd.DataFrame) -> Figure:
    """Late share by the scheduled hour of departure."""
    late = _late(flights)
    groups = late.groupby(flights["hour"].reindex(late.index))
    share = groups.mean()[groups.size() >= 100]
    best, worst = share.idxmin(), share.idxmax()
    figure, ax = _figure(
        f"{share[best]:.0%} of the flights at {best}:00 arrive late, {share[worst]:.0%} at {worst}:00",
        "scheduled hour of departure, New York's time",
        "flights that arrive late",
    )
    ax.plot(share.index, share, color=_BLUE, linewidth=2.5, marker="o")
    ax.fill_between(share.index, share, color=_BLUE, alpha=0.12)
    ax.set_xticks(share.index)
    ax.set_ylim(0)
    _mean_line(ax, float(late.mean()), "all hours")
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    return figure


def late_by_carrier(flights: pd.DataFrame, airlines: pd.DataFrame) -> Figure:
    """Late share of each carrier with its 95 % interval, the most punctual on top."""
    late = _late(flights)
    groups = late.groupby(flights["carrier"].reindex(late.index))
    table = pd.DataFrame({"share": groups.mean(), "flights": groups.size()})
    table = table.sort_values("share", ascending=False)
    names = airlines.set_index("carrier")["name"].reindex(table.index).fillna("").str.title()
    figure, ax = _figure(
        f"{names.iloc[-1]} is late on {table['share'].iloc[-1]:.0%} of its flights, "
        f"{names.iloc[0]} on {table['share'].iloc[0]:.0%}",
        "flights that arrive late (line: 95 % interval)",
        "",
        height=4.8,
    )
    labels = [
        f"{name} ({code}, {count:,})"
        for name, code, count in zip(names, table.index, table["flights"], strict=True)
    ]
    error = 1.96 * np.sqrt(table["share"] * (1 - table["share"]) / table["flights"])
    ax.barh(labels, table["share"], xerr=error, color=_BLUE, error_kw={"ecolor": _INK, "elinewidth": 1})
    ax.axvline(float(late.mean()), color=_INK, linestyle="--", linewidth=1)
    ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.grid(axis="x", alpha=0.3)
    ax.grid(visible=False, axis="y")
    return figure


def leakage(suspects: pd.DataFrame) -> Figure:
    """How well each raw column alone separates late flights; red is known too late."""
    table = suspects.dropna(subset="roc_auc").sort_values("roc_auc")
    too_late, best = int(table["too_late"].sum()), table.index[-1]
    figure, ax = _figure(
        f"{best} separates best and is known too late, like {too_late - 1} other columns"
        if table["too_late"].iloc[-1]
        else f"{too_late} raw columns are known too late; {best} separates best",
        "ROC AUC of the column alone (0.5 is chance, 1 is perfect)",
        "",
        height=4.8,
    )
    ax.barh(table.index, table["roc_auc"] - 0.5, left=0.5, color=np.where(table["too_late"], _RED, _BLUE))
    for colour, label in ((_RED, "known too late"), (_BLUE, "known when the model is asked")):
        ax.barh([table.index[0]], [0], left=0.5, color=colour, label=label)
    ax.legend(frameon=False, loc="lower right")
    ax.set_xlim(0.5, 1.01)
    ax.grid(axis="x", alpha=0.3)
    ax.grid(visible=False, axis="y")
    return figure


def split_over_time(prepared: pd.DataFrame) -> Figure:
    """Flights a week in each part of the split, over the year."""
    week = prepared["asked_at"].dt.floor("7D")
    counts = prepared.groupby([week, "split"]).size().unstack(fill_value=0)
    parts = [part for part in _PART_COLOURS if part in counts.columns]
    learnt, judged = prepared["split"].isin(["train", "develop"]), prepared["split"] == "validate"
    figure, ax = _figure(
        f"{learnt.sum():,} flights to learn from, the {judged.sum():,} of the month after to be judged on",
        "week in which the model is asked",
        "flights",
        width=9.5,
    )
    bottom = np.zeros(len(counts))
    for part in parts:
        ax.bar(
            counts.index,
            counts[part],
            bottom=bottom,
            label=part,
            color=_PART_COLOURS[part],
            width=6.6,
            align="edge",
        )
        bottom = bottom + counts[part].to_numpy()
    ax.set_ylim(0, counts.sum(axis=1).max() * 1.2)
    ax.legend(frameon=False, ncols=len(parts), loc="upper left")
    ax.yaxis.set_major_formatter(_THOUSANDS)
    return figure


def lookups(status: pd.DataFrame) -> Figure:
    """Share of the lookups that found nothing, or only something too old, by memory."""
    shares = pd.DataFrame(
        {name: status[name].value_counts(normalize=True) for name in status.columns}
    ).T.reindex(columns=["missing", "stale"], fill_value=0.0)
    shares = shares.fillna(0.0).sort_values("missing")
    worst = shares.sum(axis=1).idxmax()
    figure, ax = _figure(
        f"{worst} answers least often: nothing for {shares.sum(axis=1).max():.1%} of the flights",
        "share of lookups",
        "",
        height=2.6,
    )
    left = np.zeros(len(shares))
    for kind, colour, text in (("missing", _ORANGE, "nothing known"), ("stale", _GREY, "too old")):
        ax.barh(shares.index, shares[kind], left=left, color=colour, label=text)
        left = left + shares[kind].to_numpy()
    for place, total in enumerate(left):
        ax.text(total, place, f" {total:.1%}", va="center", color=_INK)
    ax.legend(frameon=False, loc="lower right")
    ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.grid(visible=False, axis="y")
    return figure


def coefficients(pipeline: Any, top: int = 20) -> Figure:
    """The largest coefficients of a logistic regression behind a scaler: what it has learnt, readable."""
    names = [str(name).partition("__")[2] for name in pipeline[0].get_feature_names_out()]
    values = pd.Series(pipeline[-1].coef_[0], index=names)
    values = values[values.abs().nlargest(top).index].sort_values()
    strongest = values.abs().idxmax()
    figure, ax = _figure(
        f"The baseline leans most on {strongest} (odds × {np.exp(values[strongest]):.2f})",
        "coefficient: change of the log odds of being late (of a number: by one standard deviation)",
        "",
        height=0.8 + 0.24 * len(values),
    )
    ax.barh(values.index, values, color=np.where(values > 0, _ORANGE, _BLUE))
    ax.axvline(0, color=_INK, linewidth=0.8)
    ax.grid(axis="x", alpha=0.3)
    ax.grid(visible=False, axis="y")
    return figure


def curves(late: pd.Series, scores: Mapping[str, np.ndarray]) -> Figure:
    """ROC, precision-recall and calibration curves of several models on the same flights."""
    from sklearn.calibration import calibration_curve
    from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

    areas = {name: float(roc_auc_score(late, score)) for name, score in scores.items()}
    best = max(areas, key=lambda name: areas[name])
    title = f"{best} ranks late flights best (ROC AUC {areas[best]:.3f})"
    figure, (roc, recall, calibration) = _panels(title, 3, 13, 4.2)
    for (name, score), colour in zip(scores.items(), (_GREY, _BLUE, _ORANGE, _RED), strict=False):
        false, true, _ = roc_curve(late, score)
        roc.plot(false, true, color=colour, linewidth=2, label=f"{name} {areas[name]:.3f}")
        precision, found, _ = precision_recall_curve(late, score)
        area = average_precision_score(late, score)
        recall.plot(found, precision, color=colour, linewidth=2, label=f"{name} {area:.3f}")
        observed, predicted = calibration_curve(late, score, n_bins=10, strategy="quantile")
        calibration.plot(predicted, observed, color=colour, linewidth=2, marker="o", label=name)
    roc.plot([0, 1], [0, 1], color=_INK, linestyle=":", linewidth=1)
    recall.axhline(float(late.mean()), color=_INK, linestyle=":", linewidth=1)
    calibration.axline((0, 0), slope=1, color=_INK, linestyle=":", linewidth=1)
    _dress(roc, "ROC (area)", "punctual flights flagged", "late flights found")
    _dress(
        recall,
        "Precision and recall (average precision)",
        "late flights found",
        "flagged flights that are late",
    )
    _dress(calibration, "Calibration", "predicted probability", "observed share")
    for ax in (roc, recall, calibration):
        ax.legend(frameon=False)
    return figure


def _late(flights: pd.DataFrame) -> pd.Series:
    """Whether each flight that arrived was late."""
    delay = flights["arr_delay"].dropna()
    return delay > LATE_AFTER / pd.Timedelta(minutes=1)


def slices(table: pd.DataFrame, whole: float, metric: str) -> Figure:
    """The metric within each slice that has enough rows, with its interval; the line is the whole."""
    shown = table[table["verdict"] != "too few"].sort_values("value")
    worst = shown.iloc[0]
    figure, ax = _figure(
        f"{worst['column'].capitalize()} {worst['slice']} is the hardest: {worst['value']:.2f}, "
        f"the whole {whole:.2f}",
        metric,
        "",
    )
    spread = [shown["value"] - shown["low"], shown["high"] - shown["value"]]
    ax.errorbar(shown["value"], shown["column"] + " " + shown["slice"], xerr=spread, fmt="o", color=_BLUE)
    ax.axvline(whole, color=_INK, linestyle="--", linewidth=1)
    return figure


def waiting(milliseconds: np.ndarray) -> Figure:
    """How long requests took."""
    median, slow = np.percentile(milliseconds, [50, 99])
    figure, ax = _figure(
        f"Half are answered within {median:.0f} ms, 99 % within {slow:.0f} ms",
        "milliseconds a request",
        "requests",
    )
    ax.hist(milliseconds, bins=40, color=_BLUE)
    return figure


def agreement(answers: pd.DataFrame) -> Figure:
    """What two models said of the same flights: ``answers`` has a column of scores for each."""
    first, second = answers.columns
    other = float(((answers[first] >= 0.5) != (answers[second] >= 0.5)).mean())
    figure, ax = _figure(
        f"They decide {other:.1%} of {len(answers):,} flights differently", f"score of the {first}", ""
    )
    figure.set_size_inches(5.6, 5)
    ax.hexbin(answers[first], answers[second], gridsize=40, bins="log", mincnt=1, cmap="Blues")
    ax.axline((0, 0), slope=1, color=_INK, linestyle="--", linewidth=1)
    ax.set_ylabel(f"score of the {second}")
    return figure


def _figure(title: str, x: str, y: str, *, width: float = 8.0, height: float = 3.8) -> tuple[Figure, Axes]:
    figure, axes = _panels(title, 1, width, height)
    _dress(axes[0], "", x, y)
    return figure, axes[0]


def _panels(title: str, count: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """A figure that a cell shows once: pyplot forgets it, or it would show it again at the cell's end."""
    figure, axes = plt.subplots(
        1, count, figsize=(width, height), dpi=100, layout="constrained", squeeze=False
    )
    plt.close(figure)
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold", color=_INK)
    return figure, list(axes[0])


def _dress(ax: Axes, title: str, x: str, y: str) -> None:
    ax.set_title(title, loc="left", color=_INK)
    ax.set_xlabel(x, color=_INK)
    ax.set_ylabel(y, color=_INK)
    ax.grid(axis="y", alpha=0.3)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)


def _mean_line(ax: Axes, value: float, label: str) -> None:
    ax.axhline(value, color=_INK, linestyle="--", linewidth=1)
    ax.annotate(
        f"{label}\n{value:.0%}",
        (1, value),
        xycoords=("axes fraction", "data"),
        xytext=(6, 0),
        textcoords="offset points",
        va="center",
        color=_INK,
    )
