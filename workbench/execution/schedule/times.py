"""The times that cron expressions name, in their time zones.

cronsim does the cron, as Debian's does: a time of day that a change of clocks leaves out comes right after
the gap, and one that comes twice is meant once, the first time. What runs every so often (a ``*`` for the
minute or the hour) goes on at its pace.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim

from workbench.config import ScheduleConfig

__all__ = ["Passed", "next_time", "passed"]

# A local time names another moment where clocks change: begin before that, and leave out what is too early.
_AROUND = timedelta(hours=4)


@dataclass(frozen=True)
class Passed:
    """The scheduled times of a span, oldest first.

    Attributes
    ----------
    times : tuple of datetime
        In UTC; the last ones, where there are more than were asked for.
    more : bool
        Whether there were earlier ones in the span.
    """

    times: tuple[datetime, ...]
    more: bool = False


def next_time(schedule: ScheduleConfig, after: datetime) -> datetime:
    """The first scheduled time after a moment, in UTC."""
    return next(_times(schedule, after))


def passed(schedule: ScheduleConfig, since: datetime, until: datetime, most: int) -> Passed:
    """The last scheduled times after ``since``, up to ``until``: at most so many."""
    span = timedelta(hours=1)
    while True:
        begin = max(since, until - span)
        times = []
        for moment in _times(schedule, begin):
            if moment > until:
                break
            times.append(moment)
        if begin == since or len(times) > most:
            return Passed(tuple(times[-most:]), len(times) > most)
        span *= 4


def _times(schedule: ScheduleConfig, after: datetime) -> Iterator[datetime]:
    last = after
    local = (after - _AROUND).astimezone(ZoneInfo(schedule.timezone))
    for found in CronSim(schedule.cron, local):
        moment = found.astimezone(UTC)
        if moment > last:
            last = moment
            yield moment
