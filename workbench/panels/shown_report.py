"""A report inside a panel. JupyterLab serves no hidden folders, and reports lie in one."""

from __future__ import annotations

from html import escape
from pathlib import Path

from workbench.panels.markup import problem
from workbench.tracking.reports import HTML

__all__ = ["page_frame", "report_frame"]

_LARGEST = 20_000_000


def report_frame(folder: Path | str | None) -> str:
    """The page of a report in a frame that runs nothing and reaches nothing around it."""
    return page_frame(Path(folder) / HTML if folder else None, "report")


def page_frame(page: Path | None, title: str) -> str:
    """A page, such as a report or a card, in such a frame."""
    try:
        if page is None or not page.is_file():
            return problem(f"its {title} is gone, or not there yet")
        if page.stat().st_size > _LARGEST:
            return problem(f"its {title} is too large to be shown here: {page}")
        text = page.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        return problem(f"its {title} cannot be read: {error}")
    return (
        f'<div style="opacity: .7; padding: 4px 0"><code>{escape(str(page))}</code></div>'
        f'<iframe sandbox srcdoc="{escape(text)}" title="{escape(title)}" '
        'style="width: 100%; height: 640px; border: 1px solid rgba(127,127,127,.4)"></iframe>'
    )
