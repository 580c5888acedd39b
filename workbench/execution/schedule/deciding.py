"""Which of the times that have passed are run, and which are only put on record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from workbench.config import ScheduleConfig
from workbench.execution.schedule.times import Passed

__all__ = ["ON_TIME", "Decision", "decide"]

#: A time that is noticed within this is not one that was missed.
ON_TIME = timedelta(minutes=1)


@dataclass(frozen=True)
class Decision:
    """What becomes of scheduled times that have passed.

    Attributes
    ----------
    run : tuple of datetime
        One after the other, oldest first.
    missed : datetime or None
        The last of those that are not made up for; it stands on record for all of them.
    note : str
        How many these were.
    """

    run: tuple[datetime, ...] = ()
    missed: datetime | None = None
    note: str = ""


def decide(
    schedule: ScheduleConfig, passed: Passed, now: datetime, held_up: timedelta = timedelta()
) -> Decision:
    """Divide the times that have passed since the last one on record as the schedule says.

    Parameters
    ----------
    held_up : timedelta
        For so long we were there, and busy with something else: what came meanwhile is only late.
    """
    times = passed.times
    if not times:
        return Decision()
    on_time = now - times[-1] <= ON_TIME + held_up
    keep = {"skip": int(on_time), "once": 1, "all": schedule.most}[schedule.missed]
    left = times[: max(0, len(times) - keep)]
    if not left:
        return Decision(times)
    count = f"at least {len(left)}" if passed.more else str(len(left))
    why = "the scheduler was held up" if now - left[-1] <= held_up else "no scheduler ran"
    note = f"{why} at {'this time' if count == '1' else f'{count} times up to this one'}"
    return Decision(times[len(left) :], left[-1], note)
