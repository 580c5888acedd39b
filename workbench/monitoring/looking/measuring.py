"""One window of a log measured: who answered, and how each of them fared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from workbench.monitoring.findings.finding import VersionFinding, WindowFinding
from workbench.monitoring.findings.windows import Window
from workbench.monitoring.looking.asked import look_at_asked
from workbench.monitoring.looking.subject import Subject
from workbench.monitoring.looking.told import look_at_told, untold, usual_of
from workbench.monitoring.performance import Performance, UsualLabels

if TYPE_CHECKING:
    from workbench.serving.log.answerers import Answerer

__all__ = ["measure_window"]


def measure_window(
    subject: Subject,
    window: Window,
    *,
    now: datetime,
    told: int,
    earlier: Sequence[WindowFinding] = (),
    before: WindowFinding | None = None,
) -> WindowFinding:
    """Look at a window as it is known ``now``.

    Parameters
    ----------
    told : int
        How often, by now, anybody said what is true of an answer in the log, or what they think of it.
    earlier : sequence of WindowFinding
        The windows before it, oldest first, as they are known now: for trends, and for how long labels take.
    before : WindowFinding, optional
        What was found when the window was looked at last. What cannot have changed since is kept.
    """
    # What is asked later than now, as in a replay, has not been asked yet.
    past = replace(window, end=min(window.end, now))
    answerers = subject.answerers(past.start, past.end)
    # That nobody asked until the end can only be told when it is there.
    ended = before is not None and not before.over and window.end <= now
    known = _by_answerer(before.versions if before and not ended else ())
    fresh = [one for one in answerers if not _looked_at(subject, one, known)]
    found = known | _by_answerer(look_at_asked(subject, past, fresh, now, earlier))
    versions = [found[one.role, one.version] for one in answerers]
    if fresh or before is None or told != before.told or not _settled(before, earlier):
        if told:
            versions = list(look_at_told(subject, past, versions, now, earlier))
        else:
            versions = list(untold(subject, versions))
    return WindowFinding(window, tuple(versions), now, told)


def _by_answerer(versions: Iterable[VersionFinding]) -> dict[tuple[str, int], VersionFinding]:
    return {(item.role, item.version): item for item in versions}


def _looked_at(subject: Subject, one: Answerer, known: Mapping[tuple[str, int], VersionFinding]) -> bool:
    item = known.get((one.role, one.version))
    if item is None or (item.rows, item.failed) != (one.rows, one.failed):
        return False
    # What could not be had then, as while a store was away, may be there now.
    return not item.notes or item.notes == subject.served(one.version).notes


def _settled(before: WindowFinding, earlier: Sequence[WindowFinding]) -> bool:
    """Whether time alone changes nothing; labels that are not in can become overdue."""
    usual = usual_of(earlier)
    return not any(_waits(item.performance, usual) for item in before.versions)


def _waits(found: Performance | None, usual: UsualLabels | None) -> bool:
    if found is None or found.labels is None:
        return found is None
    overdue_some_day = usual is not None and found.rows > 0 and found.labels.state == "early"
    return overdue_some_day or (found.labelled > 0 and not found.labels.judged)
