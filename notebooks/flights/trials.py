"""Columns that the model does not have: what they would add is measured by ``workbench trial``.

Each function takes prepared flights and a source, and gives columns indexed like the flights. Both sources
are registers, which were known long before any of these flights was asked about.
"""

from __future__ import annotations

import pandas as pd

__all__ = ["destination", "engines"]


def destination(flights: pd.DataFrame, airports: pd.DataFrame) -> pd.DataFrame:
    """How high (feet) and how far north and west (degrees) the destination lies."""
    place = airports.set_index("faa")[["alt", "lat", "lon"]].astype(float)
    return place.add_prefix("dest_").reindex(flights["dest"]).set_axis(flights.index)


def engines(flights: pd.DataFrame, planes: pd.DataFrame) -> pd.DataFrame:
    """Who built the aircraft, and with what kind of engine."""
    built = planes.set_index("tailnum")[["manufacturer", "engine"]]
    return built.add_prefix("aircraft_").reindex(flights["tailnum"]).set_axis(flights.index)
