"""The features: nothing known too late, and the same in training as in serving."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from flights.features import FEATURES, MEMORY, REQUEST, build, build_arrays, memory_status
from flights.leakage import KNOWN_AT
from workbench.data.columns import Columns, columns_of, frame_of, moments_of
from workbench.data.features import PointInTimeTable, catalogue

from .conftest import Slice

Tables = dict[str, PointInTimeTable]
NAMES = [feature.name for feature in FEATURES]


def features_of(slice_: Slice, keys: list[str]) -> pd.DataFrame:
    """The features of some flights, all the way from the raw tables."""
    cleaned = slice_.cleaned()
    rows = cleaned.set_index("flight_key").loc[keys]
    return build(rows, slice_.tables(), rows["asked_at"])


def joined(parts: list[Columns]) -> Columns:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


@pytest.fixture(scope="module")
def built(cleaned: pd.DataFrame, tables: Tables) -> pd.DataFrame:
    return build(cleaned, tables, cleaned["asked_at"]).set_index(cleaned["flight_key"])


class TestNothingKnownTooLate:
    @pytest.mark.practice("L3", "D3")
    @pytest.mark.parametrize("place", [3000, 5500, 8000, 11000])
    def test_an_outcome_after_the_question_changes_nothing(
        self, march: Slice, cleaned: pd.DataFrame, built: pd.DataFrame, place: int
    ) -> None:
        asked = cleaned.loc[place]
        after = set(cleaned.loc[cleaned["landed_at"] > asked["asked_at"], "flight_key"])
        keyed = march.flights.assign(key=_keys(march.flights))
        # All of them land five hours later than they did, the flight itself among them.
        delay = keyed["arr_delay"].mask(keyed["key"].isin(after), keyed["arr_delay"] + 300)
        changed = replace(march, flights=march.flights.assign(arr_delay=delay))
        assert asked["flight_key"] in after
        assert changed.cleaned()["late"].sum() > cleaned["late"].sum() + 1000
        pd.testing.assert_frame_equal(
            features_of(changed, [asked["flight_key"]]), built.loc[[asked["flight_key"]]]
        )

    @pytest.mark.practice("L3")
    @pytest.mark.parametrize("place", [3000, 5500, 8000, 11000])
    def test_an_outcome_before_the_question_does_count(
        self, march: Slice, cleaned: pd.DataFrame, built: pd.DataFrame, place: int
    ) -> None:
        asked = cleaned.loc[place]
        before = cleaned[cleaned["landed_at"] <= asked["asked_at"] - pd.Timedelta(hours=1)]
        same = before[(before["carrier"] == asked["carrier"]) & before["late"]].iloc[-1]
        keyed = march.flights.assign(key=_keys(march.flights))
        # It was late, and now was not; so it landed earlier, still before the question.
        delay = keyed["arr_delay"].mask(keyed["key"] == same["flight_key"], 0.0)
        changed = features_of(
            replace(march, flights=march.flights.assign(arr_delay=delay)), [asked["flight_key"]]
        )
        assert (
            changed["carrier_late_share_7d"].iloc[0] < built.at[asked["flight_key"], "carrier_late_share_7d"]
        )

    @pytest.mark.practice("L3")
    def test_columns_known_too_late_are_never_looked_at(self, march: Slice, built: pd.DataFrame) -> None:
        late = [name for name, known in KNOWN_AT.items() if "too late" in known and name != "arr_delay"]
        assert len(late) == 4
        nonsense = march.flights.assign(**dict.fromkeys(late, -999.0))
        sample = list(built.index[::500])
        pd.testing.assert_frame_equal(
            features_of(replace(march, flights=nonsense), sample), built.loc[sample]
        )

    @pytest.mark.practice("L3")
    def test_weather_observed_later_changes_nothing(
        self, march: Slice, cleaned: pd.DataFrame, built: pd.DataFrame
    ) -> None:
        asked = cleaned.loc[8000]
        later = march.weather["time_hour"] > asked["asked_at"] - pd.Timedelta(hours=1)
        storm = march.weather.assign(visib=march.weather["visib"].mask(later, 0.0))
        assert (storm["visib"] != march.weather["visib"]).any()
        changed = features_of(replace(march, weather=storm), [asked["flight_key"]])
        pd.testing.assert_frame_equal(changed, built.loc[[asked["flight_key"]]])
        earlier = march.weather.assign(visib=march.weather["visib"].mask(~later, 0.0))
        seen = features_of(replace(march, weather=earlier), [asked["flight_key"]])
        assert seen["visibility"].tolist() == [0.0]


class TestTrainingAndServingSeeTheSame:
    @pytest.mark.practice("D3", "L3")
    def test_row_by_row_from_a_request_as_from_the_whole_table(
        self, cleaned: pd.DataFrame, tables: Tables, built: pd.DataFrame
    ) -> None:
        sample = cleaned.sample(60, random_state=0)
        answers = []
        for _, row in sample.iterrows():
            # What a client sends: JSON, with times as text and null for what is missing.
            sent = json.loads(pd.DataFrame([row[list(REQUEST)]]).to_json(orient="records", date_format="iso"))
            columns = columns_of(pd.DataFrame(sent), REQUEST)
            answers.append(
                build_arrays(columns, tables, np.array([row["asked_at"].tz_convert(None)], "M8[us]"))
            )
        served = frame_of(joined(answers), FEATURES, built.loc[sample["flight_key"]].index)
        pd.testing.assert_frame_equal(served, built.loc[sample["flight_key"]], check_exact=True)

    @pytest.mark.practice("D3")
    def test_a_few_rows_together_as_from_the_whole_table(
        self, cleaned: pd.DataFrame, tables: Tables, built: pd.DataFrame
    ) -> None:
        columns, moments = columns_of(cleaned, REQUEST), moments_of(cleaned["asked_at"])
        parts = [slice(start, start + 30) for start in range(0, len(cleaned), 30)]
        answers = [
            build_arrays({name: values[part] for name, values in columns.items()}, tables, moments[part])
            for part in parts
        ]
        pd.testing.assert_frame_equal(
            frame_of(joined(answers), FEATURES, built.index), built, check_exact=True
        )

    def test_plain_arrays_of_the_types_that_a_server_takes(
        self, cleaned: pd.DataFrame, tables: Tables
    ) -> None:
        for rows in (cleaned.iloc[8000:8001], cleaned, cleaned.head(0)):
            found = build_arrays(columns_of(rows, REQUEST), tables, moments_of(rows["asked_at"]))
            assert list(found) == NAMES
            assert {len(values) for values in found.values()} == {len(rows)}
            kinds = {"number": "float64", "category": "object"}
            assert [str(values.dtype) for values in found.values()] == [kinds[f.kind] for f in FEATURES]

    def test_in_another_order_and_with_an_index_of_its_own(
        self, cleaned: pd.DataFrame, tables: Tables, built: pd.DataFrame
    ) -> None:
        shuffled = cleaned.sample(500, random_state=1)
        found = build(shuffled, tables, shuffled["asked_at"])
        assert found.index.equals(shuffled.index)
        expected = built.loc[shuffled["flight_key"]].set_axis(shuffled.index)
        pd.testing.assert_frame_equal(found, expected)

    def test_times_may_be_text(self, cleaned: pd.DataFrame, tables: Tables, built: pd.DataFrame) -> None:
        rows = cleaned.head(20)
        text = {name: rows[name].map(lambda time: time.isoformat()) for name in ("sched_dep", "sched_arr")}
        found = build(rows.assign(**text), tables, rows["asked_at"])
        pd.testing.assert_frame_equal(found, built.head(20).set_axis(found.index))


class TestMissingAndStale:
    def ask(self, cleaned: pd.DataFrame, **changed: object) -> tuple[pd.DataFrame, pd.Series]:
        row = cleaned.iloc[[8000]].copy()
        asked_at = pd.Series([changed.pop("asked_at", row["asked_at"].iloc[0])], index=row.index)
        return row.assign(**changed), asked_at.astype("datetime64[us, UTC]")

    def test_an_aircraft_that_is_not_registered(self, cleaned: pd.DataFrame, tables: Tables) -> None:
        for tailnum in ("N00000", None):
            rows, asked_at = self.ask(cleaned, tailnum=tailnum)
            assert build(rows, tables, asked_at)[["aircraft_age", "aircraft_seats"]].isna().all(axis=None)
            status = memory_status(rows, tables, asked_at).iloc[0]
            assert status.to_dict() == {
                "weather_memory": "ok",
                "carrier_memory": "ok",
                "route_memory": "ok",
                "aircraft_memory": "missing",
            }

    def test_a_day_after_the_last_news_they_are_stale(self, cleaned: pd.DataFrame, tables: Tables) -> None:
        rows, asked_at = self.ask(cleaned, asked_at=pd.Timestamp("2013-12-31 20:00", tz="UTC"))
        status = memory_status(rows, tables, asked_at).iloc[0]
        assert status[["weather_memory", "carrier_memory", "route_memory"]].tolist() == ["stale"] * 3
        found = build(rows, tables, asked_at).iloc[0]
        known = {"carrier", "origin", "departure_hour", "weekday", "distance", "schedule_padding"}
        missing = [name for name in NAMES if name not in known and not name.startswith("aircraft")]
        assert found[missing].isna().all()
        assert found[list(known)].notna().all()

    def test_before_the_first_landing_nothing_is_known(self, cleaned: pd.DataFrame, tables: Tables) -> None:
        rows, asked_at = self.ask(cleaned, asked_at=pd.Timestamp("2013-02-28 20:00", tz="UTC"))
        status = memory_status(rows, tables, asked_at).iloc[0]
        assert status[["carrier_memory", "route_memory"]].tolist() == ["missing", "missing"]

    def test_times_that_are_missing(self, cleaned: pd.DataFrame, tables: Tables) -> None:
        rows, asked_at = self.ask(cleaned)
        known = build(rows, tables, asked_at).iloc[0]
        rows["sched_dep"] = rows["sched_dep"].where(rows["sched_dep"].isna())
        found = build(rows, tables, asked_at).iloc[0]
        lost = ["departure_hour", "weekday", "schedule_padding"]
        assert known[lost].notna().all()
        assert found[lost].isna().all()
        pd.testing.assert_series_equal(found.drop(lost), known.drop(lost))

    def test_a_carrier_and_an_airport_that_nobody_knows(self, cleaned: pd.DataFrame, tables: Tables) -> None:
        rows, asked_at = self.ask(cleaned, carrier="ZZ", origin=None)
        found = build(rows, tables, asked_at).iloc[0]
        assert found[["carrier", "origin"]].tolist() == ["ZZ", "missing"]
        assert np.isnan(found["carrier_late_share_24h"])
        assert np.isnan(found["route_late_share_24h"])
        assert np.isnan(found["temperature"])


class TestWhatTheyMean:
    def test_exactly_the_features_in_their_order(self, built: pd.DataFrame) -> None:
        assert list(built.columns) == NAMES
        kinds = {"number": "float64", "category": "str"}
        assert built.dtypes.astype("str").tolist() == [kinds[feature.kind] for feature in FEATURES]

    @pytest.mark.practice("D4")
    def test_a_flight_read_by_hand(self, cleaned: pd.DataFrame, built: pd.DataFrame, march: Slice) -> None:
        # Sunday 10 March, after the clocks went forward: 13:20 in New York is 17:20 UTC.
        flight = cleaned.set_index("flight_key").loc["2013-03-10T17:00Z-UA-1054-EWR"]
        found = built.loc[flight.name]
        assert (found["departure_hour"], found["weekday"]) == (pytest.approx(13 + 1 / 3), 6.0)
        block = (flight["sched_arr"] - flight["sched_dep"]).total_seconds() / 60
        assert found["schedule_padding"] == pytest.approx(block - 40 - flight["distance"] / 7.5)
        published = march.weather[
            (march.weather["origin"] == flight["origin"])
            & (march.weather["time_hour"] == pd.Timestamp("2013-03-10 14:00", tz="UTC"))
        ].iloc[0]
        assert found["temperature"] == published["temp"]
        past = cleaned[
            (cleaned["carrier"] == flight["carrier"])
            & (cleaned["landed_at"] <= pd.Timestamp("2013-03-10 15:00", tz="UTC"))
            & (cleaned["landed_at"] > pd.Timestamp("2013-03-09 15:00", tz="UTC"))
        ]
        assert found["carrier_late_share_24h"] == pytest.approx(past["late"].mean())
        built_in = march.planes.set_index("tailnum").at[flight["tailnum"], "year"]
        assert found["aircraft_age"] == 2013 - built_in

    @pytest.mark.practice("D4")
    def test_each_has_a_lineage_that_exists(self, march: Slice, built: pd.DataFrame) -> None:
        known = {f"flights.{name}" for name in march.flights.columns}
        known |= {f"weather.{name}" for name in march.weather.columns}
        known |= {f"planes.{name}" for name in march.planes.columns}
        known |= {f"airports.{name}" for name in march.airports.columns}
        known |= {f"{name}.{value}" for name, spec in MEMORY.items() for value in spec.values}
        listed = catalogue(FEATURES, built)
        assert listed["feature"].tolist() == NAMES
        for feature in FEATURES:
            assert feature.inputs
            assert set(feature.inputs) <= known, feature.name
            assert feature.definition.endswith(".")
            assert feature.owner
            assert bool(feature.unit) is (feature.kind == "number")

    def test_an_outcome_enters_through_a_memory_only(self) -> None:
        for feature in FEATURES:
            late = [name for name in feature.inputs if "too late" in KNOWN_AT.get(name.partition(".")[2], "")]
            remembered = any(name.partition(".")[0] in MEMORY for name in feature.inputs)
            assert not late or remembered, feature.name

    def test_whatever_is_remembered_is_of_use(self) -> None:
        used = {name for feature in FEATURES for name in feature.inputs}
        for name, spec in MEMORY.items():
            assert {f"{name}.{value}" for value in spec.values} <= used


def _keys(flights: pd.DataFrame) -> pd.Series:
    from flights.cleaning import add_flight_key

    return add_flight_key(flights)["flight_key"]
