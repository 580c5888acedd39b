"""Data drift: every shape of data gets a verdict, never an exception."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.drifting import by_evidently, pairs
from workbench.data.summary import Counting, summarize
from workbench.errors import DataError, UnknownName
from workbench.monitoring.drift import PREDICTION, DriftResult, judge_drift, measure_drift

ROWS = 1500


def _frame(count: int = ROWS, seed: int = 0, shift: float = 0.0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "wind": random.normal(shift, 1, count),
            "hour": random.integers(5, 23, count),
            "origin": random.choice(["EWR", "JFK", "LGA"], count),
        }
    )


def _verdict(before: Any, now: Any, **options: Any) -> pd.Series:
    """The row for one column with these values."""
    found = measure_drift(pd.DataFrame({"x": before}), pd.DataFrame({"x": now}), **options)
    assert len(found.features) == 1
    return found.features.iloc[0]


@pytest.mark.practice("L7")
def test_a_feature_that_moved_is_found_and_the_others_are_left_alone() -> None:
    found = measure_drift(_frame(), _frame(seed=1, shift=1.0))
    assert found.drifted == ("wind",)
    assert found.share == pytest.approx(1 / 3)
    assert (found.rows, found.reference_rows) == (ROWS, ROWS)
    row = found.features.set_index("feature").loc["wind"]
    assert row["method"] == "Wasserstein distance (normed)"
    assert row["score"] == pytest.approx(1.0, abs=0.15)
    assert row["threshold"] == 0.1
    assert found.features["verdict"].tolist() == ["drifted", "stable", "stable"]


@pytest.mark.practice("L7")
def test_the_scores_own_drift_stands_apart_from_the_features() -> None:
    random = np.random.default_rng(0)
    before, now = _frame(), _frame(seed=1)
    before[PREDICTION], now[PREDICTION] = random.uniform(0, 0.5, ROWS), random.uniform(0.3, 1, ROWS)
    found = measure_drift(before, now)
    assert found.prediction == "drifted"
    assert found.drifted == ()
    assert found.share == 0.0
    assert measure_drift(_frame(), now).prediction is None


def test_a_small_reference_is_judged_by_a_p_value() -> None:
    row = _verdict(np.random.default_rng(0).normal(size=400), np.random.default_rng(1).normal(0.5, 1, 400))
    assert (row["method"], row["verdict"]) == ("K-S p_value", "drifted")
    assert row["score"] < row["threshold"] == 0.05
    row = _verdict(np.random.default_rng(0).normal(size=400), np.random.default_rng(2).normal(size=400))
    assert row["verdict"] == "stable"
    assert row["score"] > 0.05


def test_an_empty_window_is_inconclusive() -> None:
    found = measure_drift(_frame(), _frame().head(0))
    assert set(found.features["verdict"]) == {"inconclusive"}
    assert np.isnan(found.share)
    assert found.rows == 0


@pytest.mark.parametrize(
    ("before", "now"),
    [
        pytest.param(np.zeros(500), [np.nan] * 3, id="3 rows, all missing"),
        pytest.param(np.zeros(500), [0.0, np.nan, 0.0], id="a third missing, of 3 rows"),
        pytest.param(["a"] * 3, ["b"] * 500, id="3 rows of reference"),
    ],
)
def test_few_rows_say_nothing_about_what_may_be_chance(before: Any, now: Any) -> None:
    row = _verdict(before, now)
    assert (row["verdict"], row["note"]) == ("inconclusive", "3 rows are too few (of 200)")


def test_few_rows_are_enough_for_another_type_or_a_column_that_is_gone() -> None:
    assert _verdict(np.zeros(500), ["a"])["method"] == "type"
    found = measure_drift(_frame(), _frame(3).drop(columns="wind")).features.set_index("feature")
    assert found.loc["wind", "verdict"] == "drifted"


def test_few_values_among_many_missing_ones_are_inconclusive() -> None:
    rare = np.full(2000, np.nan)
    rare[:100] = 1.0
    row = _verdict(rare, rare + 5)
    assert row["verdict"] == "inconclusive"
    assert row["note"] == "100 values are too few (of 200); the others are missing"


def test_few_rows_are_inconclusive() -> None:
    found = measure_drift(_frame(), _frame(50, shift=9.0))
    assert set(found.features["verdict"]) == {"inconclusive"}
    assert found.features["note"].unique().tolist() == ["50 rows are too few (of 200)"]


NUMBERS = np.random.default_rng(3).normal(size=ROWS)
LETTERS = np.random.default_rng(3).choice(list("abc"), ROWS)
NOTHING = np.full(ROWS, np.nan)
TIMES = pd.date_range("2026-01-01", periods=ROWS, freq="h", tz="UTC")


@pytest.mark.practice("L7")
@pytest.mark.parametrize(
    ("before", "now", "verdict", "says"),
    [
        pytest.param(NUMBERS, NOTHING, "drifted", "all values are missing", id="all missing now"),
        pytest.param(NUMBERS, [None] * ROWS, "drifted", "all values are missing", id="all None now"),
        pytest.param(NOTHING, NOTHING, "inconclusive", "as in the reference", id="always missing"),
        pytest.param(NOTHING, NUMBERS, "drifted", "in the reference all are missing", id="missing before"),
        pytest.param(NUMBERS, np.full(ROWS, np.inf), "drifted", "no finite value here", id="all infinite"),
        pytest.param(
            np.full(ROWS, np.inf), NUMBERS, "inconclusive", "no finite value in the ref", id="infinite before"
        ),
        pytest.param(NUMBERS, LETTERS, "drifted", "was a number, is text", id="number turned text"),
        pytest.param(
            NUMBERS, NUMBERS.astype(str), "drifted", "was a number, is text", id="number written as text"
        ),
        pytest.param(LETTERS, NUMBERS, "drifted", "was text, is a number", id="text turned number"),
        pytest.param(
            NUMBERS,
            np.where(np.arange(ROWS) % 2, NUMBERS, np.nan),
            "drifted",
            "missing: 0% in the reference, 50% here",
            id="half missing now",
        ),
        pytest.param(
            NUMBERS,
            np.where(np.arange(ROWS) < 5, np.inf, NUMBERS),
            "stable",
            "5 infinite values",
            id="few infinite",
        ),
        pytest.param(
            NUMBERS,
            pd.array(NUMBERS, dtype="Float64"),
            "stable",
            "",
            id="Float64",
        ),
        pytest.param(NUMBERS, NUMBERS.astype(object), "stable", "", id="numbers as objects"),
        pytest.param(np.ones(ROWS), np.ones(ROWS), "stable", "", id="constant"),
        pytest.param(np.ones(ROWS), np.full(ROWS, 7.0), "drifted", "", id="another constant"),
        pytest.param(["a"] * ROWS, ["a"] * ROWS, "stable", "", id="one category"),
        pytest.param(LETTERS == "a", LETTERS == "a", "stable", "", id="booleans"),
        pytest.param(LETTERS, pd.Categorical(LETTERS), "stable", "", id="categorical dtype"),
        pytest.param(
            LETTERS, np.where(LETTERS == "a", "z", LETTERS), "drifted", "new since the reference: z", id="new"
        ),
        pytest.param(NUMBERS, [Decimal(f"{number:.9f}") for number in NUMBERS], "stable", "", id="decimals"),
        pytest.param(
            np.arange(ROWS) % 9,
            pd.array(np.arange(ROWS) % 9, dtype="Int64"),
            "stable",
            "",
            id="Int64",
        ),
        pytest.param(LETTERS == "a", pd.array(LETTERS == "a", dtype="boolean"), "stable", "", id="boolean"),
        pytest.param(LETTERS == "a", 1.0 * (LETTERS == "a"), "stable", "", id="a flag, as logged"),
        pytest.param(TIMES, TIMES, "inconclusive", "times are not compared", id="times"),
        pytest.param(TIMES, TIMES.astype(str), "drifted", "was a time, is text", id="time turned text"),
        pytest.param(
            LETTERS,
            np.where(LETTERS == "a", "b", LETTERS),
            "drifted",
            "not seen here: a (3",
            id="vanished",
        ),
        pytest.param(
            NUMBERS,
            np.where(np.arange(ROWS) < 15, 9.0, NUMBERS),
            "stable",
            "1.00% above the reference's largest",
            id="beyond the range",
        ),
        pytest.param(
            NUMBERS,
            np.where(np.arange(ROWS) < 15, -9.0, NUMBERS),
            "stable",
            "1.00% below the reference's smallest",
            id="below the range",
        ),
        pytest.param(
            pd.Series([1, "a", None, 2.5] * 375, dtype=object),
            pd.Series([1, "a", None, 2.5] * 375, dtype=object),
            "stable",
            "",
            id="mixed",
        ),
    ],
)
def test_every_shape_of_a_column_has_its_verdict(before: Any, now: Any, verdict: str, says: str) -> None:
    row = _verdict(before, now)
    assert row["verdict"] == verdict, row
    assert row["drifted"] == (verdict == "drifted")
    assert says in row["note"]


def test_a_column_that_is_gone_drifted_and_one_that_is_new_is_not_judged() -> None:
    before, now = _frame(), _frame(seed=1)
    found = measure_drift(before, now.drop(columns="wind")).features.set_index("feature")
    assert (found.loc["wind", "verdict"], found.loc["wind", "note"]) == (
        "drifted",
        "the column is gone: no row has a value",
    )
    assert found.loc["hour", "verdict"] == "stable"
    found = measure_drift(before.drop(columns="wind"), now, columns=list(now)).features
    assert found.iloc[0][["verdict", "note"]].tolist() == ["inconclusive", "the reference has no such column"]


def test_a_rare_category_of_the_reference_is_not_new_however_many_rows_there_are() -> None:
    before = ["a", "b"] * 10_000 + ["rare"]
    row = _verdict(before, ["a", "b"] * 700 + ["rare"] * 3)
    assert row["verdict"] == "stable"
    assert row["note"] == ""


def test_thousands_of_categories_are_judged_in_time_and_most_common_first() -> None:
    random = np.random.default_rng(0)
    many = [f"N{number}" for number in random.integers(0, 3000, 5000)]
    row = _verdict(["common"] * 5000 + many, ["common"] * 1000 + many)
    assert row["verdict"] == "drifted"
    assert _verdict(["common"] * 5000 + many, ["common"] * 5000 + many)["verdict"] == "stable"


HOSTILE = [
    "</script><script>alert(1)</script>",
    "a\x00b\x1b[31m",
    "'; DROP TABLE x; --",
    "${jndi:x}",
    "\u202e",
]


def test_hostile_text_is_data() -> None:
    before = pd.DataFrame({"a<b>": ["x", "y"] * 800, "{c}": HOSTILE * 320})
    now = pd.DataFrame(
        {"a<b>": [*HOSTILE, "x"] * 200, "{c}": pd.Series(["new \x07", "\ud800"] * 600, dtype=object)}
    )
    found = measure_drift(before, now)
    assert found.features["verdict"].tolist() == ["drifted", "drifted"]
    again = DriftResult.from_dict(found.to_dict())
    assert again.features["feature"].tolist() == ["a<b>", "{c}"]
    for text in (*found.features["note"], *found.distribution("{c}").labels):
        assert text.isprintable()
        assert len(text) < 500
    assert "<script>alert(1)" in found.features["note"].iloc[0]  # plain text: who prints it has to escape it


def test_a_hundred_thousand_categories_are_judged() -> None:
    many = [f"N{number}" for number in range(99_999)]
    found = measure_drift(pd.DataFrame({"x": many + ["a"] * 1000}), pd.DataFrame({"x": many + ["b"] * 1000}))
    row = found.features.iloc[0]
    assert (row["verdict"], row["method"]) == ("stable", "Jensen-Shannon distance")
    assert "new since the reference: b (0.99% of rows)" in row["note"]
    assert row["vanished"] == pytest.approx(1000 / 100_999)
    assert len(found.distribution("x").labels) == 20
    assert len(json.dumps(found.to_dict())) < 10_000


def test_a_type_that_changes_within_a_window_is_told_with_its_share() -> None:
    counting = Counting(summarize(pd.DataFrame({"x": NUMBERS})))
    counting.add(pd.DataFrame({"x": NUMBERS}))
    counting.add(pd.DataFrame({"x": ["oops"] * 15}))
    row = judge_drift(summarize(pd.DataFrame({"x": NUMBERS})), counting.summary()).features.iloc[0]
    assert (row["verdict"], row["note"]) == ("drifted", "was a number, is text in 0.99% of the values")


def test_a_window_that_was_counted_otherwise_is_refused() -> None:
    with pytest.raises(DataError, match=r"'wind' of the window was not counted against this reference"):
        judge_drift(summarize(_frame()), summarize(_frame(seed=1)))


def test_shares_stand_in_the_table() -> None:
    before = pd.DataFrame({"n": np.linspace(0, 1, 2000), "c": ["a", "b"] * 1000})
    now = pd.DataFrame({"n": np.linspace(0, 1.25, 2000), "c": ["a", "new", "a", None] * 500})
    table = measure_drift(before, now).features.set_index("feature")
    assert table.loc["n", "outside"] == pytest.approx(0.2, abs=0.001)
    assert table.loc["c", ["missing", "reference_missing"]].tolist() == [0.25, 0.0]
    now = pd.DataFrame({"n": np.linspace(0, 1.25, 2000), "c": ["a", "new", "a", "a"] * 500})
    row = measure_drift(before, now).features.set_index("feature").loc["c"]
    assert row[["new", "vanished"]].tolist() == [0.25, 0.5]


@pytest.mark.practice("L7")
@pytest.mark.parametrize(("reference", "window"), [(900, 400), (2500, 700)])
def test_method_score_and_verdict_are_evidentlys(reference: int, window: int) -> None:
    before, now = pairs(reference, window, [0.12], seed=reference)
    found = measure_drift(before, now).features.set_index("feature")
    expected = by_evidently(before, now)
    assert len(expected) == 35
    for name, verdict in expected.items():
        row = found.loc[name]
        assert row["method"] == verdict.method, name
        assert row["score"] == pytest.approx(verdict.score, abs=0.01 * row["threshold"], rel=0.01), name
        assert row["drifted"] == verdict.drifted, name


def test_a_distribution_has_at_most_twenty_bars_and_counts_everything() -> None:
    random = np.random.default_rng(0)
    before, now = pairs(3000, 2000, [0.5], seed=1)
    before["time"] = pd.Timestamp("2026-01-01") + pd.to_timedelta(random.integers(0, 10**7, 3000), "s")
    now["time"] = pd.Timestamp("2026-02-01") + pd.to_timedelta(random.integers(0, 10**7, 2000), "s")
    found = DriftResult.from_dict(measure_drift(before, now).to_dict())
    for name in before:
        bars = found.distribution(name)
        assert 1 <= len(bars.labels) <= 20, name
        assert len(bars.labels) == len(bars.reference) == len(bars.window), name
        assert (sum(bars.reference), sum(bars.window)) == pytest.approx((1, 1), abs=1e-4), name
        assert min(bars.reference + bars.window) >= 0, name
    with pytest.raises(UnknownName, match="'nothing'"):
        found.distribution("nothing")


@pytest.mark.parametrize(
    ("before", "now", "labels", "window"),
    [
        pytest.param([0, 1] * 500, [0, 1, 1, 2] * 250, ("0", "1", "(other)"), (0.25, 0.5, 0.25), id="few"),
        pytest.param(["a", "b"] * 500, ["c", "a"] * 500, ("a", "b", "c"), (0.5, 0.0, 0.5), id="categories"),
        pytest.param(["a", "b"] * 500, [1.0] * 500, ("a", "b"), (0.0, 0.0), id="another type"),
        pytest.param([1.0] * 500, [np.nan] * 500, ("1",), (0.0,), id="nothing now"),
        pytest.param([None] * 500, [1.0] * 500, (), (), id="nothing before"),
    ],
)
def test_bars_name_what_they_count(before: Any, now: Any, labels: Any, window: Any) -> None:
    bars = measure_drift(pd.DataFrame({"x": before}), pd.DataFrame({"x": now})).distribution("x")
    assert sorted(bars.labels) == sorted(labels)
    assert dict(zip(bars.labels, bars.window, strict=True)) == dict(zip(labels, window, strict=True))


def test_signals_say_what_alerts_may_look_at() -> None:
    before, now = _frame(), _frame(seed=1, shift=1.0)
    before[PREDICTION] = now[PREDICTION] = np.linspace(0, 1, ROWS)
    now.loc[: ROWS // 2, "hour"] = np.nan
    signals = {signal.name: signal for signal in measure_drift(before, now).signals()}
    assert signals["drift.share"].verdict == "bad"
    assert signals["drift.share"].value == pytest.approx(2 / 3)
    assert signals["drift.share"].says == "2 of 3 judged features drifted: wind, hour"
    assert signals["drift.prediction"].verdict == "ok"
    assert signals["drift.feature.wind"].verdict == "bad"
    assert "Wasserstein distance (normed) 0.98" in signals["drift.feature.wind"].says
    assert "times the line" in signals["drift.feature.wind"].says
    assert signals["drift.missing.hour"].verdict == "bad"
    assert signals["drift.missing.hour"].says == "hour: 50.1% missing, 0.0% in the reference"
    assert signals["drift.missing.wind"].verdict == "ok"
    assert "drift.missing.(score)" not in signals
    nothing = measure_drift(before, now.head(0))
    assert {signal.verdict for signal in nothing.signals()} == {"inconclusive"}
    assert {signal.name for signal in DriftResult.from_dict(nothing.to_dict()).signals()} == set(signals)


def test_it_comes_back_from_dict() -> None:
    found = measure_drift(_frame(), _frame(seed=1, shift=1.0).drop(columns="hour"))
    again = DriftResult.from_dict(found.to_dict())
    pd.testing.assert_frame_equal(again.features, found.features, check_dtype=False)
    assert (again.share, again.drifted, again.rows) == (found.share, found.drifted, found.rows)
    empty = measure_drift(_frame().head(0), _frame().head(0))
    assert np.isnan(DriftResult.from_dict(empty.to_dict()).share)
