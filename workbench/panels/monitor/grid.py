"""Features by window as markup, with the score in each cell: the live panel has buttons around it.

The colours are those of :func:`~workbench.monitoring.figures.drift_heatmap`, which draws the same.
"""

from __future__ import annotations

from html import escape

from workbench.monitoring.figures.chart import DRIFTED, INK, STABLE, UNKNOWN
from workbench.monitoring.findings.heat import Heat, HeatCell
from workbench.panels.markup import ROW

__all__ = ["FEATURE", "body", "fitting", "legend", "picture", "width_of"]

#: Pixels: buttons stand over columns and beside rows, so all of a kind have one size.
FEATURE = 172
_BACK = {"stable": STABLE, "drifted": DRIFTED, "inconclusive": UNKNOWN}
_TEXT = {"drifted": "#ffffff"}
_EDGE, _RING = "1px solid rgba(255,255,255,.6)", "3px solid #1d4ed8; font-weight: 700"
_LETTER, _NARROWEST, _WIDEST, _ROOM = 7, 56, 130, 620
_LONGEST = 9  # characters of what stands in a cell


def width_of(heat: Heat) -> int:
    """How wide a column is, in pixels, for its window's name to be read."""
    longest = max(map(len, heat.windows), default=0)
    return min(max(_NARROWEST, _LETTER * longest + 12), _WIDEST)


def fitting(heat: Heat) -> int:
    """How many windows can be seen at once beside the features' names, on a small screen, too."""
    return max(1, _ROOM // width_of(heat))


def body(heat: Heat, feature: str, window: int) -> str:
    """The cells without their heads; the one that is looked into has a ring.

    Parameters
    ----------
    window : int
        Its place among the windows.
    """
    lines = "".join(
        f"<tr>{_cells(heat, row, window if name == feature else -1)}</tr>"
        for name, row in zip(heat.features, heat.cells, strict=True)
    )
    return f'<table style="{_table(len(heat.windows) * width_of(heat))}">{lines}</table>'


def picture(heat: Heat, feature: str, window: int) -> str:
    """The grid by itself, as a report keeps it."""
    width = width_of(heat)
    heads = "".join(f'<th style="{_head(width)}">{escape(name)}</th>' for name in heat.windows)
    lines = "".join(
        f'<tr><th style="{_head(FEATURE)}; text-align: left" title="{escape(name)}">{escape(name)}</th>'
        f"{_cells(heat, row, window if name == feature else -1)}</tr>"
        for name, row in zip(heat.features, heat.cells, strict=True)
    )
    return (
        f'<div style="overflow-x: auto"><table style="{_table(FEATURE + len(heat.windows) * width)}">'
        f'<tr><th style="{_head(FEATURE)}"></th>{heads}</tr>{lines}</table></div>'
    )


def legend(heat: Heat, windows: int) -> str:
    """What the colours mean, and what is left out of so many windows."""
    keys = "".join(
        f'<span style="display: inline-block; width: 12px; height: 12px; background: {colour}; '
        f'border: 1px solid rgba(127,127,127,.4)"></span> {word} &nbsp; '
        for word, colour in _BACK.items()
    )
    more = windows - len(heat.windows)
    others = f"{more} more window{'s' * (more > 1)}: choose one in the list" if more else ""
    says = "; ".join(filter(None, (heat.says, others)))
    return f'<p style="opacity: .8; margin: 6px 0">{keys}{escape(says)}</p>'


def _cells(heat: Heat, row: tuple[HeatCell, ...], ringed: int) -> str:
    width = width_of(heat)
    return "".join(_cell(cell, width, _RING if at == ringed else _EDGE) for at, cell in enumerate(row))


def _cell(cell: HeatCell, width: int, border: str) -> str:
    text = cell.text if len(cell.text) <= _LONGEST else f"{cell.text[: _LONGEST - 1]}…"
    says = escape(f"{cell.verdict}: {cell.method or 'not judged'}")
    return (
        f'<td title="{says}" style="box-sizing: border-box; width: {width}px; height: {ROW}px; padding: 0; '
        f"border: {border}; text-align: center; font-size: 12px; line-height: 1; "
        f'background: {_BACK.get(cell.verdict, UNKNOWN)}; color: {_TEXT.get(cell.verdict, INK)}">'
        f"{escape(text)}</td>"
    )


def _table(width: int) -> str:
    return f"table-layout: fixed; border-collapse: collapse; margin: 0; width: {width}px"


def _head(width: int) -> str:
    return (
        f"width: {width}px; height: {ROW}px; padding: 0 2px; text-align: center; font-weight: 500; "
        "font-size: 12px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; border: 0"
    )
