"""What clocks show somewhere: from UTC to local time, without pandas, which a server has no time for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

__all__ = ["local_time"]

_HOUR = 3_600_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOT_A_TIME = np.iinfo(np.int64).min
# From so many rows on it pays to look for the distinct hours first.
_MANY = 256


def local_time(moments: NDArray[np.datetime64], zone: str) -> NDArray[np.datetime64]:
    """What clocks in a zone show at moments in UTC.

    Parameters
    ----------
    moments : array of datetime64
        UTC.
    zone : str
        A name of the time zone database, such as ``"America/New_York"``.

    Returns
    -------
    array of datetime64[us]
        Local time; missing where a moment is missing or lies outside of the years 1 to 9999.

    Raises
    ------
    zoneinfo.ZoneInfoNotFoundError
        There is no such zone.
    """
    times = moments.astype("datetime64[us]", copy=False).view(np.int64)
    if len(times) < _MANY:
        shown = [_shown(zone, time) for time in times.tolist()]
        return np.array(shown, dtype=np.int64).view("datetime64[us]")
    hours, place = np.unique(times // _HOUR, return_inverse=True)
    offsets = [_offset(zone, hour) for hour in hours.tolist()]
    known = np.array([offset is not None for offset in offsets])[place]
    local = times + np.array([offset or 0 for offset in offsets], dtype=np.int64)[place]
    # Hours in which the clocks change are few, and each moment of them is asked by itself.
    local[~known] = [_shown(zone, time) for time in times[~known].tolist()]
    return local.view("datetime64[us]")


def _shown(zone: str, time: int) -> int:
    offset = _offset(zone, time // _HOUR)
    if offset is None:
        offset = _offset_at(zone, time)
    return _NOT_A_TIME if offset is None else time + offset


@lru_cache(maxsize=2**15)
def _offset(zone: str, hour: int) -> int | None:
    """The offset from UTC during an hour, in microseconds; None if it changes within, or is not known."""
    first, last = _offset_at(zone, hour * _HOUR), _offset_at(zone, (hour + 1) * _HOUR - 1)
    return first if first == last else None


def _offset_at(zone: str, time: int) -> int | None:
    try:
        offset = (_EPOCH + timedelta(microseconds=time)).astimezone(ZoneInfo(zone)).utcoffset()
    except (OverflowError, ValueError):
        return None
    return None if offset is None else offset // timedelta(microseconds=1)
