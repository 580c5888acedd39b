"""An executed notebook as one HTML file that opens anywhere, offline, and runs nothing.

nbconvert's own HTML fetches scripts from content delivery networks, runs what outputs say and does
not escape by default. So its parts are used (Markdown, highlighting, terminal colours) on a page of
ours, in which everything is escaped unless :mod:`workbench.tracking.sanitize` let it through.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from markupsafe import Markup
from nbformat import NotebookNode

from workbench.tracking.cells import Cell, Section, read_cells
from workbench.tracking.inputs import unaccounted_in_words
from workbench.tracking.outputs import Limits
from workbench.tracking.page import environment
from workbench.tracking.reports import Manifest

__all__ = ["Limits", "render"]

_TEMPLATE = environment().get_template("report.html.j2")


def render(
    notebook: NotebookNode,
    *,
    title: str,
    manifest: Manifest,
    limits: Limits | None = None,
    index: str = "",
) -> str:
    """One self-contained HTML page of an executed notebook.

    Parameters
    ----------
    notebook : NotebookNode
        As it was executed; its outputs are untrusted. It is not changed.
    title : str
        For the browser's tab, and the heading where the notebook has none.
    manifest : Manifest
        What the header says of the run.
    limits : Limits, optional
        How much of each output is shown.
    index : str
        Relative address of the page that lists all reports; empty leaves the link out.

    Returns
    -------
    str
        The page. It has no script, fetches nothing and shows its charts without a network.
    """
    heading, cells = _heading(read_cells(notebook, limits or Limits(), manifest.status))
    broken = next((cell for cell in cells if cell.state in {"failed", "stopped"}), None)
    return _TEMPLATE.render(
        title=title,
        heading=heading or title,
        facts=manifest,
        cells=cells,
        sections=[section for cell in cells for section in cell.sections if section.level == 2],
        broken=broken,
        trouble=_trouble(manifest, broken),
        unaccounted=[unaccounted_in_words(manifest.phase, item) for item in manifest.unaccounted],
        index=index,
    )


def _heading(cells: Sequence[Cell]) -> tuple[str, list[Cell]]:
    """The notebook's title, taken out of its first cell because the page's header shows it."""
    first = cells[0] if cells else None
    if first is None or not first.body.startswith("<h1 "):
        return "", list(cells)
    title: Section = first.sections[0]
    _, _, rest = str(first.body).partition("</h1>")
    return title.title, [replace(first, body=Markup(rest), sections=first.sections[1:]), *cells[1:]]


def _trouble(manifest: Manifest, broken: Cell | None) -> str:
    """One line for the top of a report that did not end well."""
    if manifest.status == "finished":
        return ""
    told = manifest.error.reason if manifest.error else ""
    if broken is not None and broken.state == "failed" and told in ("", "cell_failed"):
        return broken.error
    if manifest.error is not None:
        return manifest.error.message
    return "The run was ended from outside." if manifest.status == "killed" else "The run did not finish."
