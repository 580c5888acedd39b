"""Two weeks of real flights around a change of clocks, cleaned, with their memory."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import pytest

from flights import memory, sources
from flights.cleaning import clean
from flights.features import MEMORY
from workbench.data.features import PointInTimeTable, open_memory


@dataclass(frozen=True)
class Slice:
    """Raw tables and what becomes of them."""

    flights: pd.DataFrame
    weather: pd.DataFrame
    planes: pd.DataFrame
    airports: pd.DataFrame

    def cleaned(self) -> pd.DataFrame:
        return clean(self.flights, self.airports)

    def tables(self) -> dict[str, PointInTimeTable]:
        cleaned = self.cleaned()
        frames = {
            "weather_memory": memory.weather_memory(self.weather),
            "carrier_memory": memory.carrier_memory(cleaned),
            "route_memory": memory.route_memory(cleaned),
            "aircraft_memory": memory.aircraft_memory(self.planes),
        }
        return open_memory(MEMORY, frames)


@pytest.fixture(scope="session")
def year() -> pd.DataFrame:
    """All flights, as the source gives them. Not to be changed."""
    return sources.flights()


@pytest.fixture(scope="session")
def march(year: pd.DataFrame) -> Slice:
    """1 to 14 March 2013; clocks went forward on the 10th. Not to be changed."""
    flights = year[(year["month"] == 3) & (year["day"] <= 14)].reset_index(drop=True)
    return Slice(flights, sources.weather(), sources.planes(), sources.airports())


@pytest.fixture(scope="session")
def cleaned(march: Slice) -> pd.DataFrame:
    return march.cleaned()


@pytest.fixture(scope="session")
def tables(march: Slice) -> dict[str, PointInTimeTable]:
    return march.tables()
