"""The widgets of the compare panel: a thin view of :class:`~workbench.panels.compare.panel.ComparePanel`.

The table is one piece of markup under a row of buttons, a page at a time: the kernel filters and sorts, so
neither ten thousand runs nor a hundred thousand have to travel to the browser.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from workbench.panels.choosing import set_options
from workbench.panels.compare import markup, parts
from workbench.panels.compare.actions import Actions
from workbench.panels.compare.markup import COLUMN
from workbench.panels.compare.view import PAGE
from workbench.panels.markup import ROW, problem

if TYPE_CHECKING:
    from ipywidgets import VBox

    from workbench.panels.compare.panel import ComparePanel
    from workbench.tracking.diff import RunDiff

__all__ = ["build"]

_BOX = 30  # pixels: the column of boxes to choose runs by
_NO_GROUPS = "no groups"
_ACT = "act"
_HINT = "phase = train and learning_rate > 0.05 and roc_auc >= 0.7 or who ~ maria"


def build(panel: ComparePanel) -> VBox:
    """The panel with its table, and the parts below it."""
    return _Widgets(panel).box


class _Widgets:
    def __init__(self, panel: ComparePanel) -> None:
        import ipywidgets as w

        self.panel = panel
        self._telling = False  # while widgets are set, not what a person did
        self._offered: RunDiff | None = None  # the difference whose outputs can be opened
        self.where = w.Text(
            description="Runs where",
            placeholder=_HINT,
            continuous_update=False,
            layout={"width": "36rem"},
            style={"description_width": "initial"},
        )
        self.group = w.Dropdown(
            description="Group by", layout={"width": "18rem"}, style={"description_width": "initial"}
        )
        self.again = w.Button(description="Refresh", icon="refresh", layout={"width": "7rem"})
        self.problem, self.about = w.HTML(), w.HTML()
        self._make_table()
        self.back, self.on = (
            w.Button(icon=icon, tooltip=tip, layout={"width": "2.4rem"})
            for icon, tip in (("chevron-left", "Page before"), ("chevron-right", "Next page"))
        )
        self.pages = w.HTML()
        self.clear = w.Button(icon="times", tooltip="Choose none of them", layout={"width": "10rem"})
        self.parts = {name: w.HTML() for name in parts.PARTS}
        self.metric = w.Dropdown(description="Metric", layout={"width": "22rem"})
        self.swap = w.Button(description="Exchange", tooltip="Look at it the other way round")
        self.output = w.Dropdown(description="Outputs of", layout={"width": "22rem"})
        self.opened = w.HTML()
        self.acting = w.VBox()  # filled when it is opened: the first sight of the panel waits for no more
        self.tab = w.Tab(
            [
                w.VBox([self.swap, self.parts[parts.TWO_RUNS]]),
                w.VBox([self.parts[parts.NOTEBOOKS], self.output, self.opened]),
                w.VBox([self.metric, self.parts[parts.CHARTS]]),
                self.parts[parts.CURVES],
                self.parts[parts.SLICES],
                self.acting,
            ],
            titles=[name.capitalize() for name in (*parts.PARTS, _ACT)],
            selected_index=parts.PARTS.index(panel.part),
        )
        row = {"flex_flow": "row wrap", "align_items": "center"}
        self.box = w.VBox(
            [
                w.HBox([self.where, self.group, self.again], layout=row),
                self.problem,
                self.table,
                w.HBox([self.back, self.on, self.pages, self.clear], layout=row),
                self.about,
                self.tab,
            ]
        )
        self.tell()
        self._listen()

    def _make_table(self) -> None:
        import ipywidgets as w

        # Widgets of a kind share their layout and style: that halves what the browser has to make.
        size = w.Layout(width=f"{_BOX - 4}px", height=f"{ROW}px", margin="0 0 0 4px")
        self.boxes = [w.Checkbox(indent=False, layout=size) for _ in range(PAGE)]
        self.head_size = w.Layout(width=f"{COLUMN}px", margin="0", padding="0 4px", height=f"{ROW}px")
        self.corner = w.Box(layout={"width": f"{_BOX}px", "min_width": f"{_BOX}px"})
        self.heads: list[Any] = []
        self.head_row, self.body = w.HBox(), w.HTML()
        narrow = {"width": f"{_BOX}px", "min_width": f"{_BOX}px", "overflow": "hidden", "padding": "5px 0 0"}
        self.box_column = w.VBox(self.boxes, layout=narrow)
        rows = w.HBox([self.box_column, self.body])
        inside = w.VBox([self.head_row, rows], layout={"width": "max-content", "overflow": "visible"})
        self.table = w.Box([inside], layout={"overflow": "auto", "max_width": "100%"})

    def _listen(self) -> None:
        self.where.observe(lambda change: self._look(where=change["new"]), names="value")
        self.group.observe(lambda change: self._look(group=change["new"]), names="value")
        self.metric.observe(lambda change: self._look(metric=change["new"]), names="value")
        self.again.on_click(lambda _: self.refresh())
        self.back.on_click(lambda _: self._look(page=max(0, self.panel.shown.view.page - 1)))
        self.on.on_click(lambda _: self._look(page=self.panel.shown.view.page + 1))
        self.clear.on_click(lambda _: self._look(chosen=()))
        self.swap.on_click(lambda _: self._swap())
        self.tab.observe(lambda _: self._tell_part(), names="selected_index")
        self.output.observe(lambda _: self._open_output(), names="value")
        for place, box in enumerate(self.boxes):
            box.observe(lambda change, place=place: self._choose(place, change["new"]), names="value")

    # -- what a person does ------------------------------------------------------------------------

    def refresh(self) -> None:
        self.panel.refresh()
        self.tell()

    def _look(self, **changes: Any) -> None:
        if not self._telling:
            self.panel.look(**changes)
            self.tell()

    def _sort(self, place: int) -> None:
        name = markup.heading(self.panel.shown)[place][0]
        if name:
            self.panel.sort_by(name)
            self.tell()

    def _choose(self, place: int, chosen: bool) -> None:
        if self._telling:
            return
        shown = self.panel.shown
        if shown.view.group:
            self.panel.narrow(shown.page_groups[place])
        else:
            self.panel.tick(shown.table.columns["run_id"].values[shown.page_rows[place]], chosen)
        self.tell()

    def _swap(self) -> None:
        self.panel.swap()
        self.tell()

    # -- what is shown -----------------------------------------------------------------------------

    def tell(self) -> None:
        """Bring all widgets up to what the panel shows."""
        shown, view = self.panel.shown, self.panel.shown.view
        self._telling = True
        try:
            self.where.value = self.panel.typed
            columns = [item for item in shown.table.columns.values() if item.name != "run_id"]
            groups = [(_NO_GROUPS, ""), *((item.name, item.name) for item in columns)]
            set_options(self.group, groups, view.group)
            # Also one that none of these runs has: it is what the charts are of.
            metrics = sorted({*shown.metrics, view.metric} - {""})
            set_options(self.metric, [(name, name) for name in metrics], view.metric)
            ids = shown.table.columns["run_id"].values
            runs = [] if view.group else shown.page_rows
            for place, box in enumerate(self.boxes):
                box.value = place < len(runs) and ids[runs[place]] in view.chosen
        finally:
            self._telling = False
        self.box_column.children = self.boxes[: len(shown.page_groups if view.group else runs)]
        self._tell_heads()
        self.body.value = markup.body(shown)
        opens = "; tick one to see its runs" if view.group and shown.groups else ""
        self.pages.value = markup.page_of(shown) + opens
        self.about.value = markup.about(shown)
        self.problem.value = problem(self.panel.problem)
        chosen = len(self.panel.chosen)
        self.clear.description = f"Clear ({chosen} chosen)"
        self.clear.layout.display = "" if chosen else "none"
        self.back.disabled, self.on.disabled = view.page == 0, view.page + 1 >= shown.pages
        self._tell_part()

    def _tell_heads(self) -> None:
        import ipywidgets as w

        heads = markup.heading(self.panel.shown)
        while len(self.heads) < len(heads):
            button = w.Button(layout=self.head_size)
            if self.heads:
                button.style = self.heads[0].style
            button.on_click(lambda clicked: self._sort(self.heads.index(clicked)))
            self.heads.append(button)
        for button, (_, text, name) in zip(self.heads, heads, strict=False):
            button.description, button.tooltip = text, f"Sort by {name}"
        self.head_row.children = [self.corner, *self.heads[: len(heads)]]

    def _tell_part(self) -> None:
        """Fill the part that is open; the others are made when somebody opens them."""
        place = self.tab.selected_index
        if place is None or place >= len(parts.PARTS):
            self.actions.tell()
            self.acting.children = (self.actions.box,)
            return
        self.panel.part = parts.PARTS[place]
        self.parts[self.panel.part].value = self.panel.opened
        if self.panel.part == parts.NOTEBOOKS:
            self._offer_outputs()
        self.swap.layout.display = "" if self.panel.comparison else "none"

    @cached_property
    def actions(self) -> Actions:
        return Actions(self.panel, self.refresh)

    def _offer_outputs(self) -> None:
        try:
            found = self.panel.difference
        except Exception:  # the part says why
            found = None
        if found is not None and found is self._offered:
            return  # what was opened of it stays
        self._offered = found
        changes = found.outputs if found else ()
        options = [("choose a cell", ""), *((f"cell {change.left}", str(change.left)) for change in changes)]
        set_options(self.output, options, "")
        self.opened.value = ""
        self.output.layout.display = "" if changes else "none"

    def _open_output(self) -> None:
        from workbench.panels.notebook_diff import opened

        found = self.panel.difference
        changes = [each for each in (found.outputs if found else ()) if str(each.left) == self.output.value]
        try:
            self.opened.value = opened(found, changes[0]) if found and changes else ""
        except (OSError, ValueError, IndexError) as error:
            self.opened.value = problem(f"the notebooks cannot be read: {error}")
