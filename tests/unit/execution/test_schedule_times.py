"""Scheduled times in their time zones, through both changes of clocks in each, and what is made up for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from workbench.config import ScheduleConfig
from workbench.execution.schedule.deciding import decide
from workbench.execution.schedule.times import next_time, passed

DAY = timedelta(days=1)


def schedule(cron: str, timezone: str = "UTC", **more: Any) -> ScheduleConfig:
    return ScheduleConfig(name="good", cron=cron, timezone=timezone, phases=("x",), code="following", **more)


def at(text: str, timezone: str = "UTC") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(timezone)).astimezone(UTC)


# The days on which clocks change, the hour that is left out, and the hour that comes twice.
ZONES = [
    ("America/New_York", "2026-03-08", 2, "2026-11-01", 1),
    ("Europe/Berlin", "2026-03-29", 2, "2026-10-25", 2),
    ("Australia/Sydney", "2026-10-04", 2, "2026-04-05", 2),
]


@pytest.mark.parametrize(("zone", "day", "gap", "_day", "_hour"), ZONES)
def test_a_time_that_is_left_out_comes_once_right_after_the_gap(
    zone: str, day: str, gap: int, _day: str, _hour: int
) -> None:
    start = at(day, zone) - DAY
    found = passed(schedule(f"30 {gap} * * *", zone), start, start + 3 * DAY, 100)
    local = [moment.astimezone(ZoneInfo(zone)).strftime("%H:%M") for moment in found.times]
    assert local == [f"0{gap}:30", f"0{gap + 1}:00", f"0{gap}:30"]


@pytest.mark.parametrize(("zone", "_day", "_hour", "day", "twice"), ZONES)
def test_a_time_that_exists_twice_comes_once_the_first_time(
    zone: str, _day: str, _hour: int, day: str, twice: int
) -> None:
    start = at(day, zone)
    daily = schedule(f"30 {twice} * * *", zone)
    found = passed(daily, start, start + DAY, 100)
    assert found.times == (at(f"{day}T0{twice}:30", zone),)
    between = found.times[0] + timedelta(minutes=40)  # in the hour that comes again
    assert next_time(daily, between) > start + DAY


@pytest.mark.parametrize(("zone", "spring", "_gap", "autumn", "_twice"), ZONES)
def test_what_runs_every_hour_keeps_its_pace_through_both_changes(
    zone: str, spring: str, _gap: int, autumn: str, _twice: int
) -> None:
    for day, hours in ((spring, 23), (autumn, 25)):
        start = at(day, zone)
        end = at((datetime.fromisoformat(day) + DAY).date().isoformat(), zone)
        for cron, times in (("0 * * * *", hours), ("*/15 * * * *", 4 * hours)):
            found = passed(schedule(cron, zone), start, end, 1000).times
            steps = {later - earlier for earlier, later in pairwise(found)}
            assert (len(found), steps) == (times, {timedelta(hours=hours) / times})


@pytest.mark.parametrize(("zone", "spring", "_gap", "autumn", "_twice"), ZONES)
def test_however_often_one_looks_the_times_are_the_same(
    zone: str, spring: str, _gap: int, autumn: str, _twice: int
) -> None:
    daily = schedule("15,45 0-4 * * *", zone)
    for day in (spring, autumn):
        start = at(day, zone) - DAY
        at_once = passed(daily, start, start + 3 * DAY, 1000).times
        step_by_step, moment = [], start
        while moment < start + 3 * DAY:
            step_by_step += passed(daily, moment, moment + timedelta(minutes=7), 1000).times
            moment += timedelta(minutes=7)
        followed, last = [], start
        while (last := next_time(daily, last)) <= start + 3 * DAY:
            followed.append(last)
        assert at_once == tuple(step_by_step) == tuple(followed)


def test_of_a_long_sleep_the_last_times_are_found_quickly() -> None:
    now = at("2026-06-01T12:00:30")
    found = passed(schedule("* * * * *"), now - 3650 * DAY, now, 3)
    assert found.times == tuple(at(f"2026-06-01T{clock}") for clock in ("11:58", "11:59", "12:00"))
    assert found.more
    assert passed(schedule("0 0 29 2 *"), now - 3650 * DAY, now, 5).times == (
        *(at("2020-02-29"), at("2024-02-29")),
    )


@pytest.mark.parametrize(
    ("missed", "run", "not_run"),
    [
        ("skip", ["08"], "07"),
        ("once", ["08"], "07"),
        ("all", ["06", "07", "08"], "05"),
    ],
)
def test_seven_days_asleep_and_awake_on_time(missed: Any, run: list[str], not_run: str) -> None:
    daily = schedule("0 6 * * *", missed=missed, most=3)
    now = at("2026-06-08T06:00:01")
    found = decide(daily, passed(daily, at("2026-06-01T06:00"), now, 1000), now)
    assert [f"{moment:%d}" for moment in found.run] == run
    assert f"{found.missed:%d}" == not_run
    assert found.note == f"no scheduler ran at {7 - len(run)} times up to this one"


@pytest.mark.parametrize(("missed", "run"), [("skip", []), ("once", ["08"]), ("all", ["07", "08"])])
def test_awake_at_noon(missed: Any, run: list[str]) -> None:
    daily = schedule("0 6 * * *", missed=missed)
    now = at("2026-06-08T12:00")
    found = decide(daily, passed(daily, at("2026-06-06T06:00"), now, 1000), now)
    assert [f"{moment:%d}" for moment in found.run] == run
    assert bool(found.missed) == (not run or missed == "once")
