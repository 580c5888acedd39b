"""Leakage: what is known too late is named, whatever it says."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from flights.leakage import leakage_suspects, separation

from .conftest import Slice


@pytest.mark.practice("L2")
def test_what_is_known_too_late_is_named_as_such(march: Slice) -> None:
    suspects = leakage_suspects(march.flights)
    too_late = suspects.index[suspects["too_late"]]
    assert set(too_late) == {"arr_delay", "dep_delay", "dep_time", "arr_time", "air_time"}
    assert suspects.loc[too_late, "suspect"].all()
    assert suspects.index[0] == "arr_delay"
    assert suspects.loc["arr_delay", "roc_auc"] == 1.0
    assert suspects.loc["sched_dep_time", "known_at"].startswith("when the schedule is published")


@pytest.mark.practice("L2")
def test_a_column_that_nobody_knows_is_suspect(march: Slice) -> None:
    suspects = leakage_suspects(march.flights.assign(gate_closed=1.0))
    assert suspects.loc["gate_closed", ["too_late", "suspect"]].tolist() == [True, True]


def test_a_column_that_separates_too_well_is_suspect_whatever_is_said(march: Slice) -> None:
    flights = march.flights.assign(distance=march.flights["arr_delay"])
    suspects = leakage_suspects(flights, suspicious=0.9)
    assert suspects.loc["distance", ["too_late", "suspect"]].tolist() == [False, True]


def test_separation_is_the_area_under_the_roc_curve(march: Slice) -> None:
    arrived = march.flights.dropna(subset=["arr_delay"])
    late = arrived["arr_delay"] > 15
    expected = roc_auc_score(late, arrived["sched_dep_time"])
    assert expected > 0.5
    assert separation(arrived["sched_dep_time"], late) == pytest.approx(expected)
    assert separation(-arrived["sched_dep_time"], late) == pytest.approx(expected)


def test_separation_of_categories_of_gaps_and_of_nothing() -> None:
    late = pd.Series([True, True, False, False])
    assert separation(pd.Series(["a", "a", "b", "b"]), late) == 1.0
    assert separation(pd.Series([3.0, np.nan, 1.0, 2.0]), late) == 1.0
    assert separation(pd.Series([7.0] * 4), late) == 0.5
    assert np.isnan(separation(pd.Series([1.0, 2.0, np.nan, np.nan]), late))
    many = pd.Series([str(number) for number in range(1000)])
    assert np.isnan(separation(many, many.index.to_series() % 2 == 0))
