"""What clocks show somewhere, against pandas."""

from __future__ import annotations

from zoneinfo import ZoneInfoNotFoundError

import numpy as np
import pandas as pd
import pytest

from workbench.data.local_time import local_time


def by_pandas(moments: np.ndarray, zone: str) -> np.ndarray:
    return pd.DatetimeIndex(moments, tz="UTC").tz_convert(zone).tz_localize(None).as_unit("us").to_numpy()


@pytest.mark.parametrize(
    "zone",
    [
        "America/New_York",
        "Australia/Lord_Howe",  # by half an hour, at half past
        "America/St_Johns",  # at a minute past midnight, until 2011
        "Asia/Kathmandu",
        "UTC",
    ],
)
@pytest.mark.parametrize("at_once", [1, 100_000])
def test_agrees_with_pandas_around_every_change_of_clocks(zone: str, at_once: int) -> None:
    random = np.random.default_rng(0)
    minutes = np.arange("2006-01-01", "2016-01-01", 10, dtype="datetime64[m]")
    hours = minutes[:-1][
        by_pandas(minutes[1:], zone) - by_pandas(minutes[:-1], zone) != np.timedelta64(10, "m")
    ]
    assert len(hours) == (20 if zone not in ("UTC", "Asia/Kathmandu") else 0)
    around = (hours[:, None] + np.arange(-90, 91)).ravel().astype("datetime64[us]")
    anywhere = minutes.astype("datetime64[us]")[random.integers(0, len(minutes), 400)]
    moments = np.concatenate([around, around + 59_999_999, anywhere])
    found = np.concatenate(
        [local_time(moments[start : start + at_once], zone) for start in range(0, len(moments), at_once)]
    )
    assert found.dtype == np.dtype("datetime64[us]")
    np.testing.assert_array_equal(found, by_pandas(moments, zone))


def test_before_1970_too() -> None:
    moments = np.array(["1965-07-01T03:59:59.5", "1883-11-18T16:59:59", "1883-11-18T17:00"], "datetime64[us]")
    shown = ["1965-06-30T23:59:59.5", "1883-11-18T12:03:57", "1883-11-18T12:00"]
    np.testing.assert_array_equal(
        local_time(moments, "America/New_York"), np.array(shown, dtype="datetime64[us]")
    )


@pytest.mark.parametrize("count", [1, 300])
def test_a_moment_that_is_missing_or_beyond_the_calendar_is_missing(count: int) -> None:
    for text in ("NaT", "0000-12-31T20:00", "0001-01-01T00:00", "9999-12-31T23:00", "+20000-01-01"):
        found = local_time(np.array([text] * count, dtype="datetime64[us]"), "America/New_York")
        # The last moments of the calendar exist in New York, the first do not.
        assert np.isnat(found).all() == (text[:4] != "9999")


@pytest.mark.parametrize("unit", ["s", "ms", "ns"])
def test_other_resolutions(unit: str) -> None:
    found = local_time(np.array(["2013-07-01T12:00"], dtype=f"datetime64[{unit}]"), "Europe/Berlin")
    assert found.tolist() == [pd.Timestamp("2013-07-01 14:00")]


def test_nothing_at_all_and_no_such_zone() -> None:
    assert len(local_time(np.array([], dtype="datetime64[us]"), "America/New_York")) == 0
    with pytest.raises(ZoneInfoNotFoundError):
        local_time(np.array(["2013-07-01"], dtype="datetime64[us]"), "America/Gotham")
