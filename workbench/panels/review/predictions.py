"""Live predictions to be judged one by one; no widget is in here, so it is tested without a browser."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from workbench.errors import WorkbenchError
from workbench.monitoring import judged
from workbench.monitoring.judged import Answer, Draw, Figures, Sample
from workbench.panels.telling import in_words
from workbench.project import Project
from workbench.registry.identity import Identity, identify
from workbench.serving.log.chosen import chosen_log
from workbench.serving.settings import log_name
from workbench.store.backlog import Item
from workbench.store.database import open_database
from workbench.store.judgements import Judgement, Verdict

__all__ = ["Predictions"]


class Predictions:
    """A sample, which of its rows is looked at, and what was judged.

    Attributes
    ----------
    sample : Sample or None
        None until it could be drawn.
    at : int
        The row that is looked at, from 0.
    last : Judgement or None
        What was judged a moment ago.
    me : str
        Who judges: what tells two people apart.
    item : Item or None
        What it became on the backlog.
    problem : str
        One line on why the last thing could not be done; empty if it could.
    """

    def __init__(self, project: Project, how: Draw, *, log: str = "", actor: str | None = None) -> None:
        self.project, self.how, self._actor = project, how, actor
        self._log, self.log = chosen_log(project, log or None)
        self.sample: Sample | None = None
        self.at = 0
        self.judgements: list[Judgement] = []
        self.last: Judgement | None = None
        self.item: Item | None = None
        self.problem = ""
        self.me = ""

    @property
    def answers(self) -> tuple[Answer, ...]:
        return self.sample.answers if self.sample else ()

    @property
    def current(self) -> Answer | None:
        """The row that is looked at."""
        return self.answers[self.at] if self.answers else None

    @property
    def mine(self) -> dict[str, Judgement]:
        """What I judged of these rows, by prediction."""
        ids = {answer.prediction_id for answer in self.answers}
        return {
            each.prediction_id: each
            for each in self.judgements
            if each.person == self.me and each.prediction_id in ids
        }

    def others(self, answer: Answer) -> list[Judgement]:
        """What others said of a row; nothing before I have judged it myself."""
        about = [each for each in self.judgements if each.prediction_id == answer.prediction_id]
        if not any(each.person == self.me for each in about):
            return []
        return [each for each in about if each.person != self.me]

    def truth(self, answer: Answer) -> str:
        """What turned out, as far as it is known; nothing before I have judged it."""
        return answer.truth if answer.prediction_id in self.mine else ""

    @property
    def figures(self) -> Figures:
        """What all people judged of this log comes to."""
        return judged.figures(self.judgements)

    @property
    def slices(self) -> list[str]:
        """The slices that these rows belong to, as one asks for them."""
        return sorted({f"{name}={value}" for answer in self.answers for name, value in answer.slices.items()})

    def load(self) -> bool:
        """Draw the sample and read what was judged; whether that could be done."""
        try:
            with open_database(self.project).read() as connection:
                self.me = identify(connection, self._actor).person
            found = judged.judged(self.project, self.log)
            sample = judged.draw(self.project, self._log, self.log, self.how)
        except Exception as error:
            return self._failed("the predictions cannot be read", error, "try again with Draw")
        self.problem = "" if sample.answers else self._nothing()
        same = self.sample is not None and self.sample.answers == sample.answers
        self.sample, self.judgements = sample, found
        if not same:
            self.at, self.last, self.item = 0, None, None
            self._to_next()
        return True

    def draw(self, **changes: Any) -> bool:
        """Draw otherwise: any fields of :class:`~workbench.monitoring.judged.Draw`."""
        try:
            self.how = replace(self.how, **changes)
        except WorkbenchError as error:
            self.problem = error.message
            return False
        return self.load()

    def move(self, step: int) -> None:
        """Look at a row before or behind."""
        self.at = min(max(self.at + step, 0), max(len(self.answers) - 1, 0))

    def judge(self, verdict: Verdict, remark: str = "") -> bool:
        """Keep what I judge of this row, and go on to the next; whether it was kept.

        Nothing moves before it is durable.
        """
        answer = self.current
        if answer is None or self.sample is None:
            return False
        try:
            said = judged.judge(self.project, self.sample, answer, verdict, remark, actor=self._actor)
        except Exception as error:
            return self._failed("your judgement was not kept", error, "press again")
        self.problem, self.item = "", None
        kept = [
            each
            for each in self.judgements
            if (each.person, each.prediction_id) != (said.person, said.prediction_id)
        ]
        self.judgements, self.last = [*kept, said], said
        self._to_next()
        return True

    @property
    def may_put(self) -> bool:
        """Whether what was judged last can go on the backlog."""
        return self.last is not None and self.last.verdict == "wrong" and bool(self.last.remark)

    def put(self) -> Item | None:
        """Put what was judged last on the backlog; the item, also when it was there."""
        if self.last is None:
            return None
        try:
            self.item = judged.put_on_backlog(self.project, self.log, self.last, actor=self._actor)
        except Exception as error:
            self._failed("it was not put on the backlog", error, "press again")
            return None
        self.problem = ""
        return self.item

    def who(self, said: Judgement) -> str:
        return str(Identity(said.actor, said.database_user))

    def _to_next(self) -> None:
        """The next row that I have not judged; at the end of all, the last one."""
        mine, count = self.mine, len(self.answers)
        for step in range(count):
            place = (self.at + step) % count
            if self.answers[place].prediction_id not in mine:
                self.at = place
                return

    def _nothing(self) -> str:
        if self.how.how == "slice" and not self.how.since and not self.how.until:
            return f"no live prediction is of {self.how.slice}"
        if self.how.since or self.how.until:
            return "there are no live predictions of that time"
        told = "there are no live predictions yet: workbench serve answers requests and logs each answer"
        folders = sorted(self.project.state.glob("predictions/*"), key=lambda path: path.stat().st_mtime)
        others = [name for name in (log_name(self.project, path) for path in folders) if name != self.log]
        return f"{told}; there is also the log {others[-1]}, of a replay" if others else told

    def _failed(self, what: str, error: Exception, then: str) -> bool:
        self.problem = f"{what}: {in_words(error, self.project)}; {then}"
        return False
