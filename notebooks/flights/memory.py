"""Memory: what was known when, as rows of (key, valid from, values) to be looked up at any moment."""

from __future__ import annotations

import numpy as np
import pandas as pd

__all__ = ["aircraft_memory", "carrier_memory", "landings_memory", "route_memory", "weather_memory"]

#: An observation is made at its hour and published within the next.
_PUBLISHED_AFTER = pd.Timedelta(hours=1)
#: No wind at an airport of New York blows faster; what is reported above is an instrument's fault.
_FASTEST_WIND_MPH = 150.0
#: The register carries no dates of its own; it was the year's, so it is known from the year's start.
_REGISTER_FROM = pd.Timestamp("2013-01-01", tz="UTC").as_unit("us")
#: The figures look back this far.
_WINDOWS = {"24h": pd.Timedelta(hours=24), "7d": pd.Timedelta(days=7)}
#: One flight that is a day late must not make a week's mean delay.
_SHORTEST_DELAY, _LONGEST_DELAY = -60.0, 240.0

_WEATHER_NAMES = {
    "temp": "temperature",
    "humid": "humidity",
    "wind_speed": "wind_speed",
    "wind_gust": "wind_gust",
    "precip": "precipitation",
    "pressure": "pressure",
    "visib": "visibility",
}


def weather_memory(weather: pd.DataFrame) -> pd.DataFrame:
    """The weather at each airport, valid from when it was published.

    A wind that cannot be is dropped. A gust is reported only where there is one, so without it the wind
    itself is the strongest.
    """
    wind = weather["wind_speed"].where(weather["wind_speed"] <= _FASTEST_WIND_MPH)
    gust = weather["wind_gust"].where(weather["wind_gust"] <= _FASTEST_WIND_MPH)
    frame = weather.assign(
        valid_from=weather["time_hour"] + _PUBLISHED_AFTER, wind_speed=wind, wind_gust=gust.fillna(wind)
    )
    frame = frame[["origin", "valid_from", *_WEATHER_NAMES]].rename(columns=_WEATHER_NAMES)
    return frame.sort_values(["origin", "valid_from"], ignore_index=True)


def carrier_memory(flights: pd.DataFrame) -> pd.DataFrame:
    """How late each carrier's flights landed lately, from flights as ``cleaning.clean`` gives them."""
    return landings_memory(flights, flights["carrier"].rename("carrier"))


def route_memory(flights: pd.DataFrame) -> pd.DataFrame:
    """How late the flights of each route (``origin-dest``) landed lately."""
    return landings_memory(flights, (flights["origin"] + "-" + flights["dest"]).rename("route"))


def landings_memory(flights: pd.DataFrame, key: pd.Series) -> pd.DataFrame:
    """Late share, mean delay and count of the flights of each key that landed in the past day and week.

    There is a row for each full hour in whose course a flight of the key landed; it counts what had landed by
    that hour, the hour itself included, and nothing later.

    Returns
    -------
    DataFrame
        The key, ``valid_from``, then for each window (``24h``, ``7d``) ``late_share_…`` (0 to 1),
        ``mean_delay_…`` (minutes, each flight's between -60 and 240) and ``landings_…`` (count).
    """
    codes, names = pd.factorize(key, sort=True)
    landed = pd.DataFrame({"code": codes, "at": flights["landed_at"].dt.as_unit("us")})
    landed["late"] = flights["late"].to_numpy(dtype="float64")
    landed["delay"] = flights["arr_delay"].clip(_SHORTEST_DELAY, _LONGEST_DELAY).to_numpy()
    landed = landed.sort_values(["code", "at"], ignore_index=True)
    told = pd.DataFrame({"code": landed["code"], "at": landed["at"].dt.ceil("h")}).drop_duplicates()
    # One line of time for all keys, one after the other, far enough apart that no window reaches the next.
    start = told["at"].min() - max(_WINDOWS.values())
    apart = _microseconds(told["at"].max() - start) + 1
    line = _on_line(landed["code"], landed["at"], start, apart)
    until = np.searchsorted(line, _on_line(told["code"], told["at"], start, apart), side="right")
    late = np.concatenate([[0.0], landed["late"].cumsum()])
    delay = np.concatenate([[0.0], landed["delay"].cumsum()])
    figures: dict[str, object] = {str(key.name): names[told["code"]], "valid_from": told["at"].array}
    for window, length in _WINDOWS.items():
        since = np.searchsorted(line, _on_line(told["code"], told["at"] - length, start, apart), side="right")
        count = until - since
        figures[f"late_share_{window}"] = (late[until] - late[since]) / count
        figures[f"mean_delay_{window}"] = (delay[until] - delay[since]) / count
        figures[f"landings_{window}"] = count.astype("float64")
    return pd.DataFrame(figures)


def _on_line(codes: pd.Series, moments: pd.Series, start: pd.Timestamp, apart: int) -> np.ndarray:
    """Microseconds on a line on which each key has a stretch of its own."""
    since = (moments.dt.as_unit("us") - start).dt.as_unit("us").astype("int64")
    return (codes * apart + since).to_numpy()


def _microseconds(length: pd.Timedelta) -> int:
    return int(length // pd.Timedelta(microseconds=1))


def aircraft_memory(planes: pd.DataFrame) -> pd.DataFrame:
    """What the register says of each aircraft: the year it was built, and its seats."""
    frame = planes[["tailnum", "year", "seats"]].rename(columns={"year": "year_built"})
    frame.insert(1, "valid_from", _REGISTER_FROM)
    return frame.assign(seats=frame["seats"].astype("float64")).sort_values("tailnum", ignore_index=True)
