"""How much was asked when, and when nothing was though it should have been."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["Hours", "Silence", "Volume"]

_HOUR = 3_600_000_000  # microseconds
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Windows of up to a month are told by the hour.
_MOST_HOURS = 24 * 31
_MOST_DAYS = 3660
# By chance alone, nothing comes where so many are expected once in e^20 times.
_EXPECTED = 20.0
_FEWEST_DAYS = 2


@dataclass(frozen=True)
class Volume:
    """Rows by the hour or the day in which they were asked, UTC, from the one that begins at ``start`` on."""

    period: Literal["hour", "day"]
    start: datetime | None
    rows: tuple[int, ...]


@dataclass(frozen=True)
class Silence:
    """Whole hours in which nothing was asked, and about how many rows are usual in them."""

    start: datetime
    end: datetime
    expected: float

    def __str__(self) -> str:
        hours = (self.end - self.start) / timedelta(hours=1)
        usual = f"about {self.expected:,.0f} rows are usual"
        return f"{hours:g} h from {self.start:%Y-%m-%d %H:%M} UTC on, where {usual}"


class Hours:
    """Counts rows by the hour of asking."""

    def __init__(self) -> None:
        self._rows: Counter[int] = Counter()

    def add(self, asked_at: NDArray[Any]) -> None:
        """Count moments, in microseconds since 1970."""
        hours, rows = np.unique(asked_at // _HOUR, return_counts=True)
        self._rows.update(dict(zip(hours.tolist(), rows.tolist(), strict=True)))

    def volume(self) -> Volume:
        """By the hour, or by the day where that would be too many; of a very long time the newest part."""
        if not self._rows:
            return Volume("hour", None, ())
        if max(self._rows) - min(self._rows) < _MOST_HOURS:
            return _volume("hour", self._rows, timedelta(hours=1))
        days: Counter[int] = Counter()
        for hour, rows in self._rows.items():
            days[hour // 24] += rows
        return _volume("day", days, timedelta(days=1))

    def silences(self, until: datetime | None = None) -> tuple[Silence, ...]:
        """Stretches of hours without a row, between the first and the last or up to ``until``.

        Some are expected where the same hours of other days have rows (the median of them; working days and
        weekends each by themselves), so that nights are no finding. Of hours for which there are no two days
        to go by, nothing is expected.
        """
        if not self._rows:
            return ()
        first, end = min(self._rows), max(self._rows)
        if until is not None:
            end = max(end, (until - _EPOCH) // timedelta(hours=1))
        if end - first > 24 * _MOST_DAYS:
            return ()
        rows = np.array([self._rows[hour] for hour in range(first, end)], dtype=float)
        expected = _usual(first, rows)
        edges = np.flatnonzero(np.diff(np.concatenate([[False], rows == 0, [False]]).astype(int)))
        return tuple(
            Silence(_moment(first + begin), _moment(first + finish), float(expected[begin:finish].sum()))
            for begin, finish in edges.reshape(-1, 2).tolist()
            if expected[begin:finish].sum() >= _EXPECTED
        )


def _usual(first: int, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each hour from ``first`` on, the median of the same hour over the days of its kind."""
    hours = first + np.arange(len(rows))
    weekend = (hours // 24 + 3) % 7 >= 5  # the first of January 1970 was a Thursday
    kinds = hours % 24 + 24 * weekend
    expected = np.zeros(len(rows))
    for kind in np.unique(kinds):
        alike = kinds == kind
        if alike.sum() >= _FEWEST_DAYS:
            expected[alike] = np.median(rows[alike])
    return expected


def _volume(period: Literal["hour", "day"], rows: Counter[int], length: timedelta) -> Volume:
    last = max(rows)
    first = max(min(rows), last - _MOST_DAYS)
    return Volume(period, _EPOCH + first * length, tuple(rows[at] for at in range(first, last + 1)))


def _moment(hour: int) -> datetime:
    return _EPOCH + hour * timedelta(hours=1)
