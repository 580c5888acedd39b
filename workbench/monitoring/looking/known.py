"""What is recorded of a log, what is new since, and whether what is recorded still stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np
from sqlalchemy import Connection

from workbench.config.alerts import AlertConfig
from workbench.monitoring.findings import record
from workbench.monitoring.findings.finding import WindowFinding
from workbench.monitoring.findings.windows import Window
from workbench.monitoring.looking import looks
from workbench.monitoring.looking.looks import Look
from workbench.monitoring.looking.news import News, read_news
from workbench.monitoring.looking.subject import Subject
from workbench.monitoring.looking.waiting import may_wait, waits
from workbench.serving.truth.business import BusinessKey
from workbench.store.hashing import hash_value
from workbench.store.ledger import held

__all__ = ["Known"]

# To note how far one has looked takes longer than to read again so much of what was said.
_MANY = 3_000


@dataclass(frozen=True, eq=False)
class Known:
    """What the monitor knows before it looks.

    Attributes
    ----------
    subject : Subject
        What it knows something of.
    now : datetime
        As of when.
    findings : mapping
        What is recorded of each window, the oldest first.
    look : Look or None
        How far one has looked; None when nobody has.
    news : News
        What was said since.
    judged_by : str
        What it would be judged by now: see :class:`~workbench.monitoring.looking.looks.Look`.
    """

    subject: Subject
    now: datetime
    findings: Mapping[Window, WindowFinding]
    look: Look | None
    news: News
    judged_by: str

    @classmethod
    def read(
        cls, connection: Connection, subject: Subject, kept: str, now: datetime, rules: Sequence[AlertConfig]
    ) -> Known:
        """As it is recorded under the name ``kept``."""
        model, config = subject.project.model.name, subject.config
        look = looks.read(connection, kept, model)
        by = (
            subject.judged_by,
            (config.window, config.timezone),
            [rule.model_dump() for rule in rules],
            held(connection, model),
        )
        return cls(
            subject,
            now,
            record.newest(connection, kept, model),
            look,
            read_news(connection, subject.name, look, now),
            hash_value(by),
        )

    @cached_property
    def over(self) -> Sequence[WindowFinding]:
        """The windows that have ended, but for those of another length than now."""
        cuts = self.subject.cuts
        return [found for window, found in self.findings.items() if window.end <= self.now and cuts(window)]

    def stands(self) -> bool:
        """Whether nothing can have changed of the windows that were over when one looked last."""
        subject, now, look, news = self.subject, self.now, self.look, self.news
        if look is None or news.everything or news.keys or look.judged_by != self.judged_by:
            return False
        if not look.as_of <= now < look.over_at:
            return False
        for number, finding in enumerate(self.over):
            waiting = [item for item in finding.versions if may_wait(item)]
            if any(waits(item, finding.evaluated_at, now, self.over[:number]) for item in waiting):
                return False
        under_way = subject.window(now)
        # What is not of the window that is under way is of one that ended, or of nothing.
        return not news.asked(subject.log, BusinessKey(), under_way.start, now)[1]

    def told_of(self, windows: Sequence[Window]) -> tuple[set[Window], int]:
        """The windows of whose answers something new was said, and how many answers are not there."""
        if not windows:
            return set(), 0
        if self.news.everything:
            return set(windows), 0
        key = BusinessKey.open(self.subject.project) if self.news.keys else BusinessKey()
        asked, absent = self.news.asked(self.subject.log, key, windows[0].start, self.now)
        starts = np.array([window.start.replace(tzinfo=None) for window in windows], dtype=asked.dtype)
        places = np.unique(np.searchsorted(starts, asked, side="right") - 1)
        return {windows[place] for place in places.tolist()}, absent

    def settled(self, last: Look | None, changed: Sequence[WindowFinding]) -> datetime | None:
        """Windows that ended by then are what they were when the same rules were applied last; None when
        nothing tells.

        Parameters
        ----------
        last : Look or None
            As it is recorded by now: of another one than this began with, nobody knows what it changed.
        changed : sequence of WindowFinding
            What is no longer what it was.
        """
        if last is None or last != self.look or last.judged_by != self.judged_by:
            return None
        return min([last.as_of, *(finding.window.start for finding in changed)])

    def next_look(self) -> Look:
        """How far one has looked once all of it is in the findings."""
        news, over_at = self.news, self.subject.window(self.now).end
        return Look(self.now, over_at, self.judged_by, news.truth, news.feedback, news.pending)

    @property
    def worth_noting(self) -> bool:
        """Whether so much was said that nobody should have to read it again, although nothing has changed."""
        pending = self.look.pending if self.look else None
        return len(self.news.ids) > _MANY or pending != self.news.pending
