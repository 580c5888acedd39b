"""Rows found one by one and all together are the same."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from workbench.data.features import PointInTimeTable
from workbench.data.lookup import MISSING, STALE, MomentIndex


def random_index(seed: int, max_age: int | None) -> MomentIndex:
    random = np.random.default_rng(seed)
    rows = np.unique(np.column_stack([random.integers(0, 5, 300), random.integers(-50, 400, 300)]), axis=0)
    return MomentIndex("t", list("abcde"), rows[:, 0], rows[:, 1], max_age)


@pytest.mark.parametrize("max_age", [None, 0, 3])
@pytest.mark.parametrize("seed", range(5))
def test_row_by_row_as_all_together(seed: int, max_age: int | None) -> None:
    index, random = random_index(seed, max_age), np.random.default_rng(100 + seed)
    keys = random.choice(np.array([*"abcdefg", "", None, 1, float("nan")], dtype=object), 2000)
    moments = random.integers(-60, 420, 2000)
    moments[::50] = np.iinfo(np.int64).min
    single = index.find_few(keys.tolist(), moments.tolist())
    np.testing.assert_array_equal(index.find_many(keys, moments), single)
    found = set(single)
    assert MISSING in found
    assert (STALE in found) == (max_age is not None)
    assert len(found) > 50
    for count in (0, 1, 5, 100):  # whichever way find() takes
        part = index.find(keys[:count], moments[:count].view("datetime64[us]"))
        assert part.tolist() == single[:count]


def test_a_table_without_rows() -> None:
    index = MomentIndex("t", [], np.array([], dtype=np.int64), np.array([], dtype=np.int64), None)
    assert index.find_few(["a"], [5]) == [MISSING]
    assert index.find_many(np.array(["a"], dtype=object), np.array([5])).tolist() == [MISSING]


class TestArrays:
    """What a server looks up: arrays in, arrays out."""

    @pytest.fixture
    def table(self) -> PointInTimeTable:
        frame = pd.DataFrame(
            {
                "key": ["a", "a", "b"],
                "valid_from": pd.to_datetime(["2013-01-01", "2013-01-02", "2013-01-01"], utc=True),
                "count": [1, 2, 3],
                "sky": ["fog", None, "rain"],
                "open": [True, False, True],
            }
        )
        return PointInTimeTable.from_frame("t", frame, "key", values=["sky", "count", "open"])

    @pytest.mark.parametrize("times", [1, 50])
    @pytest.mark.parametrize("unit", ["h", "us", "ns"])
    def test_moments_without_a_zone_are_utc(self, table: PointInTimeTable, unit: str, times: int) -> None:
        keys = np.array(["a", "a", "b", "c", None] * times, dtype=object)
        texts = ["2013-01-01", "2013-01-03", "NaT", "2013-01-03", "2013-01-03"] * times
        found = table.values_at(keys, np.array(texts, dtype=f"datetime64[{unit}]"))
        assert found["sky"].tolist() == ["fog", None, None, None, None] * times
        assert found["sky"].dtype == object
        np.testing.assert_array_equal(found["count"], [1.0, 2.0, np.nan, np.nan, np.nan] * times)
        np.testing.assert_array_equal(found["open"], [1.0, 0.0, np.nan, np.nan, np.nan] * times)

    def test_the_columns_of_a_frame_keep_their_order(self, table: PointInTimeTable) -> None:
        at = pd.Series(pd.to_datetime(["2013-01-03"], utc=True))
        assert table.lookup(pd.Series(["b"]), at).iloc[0].tolist() == ["rain", 3.0, 1.0]

    def test_what_was_found_may_be_changed(self, table: PointInTimeTable) -> None:
        keys, at = np.array(["b"], dtype=object), np.array(["2013-01-03"], dtype="datetime64[us]")
        found = table.values_at(keys, at)
        found["count"] += 1
        found["sky"][0] = "snow"
        again = table.values_at(keys, at)
        assert (again["count"].tolist(), again["sky"].tolist()) == ([3.0], ["rain"])
