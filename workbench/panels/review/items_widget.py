"""The widgets with which the backlog is tidied: items are added, assigned, linked, closed, opened again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from workbench.panels.choosing import set_options
from workbench.panels.markup import problem
from workbench.panels.review import said
from workbench.store.backlog import PRIORITIES

if TYPE_CHECKING:
    from ipywidgets import Button, Text

    from workbench.panels.review.items import Items

__all__ = ["ItemsWidget"]

_SHORT = 80  # characters of a title


class ItemsWidget:
    """Items, one of them to act on, and a line to add another."""

    def __init__(self, state: Items) -> None:
        import ipywidgets as w

        self.state = state
        self._telling = False  # while widgets are set, not what a person did
        self.mine = w.Checkbox(
            description=f"only what is for {state.me}", indent=False, layout={"width": "20rem"}
        )
        self.closed = w.Checkbox(description="closed ones, too", indent=False, layout={"width": "12rem"})
        self.again = w.Button(description="Refresh", icon="refresh", layout={"width": "7rem"})
        self.problem, self.table, self.told = w.HTML(), w.HTML(), w.HTML()
        self.item = w.Dropdown(description="Item", layout={"width": "46rem"})
        self.who = self._text("For", "a name; empty: nobody")
        self.note = self._text("Note", "a remark; or a link: a run's id, a model version, a URL")
        self.why = self._text("Reason", "what became of it; others read it")
        self.title = self._text("New", "what there is to do")
        self.priority = w.Dropdown(options=PRIORITIES, value="normal", layout={"width": "7rem"})
        row = {"flex_flow": "row wrap", "align_items": "center"}
        self.close = self._button("Close", "check", self._close, primary=True)
        self.inside = w.VBox(
            [
                self.item,
                self.told,
                w.HBox(
                    [
                        self.who,
                        self._button("Assign", "user", lambda: self._do(state.assign, self.who)),
                        self._button("Assign to me", "user", lambda: self._act(state.assign, state.me)),
                    ],
                    layout=row,
                ),
                w.HBox(
                    [
                        self.note,
                        self._button("Remark", "comment", lambda: self._do(state.remark, self.note)),
                        self._button("Link", "link", lambda: self._do(state.link, self.note)),
                    ],
                    layout=row,
                ),
                w.HBox([self.why, self.close], layout=row),
            ]
        )
        add = self._button("Add", "plus", lambda: self._do(state.add, self.title, self.priority.value))
        self.box = w.VBox(
            [
                w.HBox([self.mine, self.closed, self.again], layout=row),
                self.problem,
                self.table,
                w.HBox([self.title, self.priority, add], layout=row),
                self.inside,
            ]
        )
        for box in (self.mine, self.closed):
            box.observe(lambda _: self._show(), names="value")
        self.item.observe(lambda _: self._choose(), names="value")
        self.again.on_click(lambda _: self.refresh())
        self.tell()

    def _text(self, description: str, placeholder: str) -> Text:
        import ipywidgets as w

        return w.Text(description=description, placeholder=placeholder, layout={"width": "30rem"})

    def _button(
        self, description: str, icon: str, do: Callable[[], object], *, primary: bool = False
    ) -> Button:
        import ipywidgets as w

        style = "primary" if primary else ""
        made = w.Button(description=description, icon=icon, button_style=style, layout={"width": "9rem"})
        made.on_click(lambda _: do())
        return made

    def refresh(self) -> None:
        self.state.load()
        self.tell()

    def _show(self) -> None:
        self.state.show(mine=self.mine.value, closed=self.closed.value)
        self.tell()

    def _choose(self) -> None:
        if not self._telling:
            self.state.choose(self.item.value)
            self.tell()

    def _close(self) -> None:
        chosen = self.state.chosen
        closed = chosen is not None and chosen.status == "closed"
        self._do(self.state.reopen if closed else self.state.close, self.why)

    def _do(self, act: Callable[..., bool], text: Text, *more: Any) -> None:
        """Do it with what was typed, which stays until it is done, or the item that it was about is gone."""
        about = self._number
        if self._act(act, text.value, *more) or self._number != about:
            text.value = ""

    @property
    def _number(self) -> int | None:
        return self.state.chosen.id if self.state.chosen else None

    def _act(self, act: Callable[..., bool], *given: Any) -> bool:
        done = act(*given)
        self.tell()
        return done

    def tell(self) -> None:
        """Bring all widgets up to what the state is."""
        state = self.state
        options = [(f"{each.id}  {each.title[:_SHORT]}", each.id) for each in state.found]
        self._telling = True
        try:
            set_options(self.item, options, self._number)
        finally:
            self._telling = False
        self.problem.value = problem(state.problem)
        self.table.value = said.items(state.found) if state.known else ""
        self.told.value = said.item(state)
        self.inside.layout.display = "" if state.chosen is not None else "none"
        closed = state.chosen is not None and state.chosen.status == "closed"
        self.close.description = "Open again" if closed else "Close"
