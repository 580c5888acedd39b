"""From the raw table to one row a flight that arrived: each step a named function.

Times are UTC. Departures are scheduled in New York's time, arrivals in the time of the destination.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import pandas as pd

from workbench.errors import DataError

__all__ = [
    "ASKED_BEFORE",
    "LATE_AFTER",
    "REQUEST_COLUMNS",
    "add_asked_at",
    "add_flight_key",
    "add_outcome",
    "add_scheduled_arrival",
    "add_scheduled_departure",
    "clean",
    "cleaning_steps",
    "destination_zones",
    "drop_without_arrival",
    "typical_block_minutes",
]

#: A flight is late when it arrives more than this after its schedule.
LATE_AFTER = pd.Timedelta(minutes=15)
#: The model is asked this long before the scheduled departure.
ASKED_BEFORE = pd.Timedelta(hours=2)
#: What is known of a flight when the model is asked, before anything is looked up.
REQUEST_COLUMNS = (
    "carrier",
    "flight",
    "tailnum",
    "origin",
    "dest",
    "distance",
    "sched_dep",
    "sched_arr",
)
# The table of airports has none of these, and all of them keep Puerto Rico's time.
_PUERTO_RICO = dict.fromkeys(("BQN", "PSE", "SJU", "STT"), "America/Puerto_Rico")
_HALF_DAY, _DAY = 720, 1440
_UTC = "datetime64[us, UTC]"
Miles = TypeVar("Miles", pd.Series, np.ndarray)


def clean(flights: pd.DataFrame, airports: pd.DataFrame) -> pd.DataFrame:
    """One row a flight that arrived, with what was known before it and how it ended.

    Cancelled and diverted flights have no arrival, so no outcome to learn from: they are left out.

    Returns
    -------
    DataFrame
        ``flight_key``, ``asked_at``, the request columns, ``landed_at`` (when the outcome was known),
        ``arr_delay`` (minutes) and ``late``, in order of ``asked_at``.
    """
    frame = flights
    for _, step in _steps(airports):
        frame = step(frame)
    columns = ["flight_key", "asked_at", *REQUEST_COLUMNS, "landed_at", "arr_delay", "late"]
    return frame[columns].sort_values(["asked_at", "flight_key"], ignore_index=True)


def cleaning_steps(flights: pd.DataFrame, airports: pd.DataFrame) -> pd.DataFrame:
    """What each step of :func:`clean` does: its purpose, the rows it leaves, the columns it adds."""
    rows, frame = [], flights
    for name, step in _steps(airports):
        before, frame = frame, step(frame)
        added = [column for column in frame.columns if column not in before.columns]
        rows.append((name, len(frame), len(before) - len(frame), ", ".join(added)))
    return pd.DataFrame(rows, columns=["step", "rows", "dropped", "adds"]).set_index("step")


def _steps(airports: pd.DataFrame) -> list[tuple[str, Callable[[pd.DataFrame], pd.DataFrame]]]:
    zones = destination_zones(airports)
    return [
        ("drop_without_arrival", drop_without_arrival),
        ("add_flight_key", add_flight_key),
        ("add_scheduled_departure", add_scheduled_departure),
        ("add_scheduled_arrival", lambda frame: add_scheduled_arrival(frame, zones)),
        ("add_asked_at", add_asked_at),
        ("add_outcome", add_outcome),
    ]


def destination_zones(airports: pd.DataFrame) -> dict[str, str]:
    """The time zone of each airport by its code."""
    known = airports.dropna(subset="tzone")
    return _PUERTO_RICO | dict(zip(known["faa"], known["tzone"], strict=True))


def drop_without_arrival(flights: pd.DataFrame) -> pd.DataFrame:
    """Leave out flights that were cancelled or diverted."""
    return flights[flights["arr_delay"].notna()].reset_index(drop=True)


def add_flight_key(flights: pd.DataFrame) -> pd.DataFrame:
    """One text for each flight, such as ``2013-01-01T10:00Z-UA-1545-EWR``."""
    hours = flights["time_hour"].astype("category")
    # Formatting 7,000 hours and not 300,000 rows.
    text = hours.cat.rename_categories(hours.cat.categories.strftime("%Y-%m-%dT%H:%MZ")).astype("str")
    key = text + "-" + flights["carrier"] + "-" + flights["flight"].astype("str") + "-" + flights["origin"]
    return flights.assign(flight_key=key)


def add_scheduled_departure(flights: pd.DataFrame) -> pd.DataFrame:
    """``sched_dep``: the scheduled hour is in UTC already, so no change of clocks can harm."""
    minutes = pd.to_timedelta(flights["minute"], unit="min")
    return flights.assign(sched_dep=(flights["time_hour"] + minutes).astype(_UTC))


def add_scheduled_arrival(flights: pd.DataFrame, zones: dict[str, str]) -> pd.DataFrame:
    """``sched_arr``: the moment near a typical flight's end when clocks there show the scheduled time.

    The table gives the clock at the destination and no date. Of the moments with that clock time, a
    day apart, the one nearest to what the distance takes is meant; so neither midnight nor a change of
    clocks on the way can shift it.

    Raises
    ------
    DataError
        When a destination's time zone is not known.
    """
    unknown = sorted(set(flights["dest"].unique()) - set(zones))
    if unknown:
        raise DataError(
            f"the time zone of {', '.join(unknown)} is not known; add it to the table of airports"
        )
    block = pd.to_timedelta(typical_block_minutes(flights["distance"]).round(), unit="min")
    expected = flights["sched_dep"] + block
    shown = flights["sched_arr_time"] // 100 * 60 + flights["sched_arr_time"] % 100
    for _ in range(2):  # again, for the clocks may change between the first guess and the answer
        ahead = shown - _minute_of_day(expected, flights["dest"].map(zones))
        nearest = (ahead + _HALF_DAY) % _DAY - _HALF_DAY
        expected = expected + pd.to_timedelta(nearest, unit="min")
    return flights.assign(sched_arr=expected.astype(_UTC))


def typical_block_minutes(distance: Miles) -> Miles:
    """How long a flight of that many miles takes from gate to gate, roughly: 40 min and 450 mph."""
    return 40 + distance / 7.5


def add_asked_at(flights: pd.DataFrame) -> pd.DataFrame:
    """``asked_at``: when the model is asked about the flight."""
    return flights.assign(asked_at=flights["sched_dep"] - ASKED_BEFORE)


def add_outcome(flights: pd.DataFrame) -> pd.DataFrame:
    """``landed_at``, the moment from which the outcome is known, and ``late``, the target."""
    delay = pd.to_timedelta(flights["arr_delay"], unit="min")
    landed_at = (flights["sched_arr"] + delay).astype(_UTC)
    return flights.assign(landed_at=landed_at, late=delay > LATE_AFTER)


def _minute_of_day(moments: pd.Series, zones: pd.Series) -> pd.Series:
    """What clocks in each row's zone show at that moment, in minutes after midnight."""
    minutes = np.zeros(len(moments), dtype="int64")
    for zone, place in zones.reset_index(drop=True).groupby(zones.to_numpy()).indices.items():
        local = moments.iloc[place].dt.tz_convert(str(zone)).dt
        minutes[place] = local.hour * 60 + local.minute
    return pd.Series(minutes, index=moments.index)
