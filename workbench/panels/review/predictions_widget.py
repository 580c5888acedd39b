"""The widgets with which live predictions are judged."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from workbench.panels.markup import problem
from workbench.panels.review import judged

if TYPE_CHECKING:
    from workbench.panels.review.predictions import Predictions
    from workbench.store.judgements import Verdict

__all__ = ["PredictionsWidget"]

_WAYS = (("at random", "random"), ("of a slice", "slice"), ("the most uncertain", "uncertain"))
_PAUSE_SECONDS = 0.4
_FIT = {"description_width": "initial"}


class PredictionsWidget:
    """What is drawn, a row, and three buttons."""

    def __init__(self, state: Predictions) -> None:
        import ipywidgets as w

        self.state = state
        self._make_drawing()
        self.problem, self.place, self.answer = w.HTML(), w.HTML(), w.HTML()
        self.remark = w.Text(
            description="Remark",
            placeholder="what is wrong; kept with your judgement",
            layout={"width": "34rem"},
        )
        self.right = w.Button(description="Right", icon="check", button_style="success")
        self.wrong = w.Button(description="Wrong", icon="times", button_style="danger")
        self.unsure = w.Button(description="Can't say", icon="question")
        self.back, self.on = (
            w.Button(icon=icon, tooltip=tip, layout={"width": "2.4rem"})
            for icon, tip in (("chevron-left", "Row before"), ("chevron-right", "Next row"))
        )
        self.last, self.figures = w.HTML(), w.HTML()
        self.put = w.Button(description="Put it on the backlog", icon="flag", layout={"width": "13rem"})
        row = {"flex_flow": "row wrap", "align_items": "center"}
        self.judging = w.VBox(
            [
                self.place,
                self.answer,
                self.remark,
                w.HBox([self.right, self.wrong, self.unsure, self.back, self.on], layout=row),
            ]
        )
        drawing = w.HBox([self.how, self.slice, self.rows, self.seed, self.draw], layout=row)
        done = w.HBox([self.last, self.put], layout=row)
        # Side by side where there is room.
        judging = w.VBox(
            [self.judging, done], layout={"flex": "1 1 42rem", "min_width": "0", "padding": "0 24px 0 0"}
        )
        beside = w.Box([self.figures], layout={"flex": "0 1 auto", "margin": "6px 0 0"})
        both = w.HBox([judging, beside], layout={"flex_flow": "row wrap"})
        self.box = w.VBox([drawing, self.problem, both])
        self._listen()
        self.tell()

    def _make_drawing(self) -> None:
        import ipywidgets as w

        how = self.state.how
        self.how = w.Dropdown(
            description="Draw", options=_WAYS, value=how.how, style=_FIT, layout={"width": "13rem"}
        )
        self.slice = w.Combobox(
            value=how.slice,
            placeholder="column=value",
            description="Slice",
            style=_FIT,
            layout={"width": "18rem"},
        )
        self.rows = w.BoundedIntText(
            value=how.rows, min=1, max=1000, description="Rows", style=_FIT, layout={"width": "8rem"}
        )
        self.seed = w.IntText(value=how.seed, description="Seed", style=_FIT, layout={"width": "8rem"})
        self.draw = w.Button(description="Draw", icon="refresh", layout={"width": "7rem"})

    def _listen(self) -> None:
        verdicts: tuple[tuple[Any, Verdict], ...] = (
            (self.right, "right"),
            (self.wrong, "wrong"),
            (self.unsure, "can't say"),
        )
        for button, verdict in verdicts:
            button.on_click(lambda _, verdict=verdict: self._judge(verdict))
        self.how.observe(lambda _: self._offer(), names="value")
        self.draw.on_click(lambda _: self._draw())
        self.back.on_click(lambda _: self._move(-1))
        self.on.on_click(lambda _: self._move(1))
        self.put.on_click(lambda _: self._put())

    def _draw(self) -> None:
        wanted = self.slice.value if self.how.value == "slice" else ""
        self.draw.disabled, self.draw.description = True, "Drawing…"  # a long log takes seconds
        try:
            self.state.draw(how=self.how.value, slice=wanted, rows=self.rows.value, seed=self.seed.value)
        finally:
            self.draw.disabled, self.draw.description = False, "Draw"
        self.tell()

    def _judge(self, verdict: Verdict) -> None:
        if self.right.disabled:
            return
        if self.state.judge(verdict, self.remark.value):
            self.remark.value = ""
            self._pause()
        self.tell()

    def _pause(self) -> None:
        """Take no judgement for a moment: the second click of two would be about the next row, unseen."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # nobody clicks
            return
        self._able(False)
        loop.call_later(_PAUSE_SECONDS, self._able, True)

    def _move(self, step: int) -> None:
        self.state.move(step)
        self.tell()

    def _put(self) -> None:
        self.state.put()
        self.tell()

    def tell(self) -> None:
        """Bring all widgets up to what the state is."""
        state = self.state
        self.problem.value = problem(state.problem)
        self.judging.layout.display = "" if state.answers else "none"
        self.place.value, self.answer.value = judged.place(state), judged.answer(state)
        self.last.value = judged.last(state)
        self.put.layout.display = "" if state.may_put and state.item is None else "none"
        self.figures.value = judged.figures(state.figures)
        self.back.disabled, self.on.disabled = state.at == 0, state.at + 1 >= len(state.answers)
        self.slice.options = tuple(state.slices)
        self._offer()

    def _able(self, able: bool) -> None:
        for button in (self.right, self.wrong, self.unsure):
            button.disabled = not able

    def _offer(self) -> None:
        self.slice.layout.display = "" if self.how.value == "slice" else "none"
