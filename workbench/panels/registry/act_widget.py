"""The widgets with which one acts on a version: look at what it would do, say why, do it."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING

from workbench.panels.markup import prose
from workbench.panels.registry.acting import ACTIONS, PROMOTE

if TYPE_CHECKING:
    from workbench.panels.registry.panel import RegistryPanel

__all__ = ["Acts"]


class Acts:
    """A form for one act at a time; ``changed`` is called when something was done, or somebody else was."""

    def __init__(self, panel: RegistryPanel, changed: Callable[[], None]) -> None:
        import ipywidgets as w

        self.panel, self._changed = panel, changed
        wide = {"description_width": "7rem"}
        self.subject = w.HTML()
        self.action = w.Dropdown(description="What", options=ACTIONS, layout={"width": "22rem"}, style=wide)
        self.force = w.Checkbox(
            description="although its gates did not pass; the ledger says so", indent=False
        )
        self.force.layout.width = "22rem"
        self.reason = w.Text(
            description="Reason",
            placeholder="why; it is kept, and it is what the ledger is read for",
            layout={"width": "44rem", "max_width": "100%"},
            style=wide,
        )
        self.first = w.Button(
            description="Look first", icon="eye", tooltip="Say what it would do, and change nothing"
        )
        self.go = w.Button(button_style="warning", disabled=True, layout={"width": "18rem"})
        self.told = w.HTML()
        self.box = w.VBox(
            [
                self.subject,
                w.HBox([self.action, self.force], layout={"flex_flow": "row wrap"}),
                self.reason,
                w.HBox([self.first, self.go]),
                self.told,
            ]
        )
        self.first.on_click(lambda _: self._look())
        self.go.on_click(lambda _: self._do())
        self.reason.observe(lambda _: self._may(), names="value")
        for widget in (self.action, self.force):
            widget.observe(lambda _: self._forget(), names="value")

    def tell(self) -> None:
        """Bring the form up to the version that is chosen."""
        version = self.panel.version
        self.subject.value = f"With <b>{escape(str(version))}</b>:" if version else ""
        promotes = self.action.value.startswith(PROMOTE)
        passed = version is not None and version.verdict == "passed"
        self.force.layout.display = "" if promotes and not passed else "none"
        self.go.description = self.action.value.capitalize()
        self.told.value = prose(self.panel.told)
        self._may()

    def _forget(self) -> None:
        """What was looked at was something else."""
        self.panel.considered, self.panel.told = None, ""
        self.tell()

    def _look(self) -> None:
        self.first.disabled, self.first.icon = True, "hourglass-half"
        try:
            forced = self.force.value and self.force.layout.display != "none"
            self.panel.look(self.action.value, force=forced)
        finally:
            self.first.disabled, self.first.icon = False, "eye"
        self.tell()

    def _may(self) -> None:
        self.go.disabled = not self.panel.may(self.reason.value)

    def _do(self) -> None:
        self.go.disabled = True
        if self.panel.do(self.reason.value):
            self.reason.value = ""
        self._changed()
