"""The past, of which nothing has to be looked at again: windows that are over and stay as they are recorded.

So the cost of a look goes by what is new since the last one, and not by how long the log is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from workbench.monitoring.findings.finding import WindowFinding
from workbench.monitoring.looking.known import Known
from workbench.monitoring.looking.subject import Subject
from workbench.monitoring.looking.waiting import waits

__all__ = ["Asked", "find_asked", "stays"]


@dataclass(frozen=True)
class Asked:
    """When anybody was asked.

    Attributes
    ----------
    first, newest : datetime or None
        The first and the newest question, or the windows in which they lie; None when nobody was ever asked.
    past : datetime or None
        In what is recorded of windows that end by then, all of their rows are.
    """

    first: datetime | None
    newest: datetime | None
    past: datetime | None = None


def find_asked(subject: Subject, known: Known | None = None) -> Asked:
    """Look who was asked, but not in windows of which as many rows are recorded as there are."""
    recorded = _Recorded(() if known is None or known.news.everything else known.over)
    if (until := recorded.until) is not None:
        answerers, before = subject.asked(until)
        if before == recorded.rows:
            newest = max((one.last for one in answerers), default=recorded.newest)
            return Asked(recorded.first, newest, until)
    answerers, _ = subject.asked()
    if not answerers:
        return Asked(None, None)
    return Asked(min(one.first for one in answerers), max(one.last for one in answerers))


def stays(subject: Subject, recorded: WindowFinding, now: datetime, earlier: Sequence[WindowFinding]) -> bool:
    """Whether a window can be no other than it is recorded, if nobody was asked in it, or spoke of it, since,
    and it is judged by the same.

    Parameters
    ----------
    earlier : sequence of WindowFinding
        The windows before it, as they are known now.
    """
    for found in recorded.versions:
        # What could not be had then, as while a store was away, may be there now.
        if found.notes and found.notes != subject.served(found.version).notes:
            return False
        if found.skew is not None and found.skew.untried and subject.trains:
            return False
    return not any(waits(found, recorded.evaluated_at, now, earlier) for found in recorded.versions)


@dataclass(frozen=True)
class _Recorded:
    """What is recorded of windows that are over, the oldest first, up to the first that was not then."""

    findings: Sequence[WindowFinding]

    @cached_property
    def over(self) -> Sequence[WindowFinding]:
        number = next((at for at, found in enumerate(self.findings) if not found.over), len(self.findings))
        return self.findings[:number]

    @property
    def until(self) -> datetime | None:
        return self.over[-1].window.end if self.over else None

    @property
    def rows(self) -> int:
        return sum(finding.saw[0] for finding in self.over)

    @property
    def first(self) -> datetime:
        return self.over[0].window.start

    @property
    def newest(self) -> datetime | None:
        return next((found.window.start for found in reversed(self.over) if found.saw[0]), None)
