"""Which windows of a log there are to look at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from workbench.monitoring.findings.windows import Window
from workbench.monitoring.looking.past import Asked
from workbench.monitoring.looking.subject import Subject

__all__ = ["MOST_WINDOWS", "Spans", "spans"]

#: A clock that was wrong once must not make thousands of empty windows.
MOST_WINDOWS = 400


@dataclass(frozen=True)
class Spans:
    """The windows, the oldest first, and what lies in none of them."""

    windows: tuple[Window, ...]
    notes: tuple[str, ...]


def spans(
    subject: Subject,
    asked: Asked,
    now: datetime,
    most: int = MOST_WINDOWS,
    *,
    replayed: bool = False,
    silence: bool = False,
) -> Spans:
    """The windows in which anybody was asked, and those between, up to now.

    Parameters
    ----------
    most : int
        So many at most, the newest.
    replayed : bool
        What was asked later than now is no mistake.
    silence : bool
        The first window in which nobody asked any more is one of them.
    """
    first, newest = asked.first, asked.newest
    if first is None or newest is None:
        one = subject.version
        return Spans(
            (), ("nobody has been asked yet" if one is None else f"v{one} has answered nothing in this log",)
        )
    notes: list[str] = []
    if newest > now and not replayed:
        notes.append(
            f"a clock is wrong: something was asked at {newest:%Y-%m-%d %H:%M} UTC, which is yet to come"
        )
    skipped, length = 0, subject.config.length
    until = min(newest, now)
    if silence and subject.after(until).end <= now:
        until = subject.after(until).start
    if length is not None:  # since a clock was wrong, there may be millions
        skipped = max(0, (until - first) // length - most)
        first += skipped * length
    # A window that begins just now has nothing to show.
    windows = tuple(window for window in subject.windows(first, until) if window.start < now)
    skipped += max(0, len(windows) - most)
    if skipped:
        notes.append(f"{skipped:,} windows before {windows[-most:][0].name} were not looked at")
    return Spans(windows[-most:], tuple(notes))
