"""The model's input: what each feature means, and how raw rows become features.

:func:`build_arrays` is the one way there, for training and for serving. It sees a flight as it is known two
hours before departure, and looks everything with a memory up as of the moment of asking.

It takes and gives plain arrays, for a million rows as for one, and has no pandas in it: a server calls it
for each row. :func:`build` does the same with frames. A project needs ``build``; it may leave
``build_arrays`` out, and then the server calls ``build``, which takes milliseconds a row.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from flights.cleaning import typical_block_minutes
from workbench.data.columns import Columns, columns_of, frame_of, moments_of
from workbench.data.features import Feature, MemorySpec, PointInTimeTable
from workbench.data.local_time import local_time

__all__ = ["FEATURES", "MEMORY", "REQUEST", "build", "build_arrays", "memory_keys", "memory_status"]

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

_NAMES = tuple(feature.name for feature in FEATURES)
_SECOND, _MINUTE = np.timedelta64(1, "s"), np.timedelta64(1, "m")
_DAY, _YEAR = np.timedelta64(1, "D"), np.timedelta64(1, "Y")
_A_MONDAY, _YEAR_0 = np.datetime64("1970-01-05"), np.datetime64("0000", "Y")


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
    built = build_arrays(columns_of(rows, REQUEST), memory, moments_of(asked_at))
    return frame_of(built, FEATURES, rows.index)


def build_arrays(rows: Columns, memory: Mapping[str, PointInTimeTable], asked_at: np.ndarray) -> Columns:
    """The features of raw rows as plain arrays; see :mod:`workbench.data.columns`.

    Parameters
    ----------
    rows : Columns
        Those of :data:`REQUEST`.
    memory : mapping of PointInTimeTable
        One for each of :data:`MEMORY`.
    asked_at : array of datetime64[us]
        The moment of asking in UTC, row by row.

    Returns
    -------
    Columns
        Those of :data:`FEATURES` in their order; a category that is missing is ``"missing"``.
    """
    keys = memory_keys(rows)
    seen = {name: table.values_at(keys[name], asked_at) for name, table in memory.items()}
    departure_hour, weekday = _local_clock(rows["sched_dep"])
    aircraft = seen["aircraft_memory"]
    found = {
        "carrier": _known(rows["carrier"]),
        "origin": _known(rows["origin"]),
        "departure_hour": departure_hour,
        "weekday": weekday,
        "distance": rows["distance"],
        "schedule_padding": _block_minutes(rows) - typical_block_minutes(rows["distance"]),
        "aircraft_age": _year(asked_at) - aircraft["year_built"],
        "aircraft_seats": aircraft["seats"],
        **seen["weather_memory"],
        **{f"carrier_{name}": values for name, values in seen["carrier_memory"].items()},
        **{f"route_{name}": values for name, values in seen["route_memory"].items()},
    }
    return {name: found[name] for name in _NAMES}


def memory_keys(rows: Columns) -> dict[str, np.ndarray]:
    """By which key each memory is looked up for raw rows; a key with a part missing finds nothing."""
    ends = zip(rows["origin"].tolist(), rows["dest"].tolist(), strict=True)
    routes = [None if start is None or end is None else f"{start}-{end}" for start, end in ends]
    return {
        "weather_memory": rows["origin"],
        "carrier_memory": rows["carrier"],
        "route_memory": np.array(routes, dtype=object),
        "aircraft_memory": rows["tailnum"],
    }


def memory_status(
    rows: pd.DataFrame, memory: Mapping[str, PointInTimeTable], asked_at: pd.Series
) -> pd.DataFrame:
    """How each lookup goes, row by row: ``"ok"``, ``"missing"`` or ``"stale"``, a column for each memory."""
    keys, moments = memory_keys(columns_of(rows, REQUEST)), moments_of(asked_at)
    told = {name: table.status(keys[name], moments) for name, table in memory.items()}
    return pd.DataFrame(told).set_axis(rows.index)


def _local_clock(sched_dep: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The scheduled hour in New York with its minutes as a fraction, and the day of the week."""
    local = local_time(sched_dep, "America/New_York").astype("datetime64[m]")
    day = local.astype("datetime64[D]")
    # Divided by a span of time, so that a missing one becomes NaN.
    minute = (local - day) / _MINUTE
    return minute // 60 + minute % 60 / 60, (day - _A_MONDAY) / _DAY % 7


def _block_minutes(rows: Columns) -> np.ndarray:
    return (rows["sched_arr"] - rows["sched_dep"]) / _SECOND / 60


def _year(moments: np.ndarray) -> np.ndarray:
    return (moments.astype("datetime64[Y]") - _YEAR_0) / _YEAR


def _known(values: np.ndarray) -> np.ndarray:
    return np.array(["missing" if value is None else value for value in values.tolist()], dtype=object)
