"""Data drift: everyday shapes of data get a verdict, never an exception."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.monitoring.drift import PREDICTION, DriftResult, measure_drift

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


def test_few_rows_are_inconclusive() -> None:
    found = measure_drift(_frame(), _frame(50, shift=9.0))
    assert set(found.features["verdict"]) == {"inconclusive"}
    assert found.features["note"].unique().tolist() == ["50 rows are too few (of 200)"]


NUMBERS = np.random.default_rng(3).normal(size=ROWS)
LETTERS = np.random.default_rng(3).choice(list("abc"), ROWS)
NOTHING = np.full(ROWS, np.nan)


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
    assert (found.loc["wind", "verdict"], found.loc["wind", "note"]) == ("drifted", "the column is gone")
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


def test_it_comes_back_from_json() -> None:
    found = measure_drift(_frame(), _frame(seed=1, shift=1.0).drop(columns="hour"))
    again = DriftResult.from_json(found.to_json())
    pd.testing.assert_frame_equal(again.features, found.features, check_dtype=False)
    assert (again.share, again.drifted, again.rows) == (found.share, found.drifted, found.rows)
    empty = measure_drift(_frame().head(0), _frame().head(0))
    assert np.isnan(DriftResult.from_json(empty.to_json()).share)
