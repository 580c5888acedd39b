"""What the charts have in common: their colours, their axis of windows, and how they say nothing."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from workbench.monitoring.findings.finding import WindowFinding
    from workbench.registry.gates.bootstrap import Interval

__all__ = [
    "BARS",
    "DRIFTED",
    "INK",
    "LINE",
    "QUIET",
    "STABLE",
    "UNKNOWN",
    "Chart",
    "chart",
    "legend",
    "nothing",
    "plain",
    "titled",
    "version_colours",
    "window_axis",
    "with_intervals",
]

STABLE, DRIFTED, UNKNOWN = "#dbeafe", "#d97706", "#e5e7eb"
LINE, QUIET, BARS, INK = "#1d4ed8", "#64748b", "#cbd5e1", "#334155"
_VERSIONS = (LINE, "#0f766e", "#7c3aed", "#be185d", "#4d7c0f", "#0891b2", "#9f1239", QUIET)
_MOST_TICKS = 14
_LONGEST = 32


class Chart(Figure):
    """A figure that IPython shows without pyplot."""

    def png(self, dpi: int = 110) -> bytes:
        """The picture as a file."""
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=dpi)
        return buffer.getvalue()

    def _repr_png_(self) -> bytes:
        return self.png()


def version_colours(findings: Sequence[WindowFinding]) -> dict[int, str]:
    """A colour for each version, the same on all charts of the same findings."""
    versions = sorted({item.version for finding in findings for item in finding.versions})
    return {version: _VERSIONS[at % len(_VERSIONS)] for at, version in enumerate(versions)}


def chart(width: float, height: float) -> Chart:
    """A chart of so many inches, within what fits on a page."""
    return Chart(figsize=(min(max(width, 5.0), 16.0), min(height, 16.0)), layout="constrained")


def titled(ax: Axes, title: str) -> None:
    ax.set_title(title, fontsize=11, loc="left")


def window_axis(ax: Axes, names: Sequence[str]) -> None:
    """One place for each window, all named if there are few, else every so many of them."""
    step = -(-len(names) // _MOST_TICKS) or 1
    # The newest is always named.
    places = np.arange(len(names))[::-1][::step][::-1]
    slant: dict[str, Any] = {"rotation": 45, "ha": "right"} if len(names) > _MOST_TICKS // 2 else {}
    ax.set_xticks(places, [plain(names[place]) for place in places], fontsize=9, **slant)
    ax.set_xlim(-0.6, max(len(names) - 0.4, 0.6))


def legend(drawn: Chart, handles: Sequence[Any] = ()) -> None:
    """Under the chart, what tells its marks apart: ``handles``, or what has a label."""
    shown = handles or [mark for ax in drawn.axes for mark in ax.get_legend_handles_labels()[0]]
    if shown:
        drawn.legend(handles=shown, loc="outside lower center", ncols=4, frameon=False, fontsize=9)


def with_intervals(
    ax: Axes,
    places: Sequence[float],
    found: Sequence[Interval],
    *,
    colour: str,
    label: str | None = None,
    dashed: bool = False,
    size: float = 6.0,
) -> None:
    """A line through values with their intervals; where one has none, its value alone."""
    value = np.array([item.value for item in found])
    ends = np.array([[item.low, item.high] for item in found]).reshape(-1, 2)
    ax.errorbar(
        places,
        value,
        np.nan_to_num(np.abs(ends.T - value)),
        color=colour,
        label=label,
        linestyle="--" if dashed else "-",
        marker="o",
        markersize=size,
        capsize=size / 2,
        linewidth=1.5,
    )


def nothing(drawn: Chart, ax: Axes, says: str = "nothing to show yet") -> Chart:
    ax.text(0.5, 0.5, says, ha="center", va="center", color=INK)
    ax.set_axis_off()
    return drawn


def plain(text: object) -> str:
    """Text for matplotlib, which would take what stands between two dollars for a formula."""
    flat = "".join(each if each.isprintable() else " " for each in str(text))
    return (flat if len(flat) <= _LONGEST else f"{flat[: _LONGEST - 1]}…").replace("$", r"\$")
