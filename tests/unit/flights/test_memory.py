"""Memory: what was known when."""

from __future__ import annotations

import pandas as pd
import pytest

from flights import memory, sources


def landed(*flights: tuple[str, float], carrier: str = "UA") -> pd.DataFrame:
    """Flights by the time of landing (UTC) and the delay in minutes."""
    times = pd.DatetimeIndex([at(time) for time, _ in flights]).as_unit("us")
    delays = [delay for _, delay in flights]
    return pd.DataFrame(
        {
            "carrier": carrier,
            "origin": "EWR",
            "dest": "BOS",
            "landed_at": times,
            "arr_delay": delays,
            "late": [delay > 15 for delay in delays],
        }
    )


def at(time: str) -> pd.Timestamp:
    return pd.Timestamp(time, tz="UTC")


class TestLandings:
    def test_counts_what_had_landed_by_the_hour(self) -> None:
        flights = landed(("2013-05-01 10:20", 0.0), ("2013-05-01 10:50", 30.0), ("2013-05-01 12:10", 60.0))
        rows = memory.carrier_memory(flights).set_index("valid_from")
        assert rows.index.tolist() == [at("2013-05-01 11:00"), at("2013-05-01 13:00")]
        assert rows["late_share_24h"].tolist() == [1 / 2, 2 / 3]
        assert rows["mean_delay_24h"].tolist() == [15.0, 30.0]
        assert rows["landings_24h"].tolist() == [2.0, 3.0]

    def test_a_landing_on_the_hour_counts_from_that_hour(self) -> None:
        rows = memory.carrier_memory(landed(("2013-05-01 11:00", 30.0), ("2013-05-01 11:00:01", 0.0)))
        assert rows["valid_from"].tolist() == [at("2013-05-01 11:00"), at("2013-05-01 12:00")]
        assert rows["late_share_24h"].tolist() == [1.0, 0.5]

    def test_old_landings_leave_the_window(self) -> None:
        flights = landed(("2013-05-01 10:00", 60.0), ("2013-05-02 10:00", 0.0), ("2013-05-09 09:00", 0.0))
        rows = memory.carrier_memory(flights).set_index("valid_from")
        # Of the first, the day's window ends just where the second's hour begins.
        assert rows.loc[at("2013-05-02 10:00"), "late_share_24h"] == 0.0
        assert rows.loc[at("2013-05-02 10:00"), "late_share_7d"] == 0.5
        assert rows.loc[at("2013-05-09 09:00"), ["late_share_7d", "landings_7d"]].tolist() == [0.0, 2.0]

    def test_one_flight_that_is_a_day_late_does_not_make_the_mean(self) -> None:
        rows = memory.carrier_memory(landed(("2013-05-01 10:00", 1272.0), ("2013-05-01 10:00", -90.0)))
        assert rows["mean_delay_7d"].tolist() == [(240.0 - 60.0) / 2]

    def test_keys_do_not_mix(self) -> None:
        flights = pd.concat(
            [landed(("2013-05-01 10:00", 60.0)), landed(("2013-05-01 10:00", 0.0), carrier="DL")]
        )
        by_carrier = memory.carrier_memory(flights).set_index("carrier")["late_share_7d"]
        assert by_carrier.to_dict() == {"UA": 1.0, "DL": 0.0}
        assert memory.route_memory(flights)["route"].tolist() == ["EWR-BOS"]
        assert memory.route_memory(flights)["late_share_7d"].tolist() == [0.5]

    @pytest.mark.practice("L3")
    @pytest.mark.parametrize("until", ["2013-03-03 17:30", "2013-03-08 06:00", "2013-03-12 23:00"])
    def test_what_lands_later_changes_no_earlier_row(self, cleaned: pd.DataFrame, until: str) -> None:
        whole = memory.route_memory(cleaned)
        by_then = memory.route_memory(cleaned[cleaned["landed_at"] <= at(until)])
        earlier = by_then[by_then["valid_from"] <= at(until)].reset_index(drop=True)
        assert len(earlier) > 500
        pd.testing.assert_frame_equal(whole[whole["valid_from"] <= at(until)].reset_index(drop=True), earlier)


class TestWeather:
    def test_an_observation_is_known_an_hour_later(self) -> None:
        weather = sources.weather().head(3)
        known = memory.weather_memory(weather)["valid_from"]
        assert (known.to_numpy() == (weather["time_hour"] + pd.Timedelta(hours=1)).to_numpy()).all()

    def test_a_wind_that_cannot_be_is_dropped(self) -> None:
        weather = sources.weather()
        impossible = weather[weather["wind_speed"] > 150]
        assert len(impossible) == 1
        assert memory.weather_memory(impossible)[["wind_speed", "wind_gust"]].isna().all(axis=None)
        assert memory.weather_memory(weather)["wind_speed"].max() < 100

    def test_without_a_gust_the_wind_is_the_strongest(self) -> None:
        weather = sources.weather().head(2).assign(wind_speed=[10.0, 12.0], wind_gust=[25.0, None])
        assert memory.weather_memory(weather)["wind_gust"].tolist() == [25.0, 12.0]


def test_the_register_is_known_from_the_start_of_the_year() -> None:
    register = memory.aircraft_memory(sources.planes()).set_index("tailnum")
    assert register.loc["N14228", ["year_built", "seats"]].tolist() == [1999.0, 149.0]
    assert (register["valid_from"] == at("2013-01-01")).all()
