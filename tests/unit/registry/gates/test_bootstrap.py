"""Intervals by resampling days: equal to weighting every row, only faster."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as reference

from workbench.errors import DataError
from workbench.registry.gates.bootstrap import Days, Interval, interval, metric_rounds
from workbench.tracking.metrics import METRICS, calibration_bins, metric


def _rows(count: int = 1500, days: int = 12) -> tuple[pd.Series, np.ndarray, np.ndarray]:
    random = np.random.default_rng(5)
    time = pd.Series(
        pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(random.uniform(0, days, count), "D")
    )
    score = np.round(random.random(count), 2)
    return time, (random.random(count) < score).astype(float), score


WEIGHTED = {
    "roc_auc": reference.roc_auc_score,
    "average_precision": reference.average_precision_score,
    "brier": reference.brier_score_loss,
    "log_loss": lambda y, score, sample_weight: reference.log_loss(
        y, score.clip(1e-15, 1 - 1e-15), sample_weight=sample_weight
    ),
    "recall": lambda y, score, sample_weight: reference.recall_score(
        y, score >= 0.5, sample_weight=sample_weight
    ),
    "f1": lambda y, score, sample_weight: reference.f1_score(y, score >= 0.5, sample_weight=sample_weight),
}


@pytest.mark.parametrize("name", WEIGHTED)
def test_a_round_equals_the_metric_with_each_row_weighted_by_its_days_draws(name: str) -> None:
    time, y, score = _rows()
    days = Days.of(time, rounds=20, seed=1)
    found = metric_rounds(name, y, score, days)
    for value, draw in zip(found, days.draws, strict=True):
        assert value == pytest.approx(WEIGHTED[name](y, score, sample_weight=draw[days.code]), abs=1e-9)


def test_a_round_of_the_calibration_error_keeps_the_bins_and_weights_the_rows() -> None:
    time, y, score = _rows()
    days = Days.of(time, rounds=5, seed=1)
    found = metric_rounds("calibration_error", y, score, days)
    place = calibration_bins(score)
    for value, draw in zip(found, days.draws, strict=True):
        weight = draw[days.code]
        gaps = [abs(np.sum(((score - y) * weight)[place == number])) for number in range(10)]
        assert value == pytest.approx(sum(gaps) / weight.sum())


def test_each_round_draws_as_many_days_as_there_are() -> None:
    time, _, _ = _rows(days=12)
    days = Days.of(time, rounds=50, seed=2)
    assert days.count == 12
    assert (days.draws.sum(axis=1) == 12).all()
    assert days.draws.max() > 1


def test_the_same_seed_gives_the_same_draws() -> None:
    time, _, _ = _rows()
    same = [Days.of(time, rounds=30, seed=seed).draws for seed in (7, 7, 8)]
    assert np.array_equal(same[0], same[1])
    assert not np.array_equal(same[0], same[2])


def test_days_begin_at_midnight_of_the_columns_own_zone() -> None:
    time = pd.Series(pd.to_datetime(["2026-07-01T03:00Z", "2026-07-01T05:00Z"]))
    assert Days.of(time, rounds=1, seed=0).count == 1
    assert Days.of(time.dt.tz_convert("America/New_York"), rounds=1, seed=0).count == 2
    assert Days.of(time.dt.tz_convert("America/New_York"), rounds=1, seed=0, hourly=True).count == 2


def test_hours_are_hours_when_clocks_go_back() -> None:
    time = pd.Series(pd.date_range("2026-11-01T04:30Z", periods=4, freq="h")).dt.tz_convert(
        "America/New_York"
    )
    assert Days.of(time, rounds=1, seed=0, hourly=True).count == 4


def test_rows_of_a_day_that_move_together_widen_the_interval() -> None:
    random = np.random.default_rng(0)
    day = np.repeat(np.arange(30), 100)
    time = pd.Series(pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(day, "D"))
    score = np.full(3000, 0.5)
    of_days = np.repeat(random.random(30) < 0.5, 100).astype(float)
    of_rows = (random.random(3000) < 0.5).astype(float)
    days = Days.of(time, rounds=400, seed=0)
    together, apart = (
        interval(metric("positive_share", y, score), metric_rounds("positive_share", y, score, days))
        for y in (of_days, of_rows)
    )
    assert together.high - together.low > 5 * (apart.high - apart.low)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(1)
    time = pd.Series(
        pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(np.repeat(np.arange(30), 40), "D")
    )
    score, covered = np.full(1200, 0.5), 0
    for seed in range(200):
        share = np.clip(random.normal(0.3, 0.1, 30), 0, 1)
        y = (random.random(1200) < np.repeat(share, 40)).astype(float)
        rounds = metric_rounds("positive_share", y, score, Days.of(time, rounds=200, seed=seed))
        found = interval(y.mean(), rounds)
        covered += found.low <= 0.3 <= found.high
    assert 180 <= covered <= 199


def test_a_slice_keeps_the_draws_of_the_whole() -> None:
    time, y, score = _rows()
    days, some = Days.of(time, rounds=10, seed=1), score > 0.5
    assert days.only(some).draws is days.draws
    weight = days.draws[0][days.code[some]]
    found = metric_rounds("brier", y[some], score[some], days.only(some))[0]
    assert found == pytest.approx(reference.brier_score_loss(y[some], score[some], sample_weight=weight))


@pytest.mark.parametrize("name", METRICS)
def test_one_class_and_no_rows_give_no_interval_and_no_error(name: str) -> None:
    time, _, score = _rows(60)
    for y, scores, times in (
        (np.zeros(60), score, time),
        (np.ones(60), score, time),
        (np.zeros(0), np.zeros(0), time.iloc[:0]),
    ):
        days = Days.of(times, rounds=10, seed=0)
        found = interval(metric(name, y, scores), metric_rounds(name, y, scores, days))
        assert found.known == math.isfinite(found.value)
    assert not found.known
    assert str(found) == "unknown"


def test_too_many_rounds_without_a_value_leave_the_interval_unknown() -> None:
    rounds = np.append(np.full(85, 0.5), np.full(15, np.nan))
    assert not interval(0.5, rounds).known
    assert interval(0.5, rounds[:94]) == Interval(0.5, 0.5, 0.5)


def test_a_missing_time_and_an_unknown_metric_are_refused() -> None:
    time, y, score = _rows(10)
    time.name = "asked_at"
    days = Days.of(time, rounds=2, seed=0)
    with pytest.raises(DataError, match="no interval is known for metric 'lift'"):
        metric_rounds("lift", y, score, days)
    time[3] = pd.NaT
    with pytest.raises(DataError, match="1 of 10 rows have no asked_at"):
        Days.of(time, rounds=2, seed=0)
