"""The label panel: one row at a time, a key for each label, and the next row when the label is safe.

Who labels is who is logged in: on PostgreSQL whom the database authenticated, on SQLite the login name. The
panel claims rows when somebody starts, not when it is shown, so a report of a notebook with it claims none.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from workbench.data.labels.exporting import labels_frame
from workbench.data.labels.model import CONTROLS, Choice, Guidelines, Place, Queue
from workbench.errors import LabelRefused, UnknownName, WorkbenchError
from workbench.panels.label import markup
from workbench.panels.label.desk import Desk
from workbench.panels.telling import in_words
from workbench.project import Project, open_project

if TYPE_CHECKING:
    import pandas as pd
    from ipywidgets import VBox

    from workbench.data.labels.agreement import Agreement

__all__ = ["LabelPanel", "label"]

_AHEAD = 4  # rows that are at hand, so that the next one waits for nothing
_BEFORE = 50  # rows that one can look back at
# Nobody has seen and judged a row in less. What comes sooner was meant for the row before, or a key is held.
_SOONEST_SECONDS = 0.15


def label(queue: str, *, adjudicate: bool = False, of: Project | None = None) -> LabelPanel:
    """A panel in which one labels the rows of a queue, or decides those that people disagree about.

    Parameters
    ----------
    queue : str
        Made by ``workbench label add``.
    adjudicate : bool
        Show rows with different labels (not whose), for a third person to decide.
    of : Project, optional
        By default the one around the working directory.

    Raises
    ------
    UnknownName
        There is no such queue. When the workbench database is away, the panel says so instead.
    """
    return LabelPanel(Desk.open(of or open_project(), queue), adjudicate=adjudicate)


class LabelPanel:
    """What a person labels now; :attr:`widget` is what they press keys in.

    Attributes
    ----------
    shown : Place or None
        The row that is looked at, as it was read; None before the start, and when there is none.
    remark : str
        Goes with the next label.
    told : str
        One line on what the last key did.
    problem : str
        One line on why it did nothing; empty if it did.
    done : int
        How many labels were given in this session.
    given, wanted : int
        Labels of the queue.
    others : list of str
        While deciding: what the people who labelled the row say.
    ticks : callable
        Tells seconds, by which a key may be too quick.
    """

    def __init__(
        self, desk: Desk, *, adjudicate: bool = False, ticks: Callable[[], float] = time.monotonic
    ) -> None:
        self.desk, self.adjudicate, self.ticks = desk, adjudicate, ticks
        self.shown: Place | None = None
        self.guidelines = Guidelines(0, "")
        self.remark, self.told, self.problem = "", "", ""
        self.done, self.given, self.wanted = 0, 0, 0
        self.started = False
        self.others: list[str] = []
        self._ahead: list[Place] = []
        self._past: list[Place] = []  # what was labelled last, the newest first, while one looks back
        self._back = 0  # how far back one looks; 0 is the row to be labelled
        self._waiting: Place | None = None  # that row, while one looks back
        self._shown_at = 0.0
        try:
            self._look_up()
        except UnknownName:
            raise
        except Exception as error:
            self.problem = f"{in_words(error, desk.project)}; start once it is back"

    @property
    def queue(self) -> Queue:
        return self.desk.queue

    @property
    def keys(self) -> dict[str, Choice]:
        """The labels by their keys; none as long as the queue could not be read."""
        return {choice.key: choice for choice in self.queue.choices} if self.desk.known else {}

    # -- what a person does ------------------------------------------------------------------------

    def start(self) -> None:
        """Claim the first rows; again later, when there may be more."""

        def first() -> None:
            self.desk.find()
            self.started = bool(self.desk.identity.person)
            self._go_on()

        self._try(first)

    def press(self, typed: str) -> None:
        """Do what a key means for the row that is shown; a key that came too soon does nothing."""
        if self.shown is None or not typed:
            return
        if len(typed) > 1 or self.ticks() - self._shown_at < _SOONEST_SECONDS:
            self._shown_at = self.ticks()  # a key that is held never gets through
            self._tell(problem="too quick for anybody to have read the row: press the key again")
            return
        key = typed if typed in self.keys else typed.lower()  # with caps lock, too
        if key in self.keys:
            self.give(self.keys[key].value)
        elif key in CONTROLS:
            getattr(self, CONTROLS[key])()
        else:
            self._tell(problem=f"the key {typed!r} means nothing here")

    def give(self, value: str) -> None:
        """Label the row that is shown, or decide about it; then the next is shown."""
        place = self.shown
        if place is None:
            return

        def act() -> None:
            given = self.desk.give(place, value, self.guidelines.version, self.remark)
            new = place.label is None
            self.done, self.given = self.done + new, self.given + (new and not self.adjudicate)
            self._tell(f"row {place.row.number}: {self.queue.text(value)}")
            self._after(given)

        self._try(act)

    def skip(self) -> None:
        """Leave the row to others; while looking back, leave it as it is."""
        place = self.shown
        if place is None:
            return

        def act() -> None:
            if self._back:
                self._tell()
                self._look_back(self._back - 1)
            elif self.adjudicate:  # it stays in dispute, for whoever decides it
                self._next()
            else:
                skipped = self.desk.skip(place, self.guidelines.version, self.remark)
                self._tell(f"row {place.row.number} is left to others")
                self._after(skipped)

        self._try(act)

    def undo(self) -> None:
        """Take back what one said last, in this session or before; that row is shown again."""

        def act() -> None:
            last = None if self.adjudicate else next(iter(self.desk.recent(1)), None)
            if last is None:
                told = "what is decided is changed by deciding again" if self.adjudicate else ""
                self._tell(problem=told or "there is nothing to take back")
                return
            back = self.desk.undo(last)
            held = self._waiting if self._back else self.shown
            self._ahead = [*([held] if held else []), *self._ahead]
            labelled = last.label is not None
            self.given, self.done = self.given - labelled, max(0, self.done - labelled)
            self._tell(f"row {back.row.number}: taken back")
            self._back, self._waiting = 0, None
            self._show(back)

        self._try(act)

    def back(self) -> None:
        """Look at the row before; a key changes its label, skip goes on."""
        if self.adjudicate:
            self._tell(problem="rows in dispute are looked at one by one")
        else:
            self._try(lambda: self._look_back(self._back + 1))

    def refill(self) -> None:
        """Have the next rows at hand, and see whether the guidelines have changed; after a row is shown."""
        if self.started and not self.adjudicate and len(self._ahead) < _AHEAD - 2:
            self._try(self._refill, keep=True)

    # -- what is shown -----------------------------------------------------------------------------

    @property
    def looks_back(self) -> bool:
        return self._back > 0

    @property
    def may_see_agreement(self) -> bool:
        """Whether one decides, or all labels are there to be exported: who labels is not told how it goes."""
        return self.adjudicate or 0 < self.wanted <= self.given

    def labels(self) -> pd.DataFrame:
        """The labels that count, one a row of the queue, as ``workbench label export`` writes them."""
        return labels_frame(self.queue, self.desk.results())

    def agreement(self) -> Agreement:
        """How far people agree on the rows that two of them have labelled blindly."""
        return self.desk.agreement()

    @cached_property
    def widget(self) -> VBox:
        """The live panel."""
        from workbench.panels.label.widget import build

        return build(self)

    def _repr_html_(self) -> str:
        return markup.picture(self)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        live: dict[str, Any] = self.widget._repr_mimebundle_() or {}
        return {**live, "text/html": self._repr_html_(), "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"LabelPanel({self.desk.name}, {self.given} of {self.wanted} labels)"

    # -- within ------------------------------------------------------------------------------------

    def _tell(self, told: str = "", problem: str = "") -> None:
        self.told, self.problem = told, problem

    def _try(self, act: Callable[[], None], *, keep: bool = False) -> None:
        """Do it, or say in a line why not; the row stays, so that the same key tries again."""
        if not keep:
            self.problem = ""
        try:
            act()
        except LabelRefused as error:  # not with this row, now or later
            self._tell(problem=error.message)
            self._anew()
        except WorkbenchError as error:
            self._tell(problem=error.message)
        except Exception as error:
            again = "press the key again" if self.shown else "start again"
            self._tell(problem=f"{in_words(error, self.desk.project)}; nothing was lost: {again}")

    def _go_on(self) -> None:
        self._back, self._waiting, self._ahead, self.shown = 0, None, [], None
        self._refill()
        self._next()

    def _anew(self) -> None:
        try:
            self._go_on()
        except Exception as error:
            self.problem = f"{self.problem}; {in_words(error, self.desk.project)}"

    def _after(self, place: Place) -> None:
        self.remark = ""
        if self._back:
            self._past[self._back - 1] = place
            self._look_back(self._back - 1)
        else:
            self._next()

    def _next(self) -> None:
        """Show the next row that is at hand; look for more when there is none."""
        if self.adjudicate:
            place = self.desk.dispute(self.shown.row.number if self.shown else 0)
            self.others = self.desk.said(place) if place else []
            self._show(place)
            return
        self.shown = None
        if not self._ahead:
            self._refill()
        self._show(self._ahead.pop(0) if self._ahead else None)

    def _show(self, place: Place | None) -> None:
        self.shown, self._shown_at = place, self.ticks()

    def _look_back(self, steps: int) -> None:
        if steps and not self._back:
            self._past, self._waiting = self.desk.recent(_BEFORE), self.shown
        if steps > len(self._past):
            self._tell(problem="there is nothing before")
            return
        self._back = steps
        if steps:
            self._show(self._past[steps - 1])
            return
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            self._show(waiting)
        else:
            self._next()

    def _refill(self) -> None:
        if not self.adjudicate:
            at_hand = {place.id for place in (self.shown, self._waiting) if place is not None}
            self._ahead = [place for place in self.desk.claim(_AHEAD) if place.id not in at_hand]
        self._look_up()

    def _look_up(self) -> None:
        before = self.guidelines.version
        self.guidelines, self.given, self.wanted = self.desk.standing()
        if self.started and before != self.guidelines.version:
            self.told = f"the guidelines have changed: version {self.guidelines.version}; read them below"
