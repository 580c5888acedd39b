"""The widgets of the label panel: a thin view of :class:`~workbench.panels.label.panel.LabelPanel`.

Keys are typed into a text field: of what JupyterLab has on a page, that is where its own shortcuts do not
take them (anywhere else in an output, ``b`` inserts a cell). The field is emptied after each key.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from workbench.data.labels.model import CONTROLS
from workbench.panels.label import markup

if TYPE_CHECKING:
    from ipywidgets import VBox

    from workbench.panels.label.panel import LabelPanel

__all__ = ["build"]


def build(panel: LabelPanel) -> VBox:
    """The panel with its row, its keys and its buttons."""
    return _Widgets(panel).box


class _Widgets:
    def __init__(self, panel: LabelPanel) -> None:
        import ipywidgets as w

        self.panel = panel
        self.head, self.row, self.status = w.HTML(), w.HTML(), w.HTML()
        self.guidelines, self._version = w.HTML(), -1
        self.start = w.Button(
            description="Start", button_style="primary", icon="play", layout={"width": "7rem"}
        )
        self.keys = w.Text(
            description="Keys",
            placeholder="press a key here",
            layout={"width": "14rem"},
            style={"description_width": "3rem"},
        )
        self.remark = w.Text(
            description="Remark",
            placeholder="kept with the next label",
            continuous_update=False,
            layout={"width": "24rem"},
            style={"description_width": "4rem"},
        )
        self.agreement = w.Button(
            description="Agreement", icon="users", tooltip="How far people agree who labelled the same rows"
        )
        self.agreed = w.HTML()
        row = {"flex_flow": "row wrap", "align_items": "center"}
        self.pressing = w.HBox(layout=row)  # filled once it is known which labels there are
        self.acting = w.VBox([self.pressing, w.HBox([self.remark], layout=row)])
        self.box = w.VBox(
            [
                *(self.head, self.row, self.acting, self.start, self.status, self.guidelines),
                *(self.agreement, self.agreed),
            ],
            layout={"max_width": "60rem"},
        )
        self.start.on_click(lambda _: self._start())
        self.agreement.on_click(lambda _: self._agree())
        self.keys.observe(lambda change: self._typed(change["new"]), names="value")
        self.remark.observe(lambda change: self._remark(change["new"]), names="value")
        self.tell()

    def _button(self, key: str, text: str, *, choice: bool = False) -> Any:
        import ipywidgets as w

        style = "info" if choice else ""
        button = w.Button(
            description=f"{key} · {text}",
            tooltip=f"{text} (key {key})",
            button_style=style,
            layout={"width": "auto"},
        )
        button.on_click(lambda _: self._act(lambda: self.panel.press(key)))
        return button

    # -- what a person does ------------------------------------------------------------------------

    def _start(self) -> None:
        self._act(self.panel.start)

    def _agree(self) -> None:
        """Work it out, which takes seconds of a large queue."""
        self.agreement.disabled = True
        try:
            self.agreed.value = markup.agreed(self.panel)
        finally:
            self.agreement.disabled = False

    def _typed(self, text: str) -> None:
        if text:
            self.keys.value = ""
            self._act(lambda: self.panel.press(text), focus=False)

    def _remark(self, text: str) -> None:
        self.panel.remark = text
        if text:
            self.keys.focus()

    def _act(self, act: Callable[[], None], *, focus: bool = True) -> None:
        """Do it; show the row first, and only then look for the rows behind it."""
        act()
        self.tell()
        if focus and self.panel.shown is not None:
            self.keys.focus()
        before = (self.panel.guidelines.version, self.panel.given, self.panel.problem)
        self.panel.refill()
        if before != (self.panel.guidelines.version, self.panel.given, self.panel.problem):
            self.tell()

    # -- what is shown -----------------------------------------------------------------------------

    def tell(self) -> None:
        """Bring all widgets up to what the panel shows."""
        panel = self.panel
        if panel.desk.known and not self.pressing.children:
            labels = [self._button(each.key, each.text, choice=True) for each in panel.keys.values()]
            others = [self._button(key, word) for key, word in CONTROLS.items()]
            self.pressing.children = (self.keys, *labels, *others)
        self.row.value = markup.row(panel)
        self.status.value = markup.status(panel)
        self.head.value = markup.head(panel)
        if self.remark.value != panel.remark:
            self.remark.value = panel.remark
        working = panel.shown is not None
        self.acting.layout.display = "" if working else "none"
        self.start.layout.display = "none" if working else ""
        self.agreement.layout.display = self.agreed.layout.display = "" if panel.may_see_agreement else "none"
        if panel.started:
            self.start.description, self.start.icon = "Look again", "refresh"
        if panel.desk.known and self._version != panel.guidelines.version:
            self._version = panel.guidelines.version
            self.guidelines.value = markup.guidelines(panel.guidelines)
