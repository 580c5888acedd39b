"""Looking values up as of a moment, and the catalogue of features."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from workbench.data.features import Feature, MemorySpec, PointInTimeTable, catalogue, open_memory
from workbench.errors import DataError


def moment(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC").as_unit("us")


def moments(*texts: str) -> pd.Series:
    return pd.Series([moment(text) for text in texts], dtype="datetime64[us, UTC]")


@pytest.fixture
def weather() -> PointInTimeTable:
    frame = pd.DataFrame(
        {
            "origin": ["LGA", "EWR", "EWR", "EWR"],
            "valid_from": moments(
                "2013-01-01 09:00", "2013-01-01 11:00", "2013-01-01 10:00", "2013-01-01 12:00"
            ),
            "temperature": [30, 41, 40, 42],
            "sky": ["rain", "clear", "fog", "snow"],
        }
    )
    return PointInTimeTable.from_frame(
        "weather", frame, key="origin", values=["temperature", "sky"], max_age=pd.Timedelta(hours=6)
    )


def random_table(rows: int = 2000, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    since = moment("2013-01-01") + pd.to_timedelta(random.integers(0, 86400 * 20, rows), unit="s")
    frame = pd.DataFrame(
        {"key": random.choice(list("abcdefg"), rows), "valid_from": since, "value": random.random(rows)}
    )
    return frame.drop_duplicates(["key", "valid_from"])


class TestLookup:
    def test_finds_the_last_row_that_was_known(self, weather: PointInTimeTable) -> None:
        found = weather.lookup(pd.Series(["EWR", "EWR"]), moments("2013-01-01 10:59", "2013-01-01 11:30"))
        assert found["temperature"].tolist() == [40.0, 41.0]
        assert found["sky"].tolist() == ["fog", "clear"]

    def test_a_row_counts_from_its_own_moment_on_and_not_before(self, weather: PointInTimeTable) -> None:
        at = moments("2013-01-01 11:59:59.999999", "2013-01-01 12:00:00")
        assert weather.lookup(pd.Series(["EWR", "EWR"]), at)["temperature"].tolist() == [41.0, 42.0]

    def test_nothing_was_known_before_a_keys_first_row(self, weather: PointInTimeTable) -> None:
        # LGA's row is older than this moment: it must not answer for EWR.
        keys, at = pd.Series(["EWR"]), moments("2013-01-01 09:30")
        assert weather.lookup(keys, at).isna().all(axis=None)
        assert weather.status(keys, at).tolist() == ["missing"]

    @pytest.mark.parametrize("key", ["JFK", None, float("nan")])
    def test_an_unknown_or_missing_key_finds_nothing(self, weather: PointInTimeTable, key: object) -> None:
        keys, at = pd.Series([key, "EWR"], dtype=object), moments("2013-01-01 12:00", "2013-01-01 12:00")
        assert weather.lookup(keys, at)["temperature"].isna().tolist() == [True, False]
        assert weather.lookup(keys, at)["sky"].isna().tolist() == [True, False]
        assert weather.status(keys, at).tolist() == ["missing", "ok"]

    def test_a_row_that_is_too_old_is_stale_and_says_nothing(self, weather: PointInTimeTable) -> None:
        keys, at = pd.Series(["EWR", "EWR"]), moments("2013-01-01 18:00", "2013-01-01 18:00:01")
        assert weather.status(keys, at).tolist() == ["ok", "stale"]
        assert weather.lookup(keys, at)["temperature"].isna().tolist() == [False, True]

    def test_without_a_limit_nothing_is_ever_stale(self) -> None:
        frame = pd.DataFrame({"k": ["a"], "valid_from": moments("2013-01-01"), "v": [1.0]})
        table = PointInTimeTable.from_frame("t", frame, key="k", values=["v"])
        assert table.status(pd.Series(["a"]), moments("2033-01-01")).tolist() == ["ok"]

    def test_a_missing_moment_finds_nothing(self, weather: PointInTimeTable) -> None:
        at = pd.Series([pd.NaT], dtype="datetime64[us, UTC]")
        assert weather.status(pd.Series(["EWR"]), at).tolist() == ["missing"]

    def test_keeps_the_index_of_the_keys(self, weather: PointInTimeTable) -> None:
        keys = pd.Series(["EWR", "LGA"], index=[7, 3])
        at = moments("2013-01-01 12:00", "2013-01-01 12:00").set_axis([7, 3])
        assert weather.lookup(keys, at).index.tolist() == [7, 3]
        assert weather.status(keys, at).index.tolist() == [7, 3]

    def test_types_do_not_depend_on_what_is_found(self, weather: PointInTimeTable) -> None:
        at = moments("2013-01-01 12:00")
        found, nothing = weather.lookup(pd.Series(["EWR"]), at), weather.lookup(pd.Series(["JFK"]), at)
        assert found["temperature"].dtype == nothing["temperature"].dtype == "float64"

    def test_an_empty_table_and_an_empty_question(self, weather: PointInTimeTable) -> None:
        frame = random_table().head(0)
        empty = PointInTimeTable.from_frame("empty", frame, key="key", values=["value"])
        assert empty.status(pd.Series(["a"]), moments("2013-01-01")).tolist() == ["missing"]
        assert len(weather.lookup(pd.Series([], dtype="str"), moments())) == 0

    @pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
    def test_resolution_and_zone_of_the_times_do_not_matter(
        self, weather: PointInTimeTable, unit: str
    ) -> None:
        at = moments("2013-01-01 11:30").dt.tz_convert("America/New_York").dt.as_unit(unit)
        assert weather.lookup(pd.Series(["EWR"]), at)["temperature"].tolist() == [41.0]


class TestAgainstOtherWays:
    def test_agrees_with_pandas_merge_asof(self) -> None:
        frame, random = random_table(), np.random.default_rng(1)
        table = PointInTimeTable.from_frame(
            "t", frame, "key", values=["value"], max_age=pd.Timedelta(hours=2)
        )
        at = moment("2012-12-31") + pd.to_timedelta(random.integers(0, 86400 * 25, 5000), unit="s")
        asked = pd.DataFrame({"key": random.choice(list("abcdefgxyz"), 5000), "at": at})
        expected = pd.merge_asof(
            asked.sort_values("at").reset_index(),
            frame.sort_values("valid_from"),
            left_on="at",
            right_on="valid_from",
            by="key",
            tolerance=pd.Timedelta(hours=2),
        ).sort_values("index")
        found = table.lookup(asked["key"], asked["at"])["value"]
        assert 0.1 < found.isna().mean() < 0.9
        np.testing.assert_array_equal(found, expected["value"])

    def test_a_batch_finds_what_row_by_row_finds(self) -> None:
        frame = random_table()
        table = PointInTimeTable.from_frame("t", frame, "key", values=["value"])
        keys = pd.Series(list("abcxgfedcba"))
        at = moments(*[f"2013-01-{day:02d} 07:30" for day in range(1, 12)])
        together = table.lookup(keys, at)
        single = [table.lookup(keys.iloc[[i]], at.iloc[[i]]) for i in range(len(keys))]
        pd.testing.assert_frame_equal(together, pd.concat(single))

    def test_the_order_of_the_rows_does_not_matter_and_writing_keeps_all(self) -> None:
        frame = random_table()
        shuffled = frame.sample(frac=1, random_state=2)
        table = PointInTimeTable.from_frame(
            "t", shuffled, "key", values=["value"], max_age=pd.Timedelta("1D")
        )
        written = table.to_frame()
        assert written.attrs == {"name": "t", "key": "key", "max_age": pd.Timedelta("1D")}
        expected = frame.sort_values(["key", "valid_from"], ignore_index=True)
        pd.testing.assert_frame_equal(written, expected)


class TestRefused:
    def test_times_without_a_zone(self, weather: PointInTimeTable) -> None:
        naive = pd.Series(pd.to_datetime(["2013-01-01 12:00"]))
        with pytest.raises(DataError, match="no time zone"):
            weather.lookup(pd.Series(["EWR"]), naive)
        frame = pd.DataFrame({"k": ["a"], "valid_from": naive, "v": [1.0]})
        with pytest.raises(DataError, match=r"memory 't': 'valid_from'.*no time zone"):
            PointInTimeTable.from_frame("t", frame, key="k", values=["v"])

    def test_two_rows_of_a_key_from_the_same_moment(self) -> None:
        frame = pd.DataFrame({"k": ["a", "a"], "valid_from": moments(*["2013-01-01"] * 2), "v": [1.0, 2.0]})
        with pytest.raises(DataError, match="two rows of one 'k'"):
            PointInTimeTable.from_frame("t", frame, key="k", values=["v"])

    def test_a_column_that_is_not_there(self) -> None:
        with pytest.raises(DataError, match="memory 't' has no column 'speed'"):
            PointInTimeTable.from_frame("t", random_table(), key="key", values=["speed"])

    def test_a_row_without_a_key(self) -> None:
        frame = pd.DataFrame(
            {"k": ["a", None], "valid_from": moments("2013-01-01", "2013-01-02"), "v": [1.0, 2.0]}
        )
        with pytest.raises(DataError, match="rows without 'k'"):
            PointInTimeTable.from_frame("t", frame, key="k", values=["v"])

    def test_keys_and_moments_that_do_not_match(self, weather: PointInTimeTable) -> None:
        with pytest.raises(DataError, match="2 keys for 1 moments"):
            weather.lookup(pd.Series(["EWR", "LGA"]), moments("2013-01-01"))


def test_tables_are_opened_by_their_specs() -> None:
    specs = {"memory": MemorySpec("key", ("value",), pd.Timedelta(hours=1))}
    opened = open_memory(specs, {"memory": random_table(), "another": random_table()})
    assert list(opened) == ["memory"]
    table = opened["memory"]
    assert (table.name, table.key, table.values, table.max_age) == (
        "memory",
        "key",
        ("value",),
        pd.Timedelta(hours=1),
    )


FEATURES = (
    Feature("carrier", "category", "", "The airline.", "desk@example.org", ("flights.carrier",)),
    Feature("age", "number", "year", "Age.", "fleet@example.org", ("planes.year", "flights.tailnum")),
)


@pytest.mark.practice("D4")
def test_the_catalogue_says_what_a_feature_means_and_what_it_looks_like() -> None:
    frame = pd.DataFrame({"carrier": ["UA", "UA", "DL", "AA"], "age": [2.0, 4.0, np.nan, 12.0]})
    listed = catalogue(FEATURES, frame).set_index("feature")
    age, carrier = listed.loc["age"], listed.loc["carrier"]
    assert (age["definition"], age["owner"], age["unit"]) == ("Age.", "fleet@example.org", "year")
    assert age["lineage"] == "planes.year, flights.tailnum"
    assert (age["missing"], age["mean"], age["median"], age["max"]) == (0.25, 6.0, 4.0, 12.0)
    assert (carrier["top"], carrier["top_share"], carrier["distinct"]) == ("UA", 0.5, 3)


def test_the_catalogue_can_be_stored_whatever_it_lists() -> None:
    frame = pd.DataFrame({"carrier": ["UA", "UA"], "age": [np.nan, np.nan]})
    types = catalogue(FEATURES, frame).dtypes.astype("str").to_dict()
    assert {types[name] for name in ("missing", "mean", "min", "max", "top_share")} == {"float64"}
    assert types["top"] == types["definition"] == "str"


def test_the_catalogue_refuses_a_feature_that_is_not_there() -> None:
    with pytest.raises(DataError, match="'age', which is not in the frame"):
        catalogue(FEATURES, pd.DataFrame({"carrier": ["UA"]}))
