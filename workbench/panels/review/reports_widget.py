"""The widgets with which reports are remarked on and signed off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.panels.choosing import set_options
from workbench.panels.markup import problem
from workbench.panels.review import said
from workbench.panels.shown_report import report_frame

if TYPE_CHECKING:
    from workbench.panels.review.reports import Reports

__all__ = ["ReportsWidget"]

_FIT = {"description_width": "initial"}


class ReportsWidget:
    """A report, what is said of it, and what to say."""

    def __init__(self, state: Reports) -> None:
        import ipywidgets as w

        self.state = state
        self._telling = False  # while widgets are set, not what a person did
        self.run = w.Dropdown(description="Report", style=_FIT, layout={"width": "30rem"})
        self.again = w.Button(description="Refresh", icon="refresh", layout={"width": "7rem"})
        self.show = w.Button(description="Show report", icon="file-text-o")
        self.problem, self.said, self.shown = w.HTML(), w.HTML(), w.HTML()
        self.text = w.Textarea(
            placeholder="what others should know of this report",
            layout={"width": "40rem", "height": "4.5rem"},
        )
        self.cell = w.BoundedIntText(
            value=0, min=0, max=0, description="Cell (0: the whole)", style=_FIT, layout={"width": "12rem"}
        )
        self.asks = w.Checkbox(
            description="somebody has to do something: put it on the backlog",
            indent=False,
            layout={"width": "26rem"},
        )
        self.remark = w.Button(description="Remark", icon="comment", button_style="primary")
        self.sign = w.Button(
            description="Sign off", icon="check", tooltip="Stand by the report as it was looked at"
        )
        self.withdraw = w.Button(description="Withdraw", tooltip="Take your sign-off back")
        row = {"flex_flow": "row wrap", "align_items": "center"}
        self.inside = w.VBox(
            [
                self.said,
                self.text,
                w.HBox([self.cell, self.asks], layout=row),
                w.HBox([self.remark, self.sign, self.withdraw], layout=row),
                self.shown,
            ]
        )
        self.box = w.VBox([w.HBox([self.run, self.show, self.again], layout=row), self.problem, self.inside])
        self.run.observe(lambda _: self._choose(), names="value")
        self.again.on_click(lambda _: self.refresh())
        self.show.on_click(lambda _: self._show())
        self.remark.on_click(lambda _: self._remark())
        self.sign.on_click(lambda _: self._sign(withdraw=False))
        self.withdraw.on_click(lambda _: self._sign(withdraw=True))
        self.tell()

    def open(self) -> None:
        """List the reports when they are looked at for the first time."""
        if not self.state.options:
            self.refresh()

    def refresh(self) -> None:
        self.state.load()
        if self.state.seen is None and self.state.options:
            self.state.choose(self.state.options[0][1])
        self.tell()

    def _choose(self) -> None:
        if not self._telling and self.run.value:
            self.shown.value = ""
            self.state.choose(self.run.value)
            self.tell()

    def _show(self) -> None:
        seen = self.state.seen
        self.shown.value = "" if self.shown.value or seen is None else report_frame(seen.folder)

    def _remark(self) -> None:
        cell = self.cell.value or None
        if self.state.remark(self.text.value, cell=cell, asks=self.asks.value):
            self.text.value, self.cell.value, self.asks.value = "", 0, False
        self.tell()

    def _sign(self, *, withdraw: bool) -> None:
        if withdraw:
            self.state.withdraw()
        else:
            self.state.sign_off()
        self.tell()

    def tell(self) -> None:
        """Bring all widgets up to what the state is."""
        state, seen = self.state, self.state.seen
        options = list(state.options)
        if seen is not None and state.named not in [named for _, named in options]:
            options.insert(0, (seen.name, state.named))
        self._telling = True
        try:
            set_options(self.run, options, state.named)
        finally:
            self._telling = False
        self.problem.value = problem(state.problem)
        self.inside.layout.display = "" if seen is not None else "none"
        self.said.value = said.review(seen) if seen is not None else ""
        self.cell.max = seen.cells if seen is not None else 0
