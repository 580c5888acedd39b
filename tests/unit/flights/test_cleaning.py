"""Cleaning: times in UTC, the right day of arrival, the outcome and when it was known."""

from __future__ import annotations

import pandas as pd
import pytest

from flights import cleaning, sources
from flights.cleaning import clean, cleaning_steps
from workbench.errors import DataError

from .conftest import Slice


def raw(dest: str, local: str, arrives: int, distance: int, delay: float | None = 0.0) -> pd.DataFrame:
    """A flight from JFK that leaves at ``local`` New York time."""
    departure = pd.Timestamp(local, tz="America/New_York").tz_convert("UTC").as_unit("us")
    return pd.DataFrame(
        {
            "time_hour": [departure.floor("h")],
            "minute": [departure.minute],
            "sched_arr_time": [arrives],
            "arr_delay": [delay],
            "carrier": ["B6"],
            "flight": [7],
            "tailnum": ["N1"],
            "origin": ["JFK"],
            "dest": [dest],
            "distance": [distance],
        }
    )


@pytest.mark.practice("D3")
@pytest.mark.parametrize(
    ("dest", "departs", "arrives", "distance", "sched_arr"),
    [
        pytest.param("BOS", "2013-01-05 09:00", 1010, 187, "2013-01-05 15:10", id="the same zone"),
        pytest.param("LAX", "2013-01-05 09:00", 1225, 2475, "2013-01-05 20:25", id="three zones west"),
        pytest.param("HNL", "2013-01-05 09:00", 1500, 4983, "2013-01-06 01:00", id="five zones west"),
        pytest.param("LAX", "2013-01-05 21:30", 57, 2475, "2013-01-06 08:57", id="past midnight there"),
        pytest.param("BOS", "2013-01-05 23:30", 41, 187, "2013-01-06 05:41", id="past midnight here"),
        pytest.param("ORD", "2013-01-05 23:50", 130, 740, "2013-01-06 07:30", id="past both midnights"),
        pytest.param("ORD", "2013-01-05 22:00", 2340, 740, "2013-01-06 05:40", id="midnight UTC alone"),
        pytest.param("SJU", "2013-01-05 23:59", 437, 1598, "2013-01-06 08:37", id="Puerto Rico in winter"),
        pytest.param("SJU", "2013-07-05 23:59", 337, 1598, "2013-07-06 07:37", id="Puerto Rico in summer"),
        pytest.param("PHX", "2013-07-05 09:00", 1130, 2153, "2013-07-05 18:30", id="Phoenix keeps no summer"),
        pytest.param(
            "MIA", "2013-03-09 23:30", 335, 1089, "2013-03-10 07:35", id="clocks go forward on the way"
        ),
        pytest.param("MIA", "2013-03-09 23:30", 155, 1089, "2013-03-10 06:55", id="just before they do"),
        pytest.param(
            "MIA", "2013-11-02 23:30", 139, 1089, "2013-11-03 06:39", id="clocks go back on the way"
        ),
    ],
)
def test_the_scheduled_arrival_is_on_the_right_day_in_the_right_zone(
    dest: str, departs: str, arrives: int, distance: int, sched_arr: str
) -> None:
    row = clean(raw(dest, departs, arrives, distance), sources.airports()).iloc[0]
    assert row["sched_arr"] == pd.Timestamp(sched_arr, tz="UTC")


@pytest.mark.practice("D3")
def test_clocks_at_every_destination_agree_with_what_the_airlines_wrote_down(year: pd.DataFrame) -> None:
    """The time of landing is computed from the schedule; the raw table has what the clock there showed."""
    changes = ((year["month"] == 3) & year["day"].between(8, 12)) | (
        (year["month"] == 11) & year["day"].between(1, 5)
    )
    summer = (year["month"] == 8) & (year["day"] <= 3)
    flights = cleaning.drop_without_arrival(year[changes | summer])
    airports = sources.airports()
    frame = clean(flights, airports)
    zones = frame["dest"].map(cleaning.destination_zones(airports))
    shown = pd.Series(index=frame.index, dtype="int64")
    for zone, rows in frame.groupby(zones):
        local = rows["landed_at"].dt.tz_convert(str(zone)).dt
        shown.loc[rows.index] = local.hour * 100 + local.minute
    keyed = cleaning.add_flight_key(flights).set_index("flight_key")["arr_time"]
    written = keyed[frame["flight_key"]].to_numpy() % 2400
    odd = frame.loc[shown.to_numpy() != written, "flight_key"].tolist()
    # One landed at three, an hour after the clocks went forward: its airline's clock still showed two.
    assert len(frame) > 10_000
    assert odd == ["2013-03-10T02:00Z-B6-35-JFK"]


def test_no_schedule_is_shorter_or_longer_than_a_flight_can_be(cleaned: pd.DataFrame) -> None:
    block = (cleaned["sched_arr"] - cleaned["sched_dep"]).dt.total_seconds() / 60
    typical = cleaning.typical_block_minutes(cleaned["distance"])
    assert block.between(30, 12 * 60).all()
    assert (block - typical).abs().max() < 150


@pytest.mark.parametrize(("delay", "late"), [(15.0, False), (16.0, True), (-20.0, False)])
def test_late_is_more_than_fifteen_minutes(delay: float, late: bool) -> None:
    row = clean(raw("BOS", "2013-01-05 09:00", 1010, 187, delay), sources.airports()).iloc[0]
    assert bool(row["late"]) is late


def test_asked_two_hours_before_and_known_at_landing() -> None:
    row = clean(raw("BOS", "2013-01-05 09:00", 1010, 187, 25.0), sources.airports()).iloc[0]
    assert row["sched_dep"] == pd.Timestamp("2013-01-05 14:00", tz="UTC")
    assert row["asked_at"] == pd.Timestamp("2013-01-05 12:00", tz="UTC")
    assert row["landed_at"] == pd.Timestamp("2013-01-05 15:35", tz="UTC")
    assert row["flight_key"] == "2013-01-05T14:00Z-B6-7-JFK"


def test_flights_without_an_arrival_are_left_out(march: Slice, cleaned: pd.DataFrame) -> None:
    arrived = march.flights["arr_delay"].notna()
    assert 0 < len(cleaned) == arrived.sum() < len(march.flights)


def test_an_unknown_destination_is_named() -> None:
    with pytest.raises(DataError, match="time zone of XXX is not known"):
        clean(raw("XXX", "2013-01-05 09:00", 1010, 187), sources.airports())


@pytest.mark.practice("L3")
def test_nothing_known_too_late_is_kept_but_the_outcome(cleaned: pd.DataFrame) -> None:
    assert set(cleaned.columns) == {
        "flight_key",
        "asked_at",
        *cleaning.REQUEST_COLUMNS,
        "landed_at",
        "arr_delay",
        "late",
    }
    assert cleaned["flight_key"].is_unique
    assert cleaned["asked_at"].is_monotonic_increasing
    assert (cleaned["landed_at"] > cleaned["asked_at"]).all()


@pytest.mark.practice("D3")
def test_the_steps_say_what_they_do(march: Slice, cleaned: pd.DataFrame) -> None:
    steps = cleaning_steps(march.flights, march.airports)
    assert steps.loc["drop_without_arrival", "dropped"] == len(march.flights) - len(cleaned)
    assert steps["rows"].iloc[-1] == len(cleaned)
    assert steps.loc["add_outcome", "adds"] == "landed_at, late"
    for name in steps.index:
        assert getattr(cleaning, name).__doc__
