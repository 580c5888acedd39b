"""The model's input: what each feature means, and how raw rows become features.

:func:`build` is the one way there, for training and for serving. It sees a flight as it is known two
hours before departure, and looks everything with a memory up as of the moment of asking.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from flights.cleaning import typical_block_minutes
from workbench.data.features import Feature, MemorySpec, PointInTimeTable

__all__ = ["FEATURES", "MEMORY", "REQUEST", "build", "memory_keys", "memory_status"]

#: What a raw row has.
REQUEST = {
    "carrier": "category",
    "flight": "number",
    "tailnum": "category",
    "origin": "category",
    "dest": "category",
    "distance": "number",
    "sched_dep": "time",
    "sched_arr": "time",
}

_WEATHER = ("temperature", "humidity", "wind_speed", "wind_gust", "precipitation", "pressure", "visibility")
_LANDINGS = ("late_share_24h", "mean_delay_24h", "late_share_7d", "mean_delay_7d", "landings_7d")

#: What each memory dataset holds, and from which age on a row says nothing any more.
MEMORY: dict[str, MemorySpec] = {
    "weather_memory": MemorySpec("origin", _WEATHER, pd.Timedelta(hours=6)),
    "carrier_memory": MemorySpec("carrier", _LANDINGS[:-1], pd.Timedelta(hours=36)),
    "route_memory": MemorySpec("route", _LANDINGS, pd.Timedelta(hours=36)),
    "aircraft_memory": MemorySpec("tailnum", ("year_built", "seats")),
}

_DESK, _OPERATIONS, _FLEET = "schedules@example.org", "operations@example.org", "fleet@example.org"


def _number(name: str, unit: str, definition: str, owner: str, *inputs: str) -> Feature:
    return Feature(name, "number", unit, definition, owner, inputs)


def _observed(name: str, unit: str, definition: str, source: str) -> Feature:
    text = f"{definition} at the origin, as last published when the model is asked (at most 6 h old)."
    return _number(name, unit, text, _OPERATIONS, f"weather.{source}", f"weather_memory.{name}")


def _lately(of: str, value: str, unit: str, definition: str) -> Feature:
    text = f"{definition} (from flights that had landed when the model is asked)."
    inputs = ("flights.arr_delay", "flights.sched_arr_time", f"{of}_memory.{value}")
    return _number(f"{of}_{value}", unit, text, _OPERATIONS, *inputs)


FEATURES: tuple[Feature, ...] = (
    Feature("carrier", "category", "", "The airline that sells the flight.", _DESK, ("flights.carrier",)),
    Feature("origin", "category", "", "The airport it leaves from.", _DESK, ("flights.origin",)),
    _number(
        "departure_hour", "h", "Scheduled departure in New York's time, 0 to 24.", _DESK, "flights.time_hour"
    ),
    _number("weekday", "day", "Day of departure in New York, 0 is Monday.", _DESK, "flights.time_hour"),
    _number("distance", "mile", "Distance to the destination.", _DESK, "flights.distance"),
    _number(
        "schedule_padding",
        "min",
        "Scheduled time from gate to gate less what the distance typically takes (40 min and 450 mph).",
        _DESK,
        "flights.sched_dep_time",
        "flights.sched_arr_time",
        "flights.distance",
        "airports.tzone",
    ),
    _observed("temperature", "°F", "Temperature", "temp"),
    _observed("humidity", "%", "Relative humidity", "humid"),
    _observed("wind_speed", "mph", "Wind speed", "wind_speed"),
    _observed("wind_gust", "mph", "Speed of gusts (of the wind when none are reported)", "wind_gust"),
    _observed("precipitation", "inch/h", "Precipitation", "precip"),
    _observed("pressure", "mbar", "Air pressure at sea level", "pressure"),
    _observed("visibility", "mile", "Visibility (10 and more count as 10)", "visib"),
    _lately("carrier", "late_share_24h", "share", "Late share of the carrier's landings of the last day"),
    _lately(
        "carrier", "mean_delay_24h", "min", "Mean arrival delay of the carrier's landings of the last day"
    ),
    _lately("carrier", "late_share_7d", "share", "Late share of the carrier's landings of the last week"),
    _lately(
        "carrier", "mean_delay_7d", "min", "Mean arrival delay of the carrier's landings of the last week"
    ),
    _lately("route", "late_share_24h", "share", "Late share of the route's landings of the last day"),
    _lately("route", "mean_delay_24h", "min", "Mean arrival delay of the route's landings of the last day"),
    _lately("route", "late_share_7d", "share", "Late share of the route's landings of the last week"),
    _lately("route", "mean_delay_7d", "min", "Mean arrival delay of the route's landings of the last week"),
    _lately("route", "landings_7d", "flights", "Count of the route's landings of the last week"),
    _number(
        "aircraft_age",
        "year",
        "Years since the aircraft was built, by the register.",
        _FLEET,
        "flights.tailnum",
        "planes.year",
        "aircraft_memory.year_built",
    ),
    _number(
        "aircraft_seats",
        "seats",
        "Seats of the aircraft, by the register.",
        _FLEET,
        "flights.tailnum",
        "planes.seats",
        "aircraft_memory.seats",
    ),
)


_NUMBERS = tuple(feature.name for feature in FEATURES if feature.kind == "number")


def build(rows: pd.DataFrame, memory: Mapping[str, PointInTimeTable], asked_at: pd.Series) -> pd.DataFrame:
    """The features of raw rows, as known when the model is asked.

    Parameters
    ----------
    rows : DataFrame
        The columns of :data:`REQUEST`; times as UTC timestamps or ISO text.
    memory : mapping of PointInTimeTable
        One for each of :data:`MEMORY`.
    asked_at : Series of datetime64 with time zone
        The moment of asking, row by row.

    Returns
    -------
    DataFrame
        Exactly the columns of :data:`FEATURES` in their order, indexed like ``rows``: categories as
        text (``"missing"`` where there is none), numbers as float64 (NaN where nothing is known).
    """
    moments = pd.DatetimeIndex(asked_at)
    sched_dep, sched_arr = _utc(rows["sched_dep"]), _utc(rows["sched_arr"])
    local = sched_dep.tz_convert("America/New_York")
    distance = rows["distance"].to_numpy(dtype="float64", na_value=np.nan)
    block = (sched_arr - sched_dep).total_seconds() / 60
    keys = memory_keys(rows)
    seen = {name: table.values_at(keys[name], moments) for name, table in memory.items()}
    numbers = {
        "departure_hour": local.hour + local.minute / 60,
        "weekday": local.dayofweek,
        "distance": distance,
        "schedule_padding": block - typical_block_minutes(distance),
        "aircraft_age": moments.year - seen["aircraft_memory"]["year_built"],
        "aircraft_seats": seen["aircraft_memory"]["seats"],
        **seen["weather_memory"],
        **{f"carrier_{name}": found for name, found in seen["carrier_memory"].items()},
        **{f"route_{name}": found for name, found in seen["route_memory"].items()},
    }
    # One block of numbers: a frame of many single columns costs a server more than the lookups do.
    block_of_numbers = np.column_stack([np.asarray(numbers[name], dtype="float64") for name in _NUMBERS])
    frame = pd.DataFrame(block_of_numbers, columns=list(_NUMBERS), index=rows.index, copy=False)
    for place, feature in enumerate(FEATURES):
        if feature.kind == "category":
            frame.insert(place, feature.name, _category(rows[feature.name]))
    return frame


def memory_keys(rows: pd.DataFrame) -> dict[str, np.ndarray]:
    """By which key each memory is looked up for raw rows; a key with a part missing finds nothing."""
    origin, dest = np.asarray(rows["origin"], dtype=object), np.asarray(rows["dest"], dtype=object)
    return {
        "weather_memory": origin,
        "carrier_memory": np.asarray(rows["carrier"], dtype=object),
        "route_memory": np.array(
            [f"{start}-{end}" for start, end in zip(origin, dest, strict=True)], dtype=object
        ),
        "aircraft_memory": np.asarray(rows["tailnum"], dtype=object),
    }


def memory_status(
    rows: pd.DataFrame, memory: Mapping[str, PointInTimeTable], asked_at: pd.Series
) -> pd.DataFrame:
    """How each lookup goes, row by row: ``"ok"``, ``"missing"`` or ``"stale"``, a column for each memory."""
    keys, moments = memory_keys(rows), pd.DatetimeIndex(asked_at)
    told = {name: table.status(keys[name], moments) for name, table in memory.items()}
    return pd.DataFrame(told).set_axis(rows.index)


def _utc(times: pd.Series) -> pd.DatetimeIndex:
    if isinstance(times.dtype, pd.DatetimeTZDtype):
        return pd.DatetimeIndex(times)
    return pd.DatetimeIndex(pd.to_datetime(times, utc=True, format="ISO8601"))


def _category(values: pd.Series) -> pd.Series:
    return values.astype("str").fillna("missing") if values.hasnans else values.astype("str")
