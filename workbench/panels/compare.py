"""The compare panel: choose two runs, see what differs.

Live in JupyterLab. Where no kernel is, as in a report, the table of the two runs that were chosen
is shown in its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from workbench.errors import UnknownName
from workbench.panels.comparison import Comparison, compare_runs, label
from workbench.project import Project, open_project
from workbench.tracking import runs
from workbench.tracking.runs import RunInfo

if TYPE_CHECKING:
    from ipywidgets import VBox

__all__ = ["ComparePanel", "compare"]

_TOO_FEW = "There are not two runs to compare yet; another <code>workbench run</code> gives one."


def compare(
    of: Project | str | None = None,
    left: str = "",
    right: str = "",
    *,
    drafts: bool = False,
    limit: int = 200,
) -> ComparePanel:
    """A panel that shows two runs side by side.

    Parameters
    ----------
    of : Project or str, optional
        The project, or the phase of the current project whose runs are offered (default: all).
    left, right : str
        Run ids, or the beginnings of them. By default the newest run, and the one before it of the
        same phase.
    drafts : bool
        Whether hand-runs are offered, too.
    limit : int
        How many of the newest runs are offered.

    Raises
    ------
    UnknownName
        There is no such phase, or no such run among those offered.
    """
    project = of if isinstance(of, Project) else open_project()
    phase = of if isinstance(of, str) else ""
    if phase:
        project.phase(phase)
    offered = runs.list_runs(project, drafts=drafts, phase=phase, limit=limit)
    return ComparePanel([run for run in offered if run.phase != runs.PIPELINE], left, right)


class ComparePanel:
    """Which two runs are chosen, and the widgets to choose others.

    Parameters
    ----------
    offered : sequence of RunInfo
        The runs to choose from, newest first.
    left, right : str
        Run ids or their beginnings; see :func:`compare`.
    """

    def __init__(self, offered: Sequence[RunInfo], left: str = "", right: str = "") -> None:
        self.offered = tuple(offered)
        newer = self._find(right) if right else self._newest()
        older = self._find(left) if left else self._before(newer)
        self.comparison = compare_runs(older, newer) if older and newer else None

    def choose(self, left: str = "", right: str = "") -> Comparison:
        """Choose one run or both by id; the other stays.

        Raises
        ------
        UnknownName
            When no run, or more than one, begins like that.
        """
        now = self.comparison
        older = self._find(left) if left or now is None else now.left
        newer = self._find(right) if right or now is None else now.right
        self.comparison = compare_runs(older, newer)
        return self.comparison

    def swap(self) -> Comparison:
        """Exchange the two runs."""
        if self.comparison is None:
            raise UnknownName("run", "", ())
        return self.choose(self.comparison.right.run_id, self.comparison.left.run_id)

    @cached_property
    def widget(self) -> VBox:
        """The live panel: two drop-down lists, a button that exchanges them, the table."""
        import ipywidgets

        table = ipywidgets.HTML(self._repr_html_())
        if self.comparison is None:
            return ipywidgets.VBox([table])
        options = [(label(run), run.run_id) for run in self.offered]
        look = {"layout": {"width": "27rem"}, "style": {"description_width": "1.2rem"}}
        left, right = (
            ipywidgets.Dropdown(options=options, value=run.run_id, description=side, **look)
            for side, run in (("A", self.comparison.left), ("B", self.comparison.right))
        )
        exchange = ipywidgets.Button(description="Exchange", tooltip="Look at it the other way round")

        def show(_: object) -> None:
            self.choose(left.value, right.value)
            table.value = self._repr_html_()

        def swap(_: object) -> None:
            left.value, right.value = right.value, left.value

        left.observe(show, names="value")
        right.observe(show, names="value")
        exchange.on_click(swap)
        choosers = ipywidgets.HBox([left, right, exchange], layout=ipywidgets.Layout(flex_flow="row wrap"))
        return ipywidgets.VBox([choosers, table])

    def _repr_html_(self) -> str:
        return f"<p>{_TOO_FEW}</p>" if self.comparison is None else self.comparison._repr_html_()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        live: dict[str, Any] = self.widget._repr_mimebundle_() or {}
        return {**live, "text/html": self._repr_html_(), "text/plain": repr(self)}

    def __repr__(self) -> str:
        if self.comparison is None:
            return "ComparePanel(no two runs yet)"
        left, right = self.comparison.left.run_id[:8], self.comparison.right.run_id[:8]
        return f"ComparePanel({left} against {right}, {len(self.comparison.differing)} differences)"

    def _find(self, start: str) -> RunInfo:
        found = [run for run in self.offered if run.run_id.startswith(start)] if start else []
        if len(found) != 1:
            raise UnknownName("run", start, [run.run_id for run in self.offered], where="the runs on offer")
        return found[0]

    def _newest(self) -> RunInfo | None:
        """The newest run that recorded metrics and has one to be compared with; else the newest."""
        telling = (run for run in self.offered if run.metrics and self._before(run) is not None)
        return next(telling, next(iter(self.offered), None))

    def _before(self, newer: RunInfo | None) -> RunInfo | None:
        """The run of the same phase before it; else any run before it."""
        if newer is None:
            return None
        earlier = [run for run in self.offered if run.started_at < newer.started_at]
        return next((run for run in earlier if run.phase == newer.phase), next(iter(earlier), None))
