"""The widgets with which one acts on a chosen run: its report, a run with other parameters, a promotion."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from workbench.panels import markup
from workbench.panels.acting import TARGETS, Promotion
from workbench.panels.choosing import set_options
from workbench.panels.comparison import label
from workbench.panels.shown_report import report_frame
from workbench.panels.telling import in_words

if TYPE_CHECKING:
    from workbench.panels.compare import ComparePanel
    from workbench.tracking.runs import RunInfo

__all__ = ["Actions"]


class Actions:
    """Acts on one of the chosen runs; ``changed`` is called when a model has become something else."""

    def __init__(self, panel: ComparePanel, changed: Callable[[], None]) -> None:
        import ipywidgets as w

        self.panel, self._changed = panel, changed
        self.promotion = Promotion(panel.project)
        self.run = w.Dropdown(description="Run", layout={"width": "34rem"})
        self.report, self.again = (
            w.Button(description="Show report", icon="file-text-o"),
            w.Button(description="Run with other parameters", icon="play", layout={"width": "16rem"}),
        )
        self.version = w.Dropdown(description="Version", layout={"width": "18rem"})
        self.to = w.Dropdown(description="is to be", options=TARGETS, layout={"width": "18rem"})
        self.reason = w.Text(
            description="Reason", placeholder="why; the ledger keeps it", layout={"width": "34rem"}
        )
        self.first = w.Button(description="Look first", tooltip="Say what it would do, and change nothing")
        self.promote = w.Button(description="Promote", button_style="warning", disabled=True)
        self.told, self.shown, self.form = w.HTML(), w.HTML(), w.VBox()
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
            [self.run, w.HBox([self.report, self.again]), self.shown, self.form, self.models]
        )
        self.box = w.VBox([self.hint, self.inside])
        self.run.observe(lambda _: self._take(), names="value")
        self.report.on_click(lambda _: self._show())
        self.again.on_click(lambda _: self._form())
        self.first.on_click(lambda _: self._look())
        self.promote.on_click(lambda _: self._promote())
        for widget in (self.version, self.to, self.reason):
            widget.observe(lambda _: self._may(), names="value")

    def tell(self) -> None:
        """Offer the runs that are chosen now."""
        options = [(label(run), run.run_id) for run in self.panel.chosen]
        self.hint.layout.display = "none" if options else ""
        self.inside.layout.display = "" if options else "none"
        if tuple(self.run.options) != tuple(options):
            set_options(self.run, options)
            self._take()

    def _take(self) -> None:
        versions = self.panel.versions_of(self.run.value) if self.run.value else []
        set_options(self.version, [(str(item), item.version) for item in versions])
        self.models.layout.display = "" if versions else "none"
        self.shown.value = self.told.value = ""
        self.form.children = ()

    def _show(self) -> None:
        run, is_open = self._chosen(), bool(self.shown.value)
        self.shown.value = "" if is_open or run is None else report_frame(run.report)

    def _chosen(self) -> RunInfo | None:
        return next((run for run in self.panel.chosen if run.run_id == self.run.value), None)

    def _form(self) -> None:
        from workbench.panels.launch import launch

        run = self._chosen()
        if run is None:
            return
        try:
            form: tuple[Any, ...] = (launch(run.phase, run.params, of=self.panel.project).widget,)
        except Exception as error:
            self.shown.value = markup.problem(in_words(error, self.panel.project))
            form = ()
        self.form.children = () if self.form.children else form

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
