"""Time cut into windows, by the calendar of the place that the project is about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

__all__ = ["Window", "WindowSize", "cut", "holding"]

#: ``day``, ``week`` (from Monday), ``month``, or a length of time.
WindowSize = str | timedelta

_DAY = timedelta(days=1)
# Windows of whole days are counted from a Monday, so that those of 7 days are weeks.
_ORIGIN = date(1970, 1, 5)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Window:
    """A stretch of time, ``[start, end)``, in UTC.

    Attributes
    ----------
    name : str
        Such as ``"2013-08"``; what is no month is called by the local day, or hour, on which it begins.
    """

    name: str
    start: datetime
    end: datetime


@lru_cache(maxsize=2048)
def holding(moment: datetime, size: WindowSize, timezone: str = "UTC") -> Window:
    """The window that holds a moment."""
    return cut(moment, moment, size, timezone)[-1]


def cut(first: datetime, last: datetime, size: WindowSize, timezone: str = "UTC") -> tuple[Window, ...]:
    """The windows from the one that holds ``first`` to the one that holds ``last``; aware times.

    Windows of whole days begin at local midnight (or when the clock first shows a later time, where it
    skips midnight), so some have an hour more or less than others; shorter ones are counted in UTC.
    """
    if isinstance(size, timedelta) and size % _DAY:
        return tuple(_of_hours(first, last, size, ZoneInfo(timezone)))
    zone = ZoneInfo(timezone)
    windows = []
    begin = _first_day(first.astimezone(zone).date(), size)
    while _midnight(begin, zone) <= last:
        following = _next_day(begin, size)
        name = f"{begin:%Y-%m}" if size == "month" else f"{begin:%Y-%m-%d}"
        start, end = _midnight(begin, zone), _midnight(following, zone)
        if start < end:  # a place that moves over the date line has skipped a day
            windows.append(Window(name, start, end))
        begin = following
    return tuple(windows)


def _of_hours(first: datetime, last: datetime, size: timedelta, zone: ZoneInfo) -> Iterator[Window]:
    start = _EPOCH + (first - _EPOCH) // size * size
    while start <= last:
        yield Window(f"{start.astimezone(zone):%Y-%m-%d %H:%M}", start, start + size)
        start += size


def _first_day(day: date, size: WindowSize) -> date:
    if size == "month":
        return day.replace(day=1)
    days = _days(size)
    return _ORIGIN + (day - _ORIGIN) // timedelta(days) * timedelta(days)


def _next_day(day: date, size: WindowSize) -> date:
    if size == "month":
        return (day + timedelta(days=32)).replace(day=1)
    return day + timedelta(_days(size))


def _days(size: WindowSize) -> int:
    return size // _DAY if isinstance(size, timedelta) else {"day": 1, "week": 7}[size]


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    # A midnight that the clock skips counts as before the change, which is the same moment as after it.
    return datetime.combine(day, time(), zone).astimezone(UTC)
