"""Time cut into windows: months, weeks and days of a place, and shorter ones in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from workbench.monitoring.findings.windows import Window, WindowSize, cut

HOUR = timedelta(hours=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def names(first: str, last: str, size: WindowSize, timezone: str = "UTC") -> list[str]:
    return [window.name for window in cut(at(first), at(last), size, timezone)]


def test_months_are_those_of_the_calendar() -> None:
    found = cut(at("2026-11-15T12:00"), at("2027-02-03"), "month")
    assert [window.name for window in found] == ["2026-11", "2026-12", "2027-01", "2027-02"]
    assert found[0] == Window("2026-11", at("2026-11-01"), at("2026-12-01"))
    assert found[-1].end == at("2027-03-01")
    leap = cut(at("2028-02-29"), at("2028-02-29"), "month")
    assert [window.end - window.start for window in leap] == [timedelta(29)]


def test_weeks_begin_on_monday_and_seven_days_are_a_week() -> None:
    weeks = cut(at("2026-08-01"), at("2026-08-31"), "week")
    assert [window.name for window in weeks] == [
        *("2026-07-27", "2026-08-03", "2026-08-10", "2026-08-17", "2026-08-24", "2026-08-31"),
    ]
    assert {window.start.weekday() for window in weeks} == {0}
    assert cut(at("2026-08-01"), at("2026-08-31"), timedelta(7)) == weeks
    assert names("1969-12-31", "1970-01-05", "week") == ["1969-12-29", "1970-01-05"]


def test_windows_of_some_days_do_not_depend_on_where_one_begins_to_look() -> None:
    whole = cut(at("2026-08-01"), at("2026-09-01"), timedelta(3))
    for window in whole:
        assert cut(window.start, window.start, timedelta(3)) == (window,)
    assert cut(at("2026-08-20"), at("2026-09-01"), timedelta(3)) == whole[-5:]


@pytest.mark.parametrize("size", ["day", "week", "month", timedelta(5), 6 * HOUR, timedelta(hours=36)])
@pytest.mark.parametrize("timezone", ["UTC", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"])
def test_windows_follow_each_other_and_hold_both_ends(size: WindowSize, timezone: str) -> None:
    first, last = at("2026-03-07T23:59:59.999999"), at("2026-04-07T00:00")
    found = cut(first, last, size, timezone)
    assert all(one.end == other.start for one, other in pairwise(found))
    assert all(window.start < window.end for window in found)
    assert found[0].start <= first < found[0].end
    assert found[-1].start <= last < found[-1].end
    assert len({window.name for window in found}) == len(found)


def test_a_moment_between_two_windows_is_in_the_later_one() -> None:
    assert names("2026-09-01", "2026-09-01", "month") == ["2026-09"]
    assert names("2026-08-31T23:59:59.999999", "2026-09-01", "month") == ["2026-08", "2026-09"]
    assert names("2026-09-01T06:00", "2026-09-01T06:00", 6 * HOUR) == ["2026-09-01 06:00"]


def test_the_month_begins_where_the_project_lives() -> None:
    (found,) = cut(at("2026-08-01T02:00"), at("2026-08-01T02:00"), "month", "America/New_York")
    assert found == Window("2026-07", at("2026-07-01T04:00"), at("2026-08-01T04:00"))


def test_days_on_which_clocks_change_have_23_or_25_hours() -> None:
    spring = cut(at("2026-03-07T12:00"), at("2026-03-09T12:00"), "day", "America/New_York")
    assert [window.end - window.start for window in spring] == [24 * HOUR, 23 * HOUR, 24 * HOUR]
    autumn = cut(at("2026-11-01T12:00"), at("2026-11-01T12:00"), "day", "America/New_York")
    assert autumn == (Window("2026-11-01", at("2026-11-01T04:00"), at("2026-11-02T05:00")),)


def test_a_day_without_midnight_begins_when_the_clock_does() -> None:
    found = cut(at("2018-11-03T12:00"), at("2018-11-04T12:00"), "day", "America/Sao_Paulo")
    # At 00:00 it became 01:00 there.
    assert [window.start for window in found] == [at("2018-11-03T03:00"), at("2018-11-04T03:00")]
    assert found[1].end - found[1].start == 23 * HOUR
    (first,) = cut(at("2018-11-04T03:00"), at("2018-11-04T03:00"), "day", "America/Sao_Paulo")
    assert first == found[1]


def test_a_day_with_two_midnights_begins_with_the_first() -> None:
    (found,) = cut(at("2026-11-01T12:00"), at("2026-11-01T12:00"), "day", "America/Havana")
    assert found == Window("2026-11-01", at("2026-11-01T04:00"), at("2026-11-02T05:00"))


def test_a_day_that_a_place_skipped_is_no_window() -> None:
    found = cut(at("2011-12-29T12:00"), at("2011-12-31T12:00"), "day", "Pacific/Apia")
    assert [window.name for window in found] == ["2011-12-29", "2011-12-31", "2012-01-01"]


def test_shorter_windows_are_counted_in_utc_and_named_by_the_local_clock() -> None:
    found = cut(at("2026-11-01T03:00"), at("2026-11-01T12:00"), 6 * HOUR, "America/New_York")
    assert [window.start for window in found] == [at(f"2026-11-01T{hour:02}:00") for hour in (0, 6, 12)]
    assert [window.name for window in found] == ["2026-10-31 20:00", "2026-11-01 01:00", "2026-11-01 07:00"]
    assert cut(at("1969-12-31T23:00"), at("1969-12-31T23:00"), 6 * HOUR)[0].start == at("1969-12-31T18:00")
