"""Profiles of tables, and what moved between two."""

from __future__ import annotations

import pandas as pd
import pytest

from workbench.data.profile import compare_profiles, profile


@pytest.mark.practice("L2")
def test_a_profile_tells_type_missing_and_range_of_each_column() -> None:
    frame = pd.DataFrame(
        {
            "number": [1.0, 2.0, None, 4.0],
            "text": ["a", "a", "b", None],
            "when": pd.to_datetime(["2013-01-01", "2013-01-02", "2013-01-03", None], utc=True),
            "nothing": [None, None, None, None],
        }
    )
    told = profile(frame)
    assert told.loc["number", "missing"] == 0.25
    assert told.loc["number", "median"] == 2.0
    assert (told.loc["text", "top"], told.loc["text", "top_share"]) == ("a", pytest.approx(2 / 3))
    assert told.loc["when", "max"] == pd.Timestamp("2013-01-03", tz="UTC")
    assert told.loc["nothing", "missing"] == 1.0


def test_an_empty_frame_has_a_profile() -> None:
    assert profile(pd.DataFrame({"x": pd.Series(dtype="float64")})).loc["x", "distinct"] == 0


@pytest.mark.practice("L2")
def test_the_largest_shift_comes_first_and_columns_that_came_or_went_are_named() -> None:
    old = pd.DataFrame({"a": [0.0, 1.0, 2.0], "b": [0.0, 1.0, 2.0], "gone": [1, 2, 3]})
    new = pd.DataFrame({"a": [0.0, 1.0, 2.0], "b": [5.0, 6.0, 7.0], "came": [1, 2, 3]})
    told = compare_profiles(profile(old), profile(new))
    assert told.index[0] == "b"
    assert told.loc["b", "shift"] == pytest.approx(5.0)
    assert told.loc["gone", "change"] == "removed"
    assert told.loc["came", "change"] == "added"
