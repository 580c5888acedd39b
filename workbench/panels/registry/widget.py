"""The registry panel's widgets: a thin view of :class:`~workbench.panels.registry.panel.RegistryPanel`."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from workbench.panels.choosing import set_options
from workbench.panels.markup import ROW, prose
from workbench.panels.registry import parts, tables
from workbench.panels.registry.act_widget import Acts

if TYPE_CHECKING:
    from ipywidgets import Button, VBox

    from workbench.panels.registry.panel import RegistryPanel

__all__ = ["build"]

_ACT = "act"
_BUTTON = 56  # pixels


def build(panel: RegistryPanel) -> VBox:
    """The versions with a button each, and the parts below them."""
    return _Widgets(panel).box


class _Widgets:
    def __init__(self, panel: RegistryPanel) -> None:
        import ipywidgets as w

        self.panel = panel
        self._telling = False  # while widgets are set, not what a person did
        self.again = w.Button(description="Refresh", icon="refresh", layout={"width": "7rem"})
        self.top, self.body = w.HTML(), w.HTML(layout={"margin": "0"})
        size = w.Layout(width=f"{_BUTTON}px", height=f"{ROW}px", margin="0", padding="0")
        self.buttons = [w.Button(layout=size, tooltip="Look at this version") for _ in range(tables.PAGE)]
        corner = w.Box(layout={"height": f"{ROW}px", "min_height": f"{ROW}px"})
        self.column = w.VBox([corner], layout={"min_width": f"{_BUTTON}px", "overflow": "visible"})
        self.back, self.on = (
            w.Button(icon=icon, tooltip=tip, layout={"width": "2.4rem"})
            for icon, tip in (("chevron-left", "Newer versions"), ("chevron-right", "Older versions"))
        )
        self.pages = w.HTML()
        self.paging = w.HBox([self.back, self.on, self.pages])
        self.against = w.Dropdown(
            description="Held against", layout={"width": "20rem"}, style={"description_width": "initial"}
        )
        self.measure = w.Button(icon="exchange", layout={"width": "22rem"})
        self.write = w.Button(description="Write its card", icon="file-text-o", layout={"width": "14rem"})
        self.parts = {name: w.HTML() for name in parts.PARTS}
        self.acting = w.VBox()  # filled when it is opened: the first sight of the panel waits for no more
        self.tab = w.Tab(
            [
                self.parts[parts.GATES],
                self.parts[parts.LEDGER],
                w.VBox(
                    [
                        w.HBox([self.against, self.measure], layout={"flex_flow": "row wrap"}),
                        self.parts[parts.DELTA],
                    ]
                ),
                w.VBox([self.write, self.parts[parts.CARD]]),
                self.acting,
            ],
            titles=[name.capitalize() for name in (*parts.PARTS, _ACT)],
            selected_index=parts.PARTS.index(panel.part),
        )
        table = w.HBox([self.column, self.body], layout={"overflow": "auto", "max_width": "100%"})
        self.versions = w.VBox([table, self.paging, self.tab])
        self.box = w.VBox([self.again, self.top, self.versions])
        self.tell()
        self._listen()

    def _listen(self) -> None:
        self.again.on_click(lambda _: self.refresh())
        self.back.on_click(lambda _: self._turn(-1))
        self.on.on_click(lambda _: self._turn(1))
        self.measure.on_click(lambda _: self._slowly(self.measure, self.panel.compare))
        self.write.on_click(lambda _: self._slowly(self.write, self.panel.write_card))
        self.against.observe(lambda change: self._hold(change["new"]), names="value")
        self.tab.observe(lambda _: self._tell_part(), names="selected_index")
        for place, button in enumerate(self.buttons):
            button.on_click(lambda _, place=place: self._choose(place))

    # -- what a person does ------------------------------------------------------------------------

    def refresh(self) -> None:
        self.panel.refresh()
        self.tell()

    def _turn(self, pages: int) -> None:
        self.panel.page = min(max(0, self.panel.page + pages), self.panel.pages - 1)
        self.tell()

    def _choose(self, place: int) -> None:
        self.panel.choose(self.panel.shown[place].version)
        self.tell()

    def _hold(self, version: int | None) -> None:
        if not self._telling and version is not None:
            self.panel.hold_against(version)
            self.tell()

    def _slowly(self, button: Button, work: Callable[[], None]) -> None:
        """Something that takes seconds: the button says so, and cannot be pressed twice."""
        button.disabled, button.icon = True, "hourglass-half"
        try:
            work()
        finally:
            button.disabled = False
        self.tell()

    # -- what is shown -----------------------------------------------------------------------------

    def tell(self) -> None:
        """Bring all widgets up to what the panel shows."""
        panel = self.panel
        self.again.description = "Retry" if panel.away else "Refresh"
        self.top.value = prose(panel.top)
        self.versions.layout.display = "" if panel.version else "none"
        for button, version in zip(self.buttons, panel.shown, strict=False):
            button.description = tables.name(version.version)
            button.button_style = "primary" if version.version == panel.chosen else ""
        self.column.children = (self.column.children[0], *self.buttons[: len(panel.shown)])
        self.body.value = tables.versions(
            panel.known, panel.shown, panel.chosen, panel.against, panel.metric, numbered=False
        )
        self.paging.layout.display = "" if panel.pages > 1 else "none"
        self.pages.value = f"page {panel.page + 1} of {panel.pages}, {len(panel.known.versions):,} versions"
        self.back.disabled, self.on.disabled = panel.page == 0, panel.page + 1 >= panel.pages
        self._telling = True
        try:
            others = [item.version for item in panel.known.versions if item.version != panel.chosen]
            named = [(" ".join((f"v{each}", *panel.known.aliases_of(each))), each) for each in others]
            set_options(self.against, named, panel.against)
        finally:
            self._telling = False
        self._tell_part()

    def _tell_part(self) -> None:
        """Fill the part that is open; the others are made when somebody opens them."""
        panel, place = self.panel, self.tab.selected_index
        if place is None or place >= len(parts.PARTS):
            self.acts.tell()
            self.acting.children = (self.acts.box,)
            return
        panel.part = parts.PARTS[place]
        self.measure.description = f"Measure where {tables.name(panel.chosen)} disagrees with it"
        self.measure.icon, self.write.icon = "exchange", "file-text-o"
        self.measure.disabled = panel.against is None
        self.measure.layout.display = "none" if panel.delta else ""
        self.write.description = "Write its card anew" if panel.card_file else "Write its card"
        self.parts[panel.part].value = prose(parts.html(panel, panel.part))

    @cached_property
    def acts(self) -> Acts:
        return Acts(self.panel, self.tell)
