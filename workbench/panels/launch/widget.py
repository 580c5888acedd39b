"""The widgets of the launch panel: a thin view of :class:`~workbench.panels.launch.panel.LaunchPanel`."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from workbench.panels.launch.form import choices, text_of
from workbench.panels.markup import problem
from workbench.panels.shown_report import report_frame

if TYPE_CHECKING:
    from ipywidgets import VBox, Widget

    from workbench.execution.notebook.parameters import Parameter
    from workbench.panels.launch.panel import LaunchPanel
    from workbench.panels.launch.progress import PanelProgress

__all__ = ["build"]

_ONCE, _SWEEP = "run once", "sweep"


def build(panel: LaunchPanel) -> VBox:
    """The form with its buttons."""
    return _Widgets(panel).box


class _Widgets:
    def __init__(self, panel: LaunchPanel) -> None:
        import ipywidgets as w

        self.panel = panel
        self.fields = w.VBox()
        self.mode = w.ToggleButtons(options=[_ONCE, _SWEEP], value=_SWEEP if panel.form.several else _ONCE)
        self.mode.style.button_width = "7rem"
        self.draws = w.BoundedIntText(
            value=panel.form.draws,
            min=0,
            max=100_000,
            description="trials drawn (0: all)",
            style={"description_width": "initial"},
            layout={"width": "13rem"},
        )
        self.force = w.Checkbox(
            value=panel.form.force,
            description="also if up to date",
            indent=False,
            layout={"width": "11rem"},
        )
        self.button = w.Button(description="Run", button_style="primary", icon="play")
        self.plan, self.outcome, self.report = w.HTML(), w.HTML(), w.HTML()
        self.bar = w.FloatProgress(min=0, max=1, layout={"width": "24rem", "display": "none"})
        self.lines = w.HTML()
        self.open = w.Button(description="Show report", layout={"display": "none"})
        title = w.HTML(f"<b>{escape(panel.form.target.name)}</b>")
        choose = w.HBox([self.mode, self.draws, self.force], layout={"flex_flow": "row wrap"})
        go = w.HBox([self.button, self.plan], layout={"flex_flow": "row wrap", "align_items": "center"})
        self.box = w.VBox(
            [title, self.fields, choose, go, self.bar, self.lines, self.outcome, self.open, self.report]
        )
        self.mode.observe(self._change_mode, names="value")
        self.draws.observe(lambda _: self._change(draws=self.draws.value), names="value")
        self.force.observe(lambda _: self._change(force=self.force.value), names="value")
        self.button.on_click(self._run)
        self.open.on_click(self._open)
        self._lay_out()
        self._tell()

    def _lay_out(self) -> None:
        form = self.panel.form
        self.fields.children = [self._row(name, item) for name, item in form.parameters.items()]
        self.draws.layout.display = "" if form.several else "none"

    def _row(self, name: str, parameter: Parameter) -> Widget:
        import ipywidgets as w

        field = self._field(name, parameter)
        # Also for who cannot see the row: the name is the field's own label.
        field.description, field.tooltip = name, parameter.kind.words
        field.style.description_width = "12rem"
        field.layout.width = "26rem"
        field.observe(lambda change: self._typed(name, str(change["new"])), names="value")
        help_text = " · ".join(filter(None, (parameter.help, parameter.kind.words)))
        told = w.HTML(f'<span style="opacity: .7">{escape(help_text)}</span>', layout={"flex": "1 1 0"})
        return w.HBox([field, told], layout={"align_items": "center"})

    def _field(self, name: str, parameter: Parameter) -> Any:
        import ipywidgets as w

        text = self.panel.form.typed.get(name, text_of(parameter))
        known = choices(parameter)
        if known and text in known and not self.panel.form.several:
            return w.Dropdown(options=known, value=text)
        placeholder = "several: 0.05, 0.1 – or a range" if self.panel.form.several else ""
        return w.Text(value=text, placeholder=placeholder, continuous_update=False)

    def _typed(self, name: str, text: str) -> None:
        self.panel.form = self.panel.form.with_typed(name, text)
        self._tell()

    def _change(self, **changes: Any) -> None:
        self.panel.update(**changes)
        self._tell()

    def _change_mode(self, _: object) -> None:
        self._change(several=self.mode.value == _SWEEP)
        self._lay_out()

    def _tell(self) -> None:
        wrong = bool(self.panel.form.problems)
        self.button.disabled = wrong
        plan = self.panel.plan()
        self.plan.value = problem(plan) if wrong else f'<span style="opacity: .7">{escape(plan)}</span>'

    def _run(self, _: object) -> None:
        self.button.disabled = True
        self.outcome.value = self.report.value = ""
        self.open.layout.display = "none"
        self.bar.layout.display = ""
        self.plan.value = '<span style="opacity: .7">runs; the kernel\'s interrupt (■) ends it</span>'
        try:
            self.panel.run(self._draw)
        finally:
            self.bar.layout.display = "none"
            self._tell()
        self.outcome.value = self.panel.outcome()
        self.open.layout.display = "" if self.panel.report else "none"
        self.panel.ended()

    def _draw(self, progress: PanelProgress) -> None:
        self.bar.value, self.lines.value = progress.share, progress.html()

    def _open(self, _: object) -> None:
        self.report.value = "" if self.report.value else report_frame(self.panel.report)
