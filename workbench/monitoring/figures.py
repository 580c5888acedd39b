"""Charts of what the monitor found. They draw findings and compute nothing.

They are figures of their own, apart from pyplot: a notebook shows one when it is a cell's last line, and
nothing else remembers it.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from workbench.monitoring.windows import WindowFinding

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["Chart", "drift_heatmap", "flagged_of_hundred", "performance_over_time"]

_STABLE, _DRIFTED, _UNKNOWN = "#dbeafe", "#d97706", "#e5e7eb"
_LINE, _SHADOW, _BARS = "#1d4ed8", "#64748b", "#cbd5e1"
# Among more cells than this nobody reads a number.
_MOST_LABELS = 500
_VERDICTS = {"stable": 0, "drifted": 1, "inconclusive": 2}


class Chart(Figure):
    """A figure that IPython shows without pyplot."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=110)
        return buffer.getvalue()


def drift_heatmap(findings: Sequence[WindowFinding]) -> Chart:
    """Features by window: which drifted, with the score that says so; most often drifted on top."""
    names = list(dict.fromkeys(name for item in findings for name in item.drift.features["feature"]))
    tables = [item.drift.features.set_index("feature") for item in findings]
    names.sort(key=lambda name: -sum(bool(t["drifted"].get(name, False)) for t in tables))
    chart = _chart(2.4 + 1.1 * len(findings), 1.4 + 0.32 * max(len(names), 1))
    ax = chart.subplots()
    if not names:
        return _nothing(chart, ax)
    codes = np.array([[_VERDICTS[t["verdict"].get(name, "inconclusive")] for t in tables] for name in names])
    colours = ListedColormap([_STABLE, _DRIFTED, _UNKNOWN])
    ax.imshow(codes, cmap=colours, norm=BoundaryNorm([-0.5, 0.5, 1.5, 2.5], 3), aspect="auto")
    if codes.size <= _MOST_LABELS:
        _scores(ax, names, tables, codes)
    ax.set_title("Which features drifted, by window", fontsize=11, loc="left")
    ax.set_yticks(range(len(names)), names, fontsize=8)
    ax.set_yticks(np.arange(len(names) - 1) + 0.5, minor=True)
    ax.set_xticks(np.arange(len(findings) - 1) + 0.5, minor=True)
    ax.grid(which="minor", color="white", linewidth=1.5)
    _windows(ax, findings)
    ax.xaxis.tick_top()
    ax.tick_params(length=0, which="both")
    ax.spines[:].set_visible(False)
    keys = [Patch(color=colours(code), label=word) for word, code in _VERDICTS.items()]
    _legend(ax, keys)
    return chart


def performance_over_time(findings: Sequence[WindowFinding]) -> Chart:
    """The primary metric with its interval, champion beside the others, over the share of positives."""
    chart = _chart(2.5 + 1.2 * len(findings), 4.2)
    ax = chart.subplots()
    champions = [item.champion for item in findings]
    known = [item for item in champions if item is not None]
    if not known:
        return _nothing(chart, ax)
    shares = ax.twinx()
    shares.bar(
        range(len(findings)),
        [100 * item.positive_share if item else np.nan for item in champions],
        color=_BARS,
        width=0.6,
        zorder=0,
    )
    shares.set_ylim(0, 100)
    shares.set_ylabel("turned out positive, % (bars)", color=_SHADOW)
    ax.set_zorder(shares.get_zorder() + 1)
    ax.patch.set_visible(False)
    others = {
        (part.role, part.model_version): None
        for item in findings
        for part in item.performances
        if part.role != "champion"
    }
    _line(ax, findings, ("champion", None), "champion", _LINE, 0.0)
    for number, who in enumerate(others):
        _line(ax, findings, who, f"{who[0]} v{who[1]}", _SHADOW, 0.12 * (number + 1))
    if np.isfinite(known[-1].expected):
        ax.axhline(known[-1].expected, color=_LINE, linestyle=":", linewidth=1, label="expected")
    name = known[-1].metric.replace("_", " ")
    ax.set_title(f"{name} of the champion with its 95 % interval, by window", fontsize=11, loc="left")
    ax.set_ylabel(name)
    _windows(ax, findings)
    _legend(ax, None)
    return chart


def flagged_of_hundred(
    findings: Sequence[WindowFinding], *, things: str = "predictions", outcome: str = "turned out positive"
) -> Chart:
    """For managers: of 100 things that the champion flagged, how many had the outcome; beside it, of any 100.

    Parameters
    ----------
    things, outcome : str
        How to call them, such as ``"flights"`` and ``"were late"``.
    """
    chart = _chart(2.5 + 1.2 * len(findings), 4.2)
    ax = chart.subplots()
    champions = [item.champion for item in findings]
    if not any(item is not None and item.labelled for item in champions):
        return _nothing(chart, ax)
    for offset, colour, label, values in (
        (
            -0.2,
            _DRIFTED,
            "we flagged",
            [
                100 * item.flagged_positive / item.flagged if item and item.flagged else np.nan
                for item in champions
            ],
        ),
        (0.2, _BARS, "in all", [100 * item.positive_share if item else np.nan for item in champions]),
    ):
        bars = ax.bar(
            np.arange(len(findings)) + offset,
            values,
            width=0.38,
            color=colour,
            label=f"of 100 {things} {label}",
        )
        texts = [f"{value:.0f}" if np.isfinite(value) else "" for value in values]
        ax.bar_label(bars, texts, fontsize=9, padding=2)
    ax.set_ylim(0, 100)
    ax.set_title(f"Of 100 {things} we flagged, how many {outcome}", fontsize=11, loc="left")
    ax.set_ylabel(f"{outcome}, of 100")
    _windows(ax, findings)
    ax.spines[["top", "right"]].set_visible(False)
    _legend(ax, None)
    return chart


def _scores(ax: Axes, names: list[str], tables: list[pd.DataFrame], codes: NDArray[np.int64]) -> None:
    for row, name in enumerate(names):
        for column, table in enumerate(tables):
            score = table["score"].get(name, np.nan)
            text = f"{score:.2f}" if np.isfinite(score) else str(table["method"].get(name, "")) or "–"
            colour = "white" if codes[row, column] == _VERDICTS["drifted"] else "#334155"
            ax.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)


def _chart(width: float, height: float) -> Chart:
    return Chart(figsize=(min(max(width, 5.0), 16.0), min(height, 16.0)), layout="constrained")


def _windows(ax: Axes, findings: Sequence[WindowFinding]) -> None:
    slant: dict[str, Any] = {"rotation": 60} if len(findings) > 14 else {}
    ax.set_xticks(range(len(findings)), [item.name for item in findings], fontsize=9, **slant)


def _legend(ax: Axes, handles: list[Any] | None) -> None:
    shown = ax.get_legend_handles_labels()[0] if handles is None else handles
    ax.legend(
        handles=shown, loc="upper center", bbox_to_anchor=(0.5, -0.08), ncols=4, frameon=False, fontsize=9
    )


def _nothing(chart: Chart, ax: Axes) -> Chart:
    ax.text(0.5, 0.5, "nothing to show yet", ha="center", va="center")
    ax.set_axis_off()
    return chart


def _line(
    ax: Axes,
    findings: Sequence[WindowFinding],
    who: tuple[str, int | None],
    label: str,
    colour: str,
    shift: float,
) -> None:
    points = []
    for number, finding in enumerate(findings):
        for part in finding.performances:
            chosen = part is finding.champion if who[1] is None else (part.role, part.model_version) == who
            if chosen and np.isfinite(part.value):
                points.append((number + shift, part.value, part.value - part.low, part.high - part.value))
    if points:
        x, y, below, above = (np.array(values) for values in zip(*points, strict=True))
        ax.errorbar(
            x, y, yerr=[below, above], marker="o", capsize=3, color=colour, label=label, linewidth=1.5
        )
