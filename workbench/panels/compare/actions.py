"""The widgets with which one acts on a chosen run: its report, a run with other parameters, a promotion."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING

from workbench.panels.acting import TARGETS, Promotion
from workbench.panels.choosing import run_label, set_options
from workbench.panels.compare.again import notebook_of, whose_model
from workbench.panels.markup import problem
from workbench.panels.shown_report import report_frame
from workbench.panels.telling import in_words

if TYPE_CHECKING:
    from workbench.panels.compare.panel import ComparePanel
    from workbench.tracking.runs import RunInfo

__all__ = ["Actions"]

_AGAIN, _REGISTER = "again", "register"


class Actions:
    """Acts on one of the chosen runs; ``changed`` is called when a model has become something else."""

    def __init__(self, panel: ComparePanel, changed: Callable[[], None]) -> None:
        import ipywidgets as w

        self.panel, self._changed = panel, changed
        self._registering: list[str] = []
        self._telling = False  # while the runs are set, not what a person chose
        self._open = ""  # the button whose form is open
        self._offered: tuple[str | None, int] | None = None  # the run, and how often runs were read by then
        self.promotion = Promotion(panel.project)
        self.run = w.Dropdown(description="Run", layout={"width": "34rem"})
        self.report, self.again = (
            w.Button(description="Show report", icon="file-text-o"),
            w.Button(description="Run with other parameters", icon="play", layout={"width": "16rem"}),
        )
        self.register = w.Button(
            description="Validate and register",
            icon="check",
            tooltip="Run with its parameters what needs it as well: gates judge, and it becomes a version",
            layout={"width": "16rem"},
        )
        self.version = w.Dropdown(description="Version", layout={"width": "18rem"})
        self.to = w.Dropdown(description="is to be", options=TARGETS, layout={"width": "18rem"})
        self.reason = w.Text(
            description="Reason", placeholder="why; the ledger keeps it", layout={"width": "34rem"}
        )
        self.first = w.Button(description="Look first", tooltip="Say what it would do, and change nothing")
        self.promote = w.Button(description="Promote", button_style="warning", disabled=True)
        self.told, self.shown, self.why_not, self.form = w.HTML(), w.HTML(), w.HTML(), w.VBox()
        self.models = w.VBox(
            [
                w.HBox([self.version, self.to], layout={"flex_flow": "row wrap"}),
                self.reason,
                w.HBox([self.first, self.promote]),
                self.told,
            ]
        )
        self.hint = w.HTML("<p>Choose runs in the table to act on them.</p>")
        self.inside = w.VBox(
            [
                self.run,
                w.HBox([self.report, self.again, self.register]),
                self.why_not,
                self.shown,
                self.form,
                self.models,
            ]
        )
        self.box = w.VBox([self.hint, self.inside])
        self.run.observe(lambda _: None if self._telling else self._take(), names="value")
        self.report.on_click(lambda _: self._show())
        self.again.on_click(lambda _: self._form(_AGAIN))
        self.register.on_click(lambda _: self._form(_REGISTER))
        self.first.on_click(lambda _: self._look())
        self.promote.on_click(lambda _: self._promote())
        for widget in (self.version, self.to, self.reason):
            widget.observe(lambda _: self._may(), names="value")

    def tell(self) -> None:
        """Offer the runs that are chosen now, and what can be done with the one that is acted on."""
        options = [(run_label(run), run.run_id) for run in self.panel.chosen]
        self.hint.layout.display = "none" if options else ""
        self.inside.layout.display = "" if options else "none"
        before = self.run.value
        self._telling = True
        try:
            set_options(self.run, options, before)
        finally:
            self._telling = False
        if self.run.value == before:
            self._offer()
        else:
            self._take()

    def _take(self) -> None:
        """Act on another run."""
        self.shown.value = self.told.value = self._open = ""
        self.form.children = ()
        self._offer()

    def _offer(self) -> None:
        """What can be done with the run as things are now: it may have become a version meanwhile."""
        if self._offered == (self.run.value, self.panel.times_read):
            return
        self._offered = self.run.value, self.panel.times_read
        run = self._chosen()
        versions = self.panel.versions_of(run.run_id) if run else []
        set_options(self.version, [(str(item), item.version) for item in versions], self.version.value)
        self.models.layout.display = "" if versions else "none"
        self._registering = self.panel.registering(run) if run else []
        self.register.layout.display = "" if self._registering else "none"
        self.again.disabled = run is None or notebook_of(self.panel.project, run) is None
        self.why_not.value = (
            f"<p>{escape(run.phase)} is no phase of this project, and no notebook of it: a sweep is run "
            "from the launch panel.</p>"
            if run and self.again.disabled
            else ""
        )

    def _show(self) -> None:
        run, is_open = self._chosen(), bool(self.shown.value)
        self.shown.value = "" if is_open or run is None else report_frame(run.report)

    def _chosen(self) -> RunInfo | None:
        return next((run for run in self.panel.chosen if run.run_id == self.run.value), None)

    def _form(self, which: str) -> None:
        import ipywidgets as w

        from workbench.panels.launch.panel import launch

        run = self._chosen()
        is_open, self._open = self._open == which, ""
        self.form.children = ()
        if run is None or is_open:
            return
        project = self.panel.project
        try:
            what = notebook_of(project, run) or run.phase
            if which == _REGISTER:
                form = launch([run.phase, *self._registering], run.params, of=project)
                told = whose_model(form.form, run)
            else:
                form, told = launch(what, run.params, of=project), ""
        except Exception as error:
            self.shown.value = problem(in_words(error, project))
            return
        form.ended = self._changed
        warning = (w.HTML(problem(told)),) if told else ()
        self._open, self.form.children = which, (*warning, form.widget)

    def _look(self) -> None:
        if self.version.value is not None:
            self.promotion.look(self.version.value, self.to.value)
            self.told.value = self.promotion.told
        self._may()

    def _may(self) -> None:
        ready = self.version.value is not None
        self.promote.disabled = not (
            ready and self.promotion.may(self.version.value, self.to.value, self.reason.value)
        )

    def _promote(self) -> None:
        done = self.promotion.do(self.version.value, self.to.value, self.reason.value)
        told = self.promotion.told
        if done:
            self._changed()
        self.told.value = told
        self._may()
