"""The clock is passed in, never taken, so that simulated time drives the same code as real time.

Two kinds of time are told apart. When something *happened* (a prediction, a promotion, a scheduled time, an
alert) goes by the project's clock, which :func:`project_clock` gives and which can be set. How long something
*takes* (a lease, a timeout, a run) goes by the machine's own, which nobody sets.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from workbench.errors import UsageError

__all__ = ["SETTING", "Clock", "SetClock", "SimulatedClock", "SystemClock", "project_clock"]

#: The environment variable that names the file of a :class:`SetClock`.
SETTING = "WORKBENCH_CLOCK"


class Clock(Protocol):
    """Tells the time as an aware UTC datetime."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass
class SimulatedClock:
    """A clock that stands still until it is set; used by replays and tests."""

    time: datetime

    def now(self) -> datetime:
        return self.time


@dataclass(frozen=True)
class SetClock:
    """A clock that shows what stands in a file: one simulated time for several processes.

    It is set by writing the file anew (:meth:`set`), and stands still until then.
    """

    path: Path

    def now(self) -> datetime:
        """The time in the file.

        Raises
        ------
        UsageError
            The file cannot be read, or holds no ISO time with its offset from UTC.
        """
        try:
            text = self.path.read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else "it is no text"
            raise UsageError(f"{SETTING} names {self.path}, which cannot be read: {why}") from None
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            found = None
        if found is None or found.tzinfo is None:
            raise UsageError(
                f"{SETTING} names {self.path}, which holds {text[:40]!r}; "
                "a time such as 2013-12-01T05:00:00+00:00 is meant"
            )
        return found.astimezone(UTC)

    def set(self, time: datetime) -> None:
        """Let all who look see another time; nobody ever sees half of it."""
        draft = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        draft.write_text(f"{time.isoformat()}\n", encoding="utf-8")
        draft.replace(self.path)


def project_clock() -> Clock:
    """The clock by which things happen: the one that ``WORKBENCH_CLOCK`` names, else the machine's own.

    Raises
    ------
    UsageError
        It names no absolute path.
    """
    named = os.environ.get(SETTING)
    if not named:
        return SystemClock()
    if not os.path.isabs(named):
        raise UsageError(f"{SETTING} is {named!r}; an absolute path is meant, for processes anywhere")
    return SetClock(Path(named))
