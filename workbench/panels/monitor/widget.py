"""The monitor panel's widgets: a thin view of :class:`~workbench.panels.monitor.panel.MonitorPanel`.

The grid is one piece of markup. A button stands over each column and beside each row: a click takes the
other window, or the other feature, of the cell that is looked into.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from workbench.panels.choosing import set_options
from workbench.panels.markup import ROW, prose
from workbench.panels.monitor import grid, parts

if TYPE_CHECKING:
    from ipywidgets import VBox

    from workbench.panels.monitor.panel import MonitorPanel

__all__ = ["build"]


def build(panel: MonitorPanel) -> VBox:
    """The verdict and the alerts, and the parts below them."""
    return _Widgets(panel).box


class _Widgets:
    def __init__(self, panel: MonitorPanel) -> None:
        import ipywidgets as w

        self.panel = panel
        self._telling = False  # while widgets are set, not what a person did
        narrow: dict[str, Any] = {"description_width": "initial"}
        self.log = w.Dropdown(description="Log", layout={"width": "20rem"}, style=narrow)
        self.again = w.Button(
            description="Look again",
            icon="eye",
            tooltip="Do what workbench monitor does",
            layout={"width": "9rem"},
        )
        self.refresh_button = w.Button(description="Refresh", icon="refresh", layout={"width": "7rem"})
        self.progress, self.top = w.HTML(), w.HTML()
        self.window = w.Dropdown(description="Window", layout={"width": "14rem"}, style=narrow)
        self.feature = w.Dropdown(description="Feature", layout={"width": "20rem"}, style=narrow)
        self.parts = {name: w.HTML() for name in parts.PARTS}
        self._make_grid()
        self.tab = w.Tab(
            [self.drift, *(self.parts[name] for name in parts.PARTS if name != parts.DRIFT)],
            titles=[name.capitalize() for name in parts.PARTS],
            selected_index=parts.PARTS.index(panel.part),
        )
        row = {"flex_flow": "row wrap", "align_items": "center"}
        self.chosen = w.HBox([self.window, self.feature], layout=row)
        self.found = w.VBox([self.chosen, self.tab])
        above = w.HBox([self.log, self.again, self.refresh_button, self.progress], layout=row)
        self.box = w.VBox([above, self.top, self.found])
        self.tell()
        self._listen()

    def _make_grid(self) -> None:
        import ipywidgets as w

        # Buttons of a kind share their layout: that halves what the browser has to make.
        self.head_size = w.Layout(height=f"{ROW}px", margin="0", padding="0 2px")
        self.row_size = w.Layout(
            width=f"{grid.FEATURE}px",
            height=f"{ROW}px",
            margin="0",
            padding="0 6px",
            justify_content="flex-start",
        )
        self.heads: list[Any] = []
        self.rows: list[Any] = []
        corner = w.Box(layout={"width": f"{grid.FEATURE}px", "min_width": f"{grid.FEATURE}px"})
        self.head_row = w.HBox([corner], layout={"overflow": "visible"})
        self.names = w.VBox(layout={"min_width": f"{grid.FEATURE}px", "overflow": "visible"})
        self.body, self.legend = w.HTML(layout={"margin": "0"}), w.HTML()
        self.cell = w.HTML(layout={"width": "100%"})
        inside = w.VBox(
            [self.head_row, w.HBox([self.names, self.body])],
            layout={"width": "max-content", "overflow": "visible"},
        )
        self.grid = w.Box([inside], layout={"overflow": "auto", "max_width": "100%"})
        left = w.VBox([self.grid, self.legend], layout={"max_width": "100%", "margin": "0 16px 0 0"})
        right = w.Box([self.cell], layout={"flex": "1 1 22rem", "min_width": "18rem"})
        self.split = w.HBox([left, right], layout={"flex_flow": "row wrap", "align_items": "flex-start"})
        self.drift = w.VBox([self.parts[parts.DRIFT], self.split])  # the line stands where there is no grid

    def _listen(self) -> None:
        self.again.on_click(lambda _: self._look_again())
        self.refresh_button.on_click(lambda _: self.refresh())
        self.log.observe(lambda change: self._choose_log(change["new"]), names="value")
        self.window.observe(lambda change: self._look_into(window=change["new"]), names="value")
        self.feature.observe(lambda change: self._look_into(feature=change["new"]), names="value")
        self.tab.observe(lambda _: self._tell_part(), names="selected_index")

    # -- what a person does ------------------------------------------------------------------------

    def refresh(self) -> None:
        self.panel.refresh()
        self.tell()

    def _look_again(self) -> None:
        self.again.disabled = True
        try:
            self.panel.look_again(self._say)
        finally:
            self.again.disabled, self.progress.value = False, ""
        self.tell()

    def _say(self, line: str) -> None:
        self.progress.value = f'<span style="opacity: .7">{escape(line)}</span>'

    def _choose_log(self, log: str | None) -> None:
        if not self._telling and log:
            self.panel.choose_log(log)
            self.tell()

    def _look_into(self, *, feature: str | None = "", window: str | None = "") -> None:
        if not self._telling:
            self.panel.look_into(feature=feature or "", window=window or "")
            self.tell()

    # -- what is shown -----------------------------------------------------------------------------

    def tell(self) -> None:
        """Bring all widgets up to what the panel shows."""
        panel, recorded = self.panel, self.panel.recorded
        self.refresh_button.description = "Retry" if panel.away else "Refresh"
        self.top.value = prose(panel.top)
        self.log.layout.display = "" if len(recorded.logs) > 1 else "none"
        self.found.layout.display = "" if recorded.findings else "none"
        self._telling = True
        try:
            set_options(self.log, [(name, name) for name in recorded.logs], recorded.log)
            set_options(self.window, [(name, name) for name in recorded.windows[::-1]], panel.window)
            set_options(self.feature, [(name, name) for name in recorded.heat.every], panel.feature)
        finally:
            self._telling = False
        self._tell_part()

    def _tell_part(self) -> None:
        """Fill the part that is open; the others are drawn when somebody opens them."""
        panel, place = self.panel, self.tab.selected_index
        if not panel.recorded.findings or place is None:
            return
        panel.part = parts.PARTS[place]
        gridded = panel.part == parts.DRIFT and bool(panel.recorded.heat.features)
        self.feature.layout.display = self.split.layout.display = "" if gridded else "none"
        self.window.layout.display = "" if panel.part in parts.WITH_WINDOW else "none"
        if gridded:
            self._tell_grid()
            self.cell.value = prose(parts.cell(panel))
        self.parts[panel.part].value = "" if gridded else prose(parts.html(panel, panel.part))

    def _tell_grid(self) -> None:
        panel, (heat, place) = self.panel, self.panel.shown
        self.head_size.width = f"{grid.width_of(heat)}px"
        self._name(self.heads, heat.windows, self.head_size, place, self._take_window)
        at = heat.features.index(panel.feature) if panel.feature in heat.features else -1
        self._name(self.rows, heat.features, self.row_size, at, self._take_feature)
        self.head_row.children = (self.head_row.children[0], *self.heads[: len(heat.windows)])
        self.names.children = self.rows[: len(heat.features)]
        self.body.value = grid.body(heat, panel.feature, place)
        self.legend.value = grid.legend(heat, len(panel.recorded.windows))

    def _name(self, buttons: list[Any], names: tuple[str, ...], size: Any, chosen: int, take: Any) -> None:
        """Give buttons these names, mark the chosen one, and make more where there are too few."""
        import ipywidgets as w

        while len(buttons) < len(names):
            button = w.Button(layout=size)
            button.on_click(take)
            buttons.append(button)
        for at, (button, name) in enumerate(zip(buttons, names, strict=False)):
            button.description, button.tooltip = name, name
            button.button_style = "primary" if at == chosen else ""

    def _take_window(self, button: Any) -> None:
        self._look_into(window=self.panel.shown[0].windows[self.heads.index(button)])

    def _take_feature(self, button: Any) -> None:
        self._look_into(feature=self.panel.recorded.heat.features[self.rows.index(button)])
