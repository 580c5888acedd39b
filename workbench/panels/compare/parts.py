"""What stands below the table of the compare panel: one part at a time, of the runs that are chosen."""

from __future__ import annotations

import base64
import weakref
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING

from workbench.panels.markup import problem
from workbench.panels.telling import in_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from workbench.panels.compare.panel import ComparePanel
    from workbench.tracking.curves import Curves
    from workbench.tracking.runs import RunInfo

__all__ = ["CHARTS", "CURVES", "NOTEBOOKS", "PARTS", "SLICES", "TWO_RUNS", "Parts"]

TWO_RUNS, NOTEBOOKS, CHARTS, CURVES, SLICES = "two runs", "notebooks", "charts", "curves", "slices"
#: The parts by name, in the order of their tabs.
PARTS = (TWO_RUNS, NOTEBOOKS, CHARTS, CURVES, SLICES)
_CHOOSE_TWO = "Choose two runs in the table to see what differs between them."
_CHOOSE = "Choose runs in the table to see them here."
_MOST_RUNS = 8


class Parts:
    """The parts of a panel as markup, each made anew only when what it shows is something else."""

    def __init__(self, panel: ComparePanel) -> None:
        self._panel = panel
        self._made: dict[str, tuple[tuple[object, ...], str]] = {}

    def html(self, part: str) -> str:
        """A part as markup; one line where it cannot be shown, and another try when it is asked for again."""
        shows = self._shows(part)
        if part not in self._made or self._made[part][0] != shows:
            try:
                self._made[part] = (shows, _WAYS[part](self._panel))
            except Exception as error:
                return problem(in_words(error, self._panel.project))
        return self._made[part][1]

    def _shows(self, part: str) -> tuple[object, ...]:
        shown = self._panel.shown
        runs = self._panel.times_read, shown.view.chosen
        # Weakly: a table may be large, and goes when there is a newer one.
        of_all = weakref.ref(shown.table), shown.view.where, shown.view.metric
        return (*runs, *of_all) if part == CHARTS else runs


def _two_runs(panel: ComparePanel) -> str:
    found = panel.comparison
    return f"<p>{_CHOOSE_TWO}</p>" if found is None else _last(panel, 2) + found._repr_html_()


def _notebooks(panel: ComparePanel) -> str:
    from workbench.panels.notebook_diff import show

    found = panel.difference
    return f"<p>{_CHOOSE_TWO}</p>" if found is None else _last(panel, 2) + show(found)


def _charts(panel: ComparePanel) -> str:
    from workbench.panels.compare import figures

    metric = panel.shown.view.metric
    ways = {
        "over the parameters": figures.over_parameters,
        "at the end of each run's parameters": figures.parallel,
        "over time": figures.over_time,
    }
    drawn = {f"{metric} {says}": draw(panel.shown, metric) for says, draw in ways.items()}
    images = [_image(figure, says) for says, figure in drawn.items() if figure]
    return "".join(images) or "<p>There is nothing to draw: too few of these runs have that metric.</p>"


def _curves(panel: ComparePanel) -> str:
    from workbench.panels.compare.figures import overlaid
    from workbench.registry.card.artifacts import artifact_text
    from workbench.tracking import store
    from workbench.tracking.curves import CURVES as NAME
    from workbench.tracking.curves import read_curves

    if not panel.chosen:
        return f"<p>{_CHOOSE}</p>"
    client, without = store.client(panel.project), []
    found: dict[str, Curves] = {}
    for run in panel.chosen[-_MOST_RUNS:]:
        uri = client.get_run(run.run_id).info.artifact_uri or ""
        curves = read_curves(artifact_text(panel.project, uri, NAME) or "")
        found |= {f"{_name(run)} {model}": each for model, each in curves.items()}
        without += [] if curves else [_name(run)]
    told = (
        f"<p>{escape(', '.join(without))}: no curves were kept. A notebook keeps them with "
        "<code>phase.log_artifact(CURVES, curves_of(truth, scores))</code>.</p>"
        if without
        else ""
    )
    figure = overlaid(found)
    picture = _image(figure, "ROC, precision and recall, calibration") if figure else ""
    return _last(panel, _MOST_RUNS) + picture + told


def _slices(panel: ComparePanel) -> str:
    from workbench.panels.compare.fairness import table
    from workbench.panels.compare.figures import compared_slices
    from workbench.registry.card.rows import validation_of

    found = {}
    for run in panel.chosen[-_MOST_RUNS:]:
        for version in panel.versions_of(run.run_id)[:1]:
            found[f"{version} ({_name(run)})"] = validation_of(version, panel.project)
    if not found:
        return "<p>Choose runs that trained or validated a version of the model: slices are kept with it.</p>"
    metric = next(iter(found.values())).metric
    figure = compared_slices(metric, {name: each.slices for name, each in found.items()})
    picture = _image(figure, f"{metric} within each group") if figure else ""
    return _last(panel, _MOST_RUNS) + picture + table(found)


def _last(panel: ComparePanel, most: int) -> str:
    """What is said when not all of the chosen runs find room."""
    chosen = len(panel.chosen)
    return f"<p>Of the {chosen} chosen runs, the last {most} are shown here.</p>" if chosen > most else ""


def _name(run: RunInfo) -> str:
    return f"{run.phase} {run.run_id[:8]}"


def _image(figure: Figure, says: str) -> str:
    from workbench.execution.sweep.drawing import as_png

    data = base64.b64encode(as_png(figure)).decode()
    return f'<div><img src="data:image/png;base64,{data}" alt="{escape(says)}" style="max-width: 100%"></div>'


_WAYS: dict[str, Callable[[ComparePanel], str]] = {
    TWO_RUNS: _two_runs,
    NOTEBOOKS: _notebooks,
    CHARTS: _charts,
    CURVES: _curves,
    SLICES: _slices,
}
