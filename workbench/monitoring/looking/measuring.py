"""Windows of a log measured: who answered, and how each of them fared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from workbench.monitoring.findings.finding import VersionFinding, WindowFinding
from workbench.monitoring.findings.windows import Window
from workbench.monitoring.looking.asked import look_at_asked, look_at_skew
from workbench.monitoring.looking.past import stays
from workbench.monitoring.looking.subject import Subject
from workbench.monitoring.looking.told import look_at_told, untold
from workbench.monitoring.looking.waiting import waits

if TYPE_CHECKING:
    from workbench.serving.log.answerers import Answerer

__all__ = ["Before", "OnWindow", "measure_windows"]

OnWindow = Callable[[int, int, Window], None]


@dataclass(frozen=True)
class Before:
    """What was found before.

    Attributes
    ----------
    findings : mapping
        Of each window, the oldest first.
    new : frozenset of Window
        Those of whose answers something new was said since; None for all.
    past : datetime or None
        In the findings of windows that end by then, all of their rows are.
    """

    findings: Mapping[Window, WindowFinding] = field(default_factory=dict)
    new: frozenset[Window] | None = None
    past: datetime | None = None

    def is_new(self, window: Window) -> bool:
        """Whether anything new was said of its answers."""
        return self.new is None or window in self.new

    def covers(self, window: Window, judged_by: str) -> bool:
        """Whether nobody was asked in it or spoke of it since it was found, and it is judged by the same."""
        found = self.findings.get(window)
        if found is None or self.past is None or window.end > self.past:
            return False
        return not self.is_new(window) and found.judged_by == judged_by


def measure_windows(
    subject: Subject,
    windows: Sequence[Window],
    before: Before,
    now: datetime,
    told: int | None,
    on_window: OnWindow | None = None,
) -> list[WindowFinding]:
    """Each of the windows as it is known ``now``; what stays as it was found is not looked at again.

    Parameters
    ----------
    told : int or None
        How much was said of any answers in the log; None for nothing ever.
    on_window : callable, optional
        Told how many windows are done, of how many, and which is next.
    """
    findings = [
        found
        for window, found in before.findings.items()
        if windows and window.end <= windows[0].start and subject.cuts(window)
    ]
    left_out = len(findings)
    fresh = [window for window in windows if not before.covers(window, subject.judged_by)]
    asked = dict(zip(fresh, subject.answerers_in(fresh, now), strict=True))
    for done, window in enumerate(windows):
        if on_window is not None:
            on_window(done, len(windows), window)
        known = before.findings.get(window)
        if window not in asked:
            if known is not None and stays(subject, known, now, findings):
                findings.append(known)
                continue
            (asked[window],) = subject.answerers_in([window], now)
        findings.append(
            _measure_window(
                subject,
                window,
                asked[window],
                now=now,
                told=told,
                new=before.is_new(window),
                earlier=findings,
                before=known,
            )
        )
    return findings[left_out:]


def _measure_window(
    subject: Subject,
    window: Window,
    answerers: Sequence[Answerer],
    *,
    now: datetime,
    told: int | None,
    new: bool,
    earlier: Sequence[WindowFinding] = (),
    before: WindowFinding | None = None,
) -> WindowFinding:
    """Look at a window as it is known ``now``.

    Parameters
    ----------
    answerers : sequence of Answerer
        Who was asked in it before now, the champion with most answers first.
    told : int or None
        How much was said of any answers in the log; None for nothing ever.
    new : bool
        Whether anything new was said of this window's.
    earlier : sequence of WindowFinding
        The windows before it, oldest first, as they are known now: for trends, and for how long labels take.
    before : WindowFinding, optional
        What was found when the window was looked at last. What cannot have changed since is kept.
    """
    # What is asked later than now, as in a replay, has not been asked yet.
    past = replace(window, end=min(window.end, now))
    # That nobody asked until the end can only be told when it is there.
    ended = before is not None and not before.over and window.end <= now
    known = _by_answerer(before.versions if before and not ended else ())
    fresh = [one for one in answerers if not _looked_at(subject, one, known)]
    found = known | _by_answerer(look_at_asked(subject, past, fresh, now, earlier))
    versions = list(
        _up_to_date(subject, past, [found[one.role, one.version] for one in answerers], answerers)
    )
    judged_by = subject.judged_by
    if (
        fresh
        or new
        or before is None
        or before.judged_by != judged_by
        or any(waits(item, before.evaluated_at, now, earlier) for item in before.versions)
    ):
        if told is None:
            versions = list(untold(subject, versions))
        elif versions:
            versions = list(look_at_told(subject, past, versions, now, earlier))
    return WindowFinding(window, tuple(versions), now, told or 0, judged_by)


def _by_answerer(versions: Iterable[VersionFinding]) -> dict[tuple[str, int], VersionFinding]:
    return {(item.role, item.version): item for item in versions}


def _looked_at(subject: Subject, one: Answerer, known: Mapping[tuple[str, int], VersionFinding]) -> bool:
    item = known.get((one.role, one.version))
    if item is None or (item.rows, item.failed) != (one.rows, one.failed):
        return False
    # What could not be had then, as while a store was away, may be there now.
    return not item.notes or item.notes == subject.served(one.version).notes


def _up_to_date(
    subject: Subject, window: Window, versions: Sequence[VersionFinding], answerers: Sequence[Answerer]
) -> Iterator[VersionFinding]:
    """Versions as they are judged now: the line may have moved, and the training path may be back."""
    for found, one in zip(versions, answerers, strict=True):
        drift = replace(found.drift, line=subject.config.drift_share)
        skew = found.skew
        if skew is not None and skew.untried and subject.trains:
            skew = look_at_skew(subject, window, one)
        yield replace(found, drift=drift, skew=skew)
