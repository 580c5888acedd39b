"""What sections of ``workbench.toml`` are made of: names, durations, sizes, time zones, times of cron."""

from __future__ import annotations

import difflib
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ByteSize, ConfigDict, Field

__all__ = ["MODULE", "NAME", "REFERENCE", "Cron", "Duration", "Section", "Size", "TimeZone"]

NAME = r"^[a-z][a-z0-9_-]*$"
MODULE = r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$"
REFERENCE = r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$"
_UNITS = {"s": "seconds", "min": "minutes", "h": "hours", "d": "days", "day": "days", "days": "days"}


def _seconds(value: Any) -> Any:
    """``"30 min"`` as a duration; a plain number counts seconds."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", value)
    if match is None or (match[2] and match[2] not in _UNITS):
        raise ValueError('a duration is a number and a unit, such as "90 s", "30 min", "2 h" or "7 d"')
    return timedelta(**{_UNITS[match[2] or "s"]: float(match[1])})


def _on_the_map(timezone: str) -> str:
    import zoneinfo

    try:
        zoneinfo.ZoneInfo(timezone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        near = difflib.get_close_matches(timezone, zoneinfo.available_timezones(), n=1)
        advice = f"did you mean {near[0]!r}?" if near else 'a name such as "Europe/Berlin" is meant'
        raise ValueError(f"no time zone {timezone!r}; {advice}") from None
    return timezone


def _ever(cron: str) -> str:
    from cronsim import CronSim, CronSimError

    meant = "five fields are meant: minute, hour, day of the month, month, day of the week"
    if len(cron.split()) != 5:
        raise ValueError(meant)
    try:
        next(CronSim(cron, datetime(2024, 1, 1, tzinfo=UTC)))
    except CronSimError as error:
        raise ValueError(f"{str(error).lower()}; {meant}") from None
    except StopIteration:
        raise ValueError("there is no such day") from None
    return cron


Cron = Annotated[str, AfterValidator(_ever)]
Duration = Annotated[timedelta, BeforeValidator(_seconds), Field(gt=timedelta(0))]
Size = Annotated[ByteSize, Field(gt=0)]
TimeZone = Annotated[str, AfterValidator(_on_the_map)]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
