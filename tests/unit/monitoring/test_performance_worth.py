"""Calibration of scores and worth of answers in a window; findings as JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.unit.monitoring import small
from workbench.config import UtilityConfig
from workbench.monitoring.performance import Performance, Standard, measure_performance
from workbench.tracking.metrics import calibration_error

UTILITY = UtilityConfig(unit="minutes", true_positive=20, false_positive=-10)


def answers(rows: int = 2000) -> pd.DataFrame:
    return small.predictions("2026-08", rows).rename(columns={"value": "truth"})


def measured(frame: pd.DataFrame, **standard: Any) -> Performance:
    held = Standard(**{"expected": 0.8, "threshold": 0.4, "utility": UTILITY, **standard})
    return measure_performance(
        frame,
        role="champion",
        model_version=1,
        config=small.CONFIG,
        standard=held,
        now=datetime(2026, 10, 1, tzinfo=UTC),
    )


@pytest.mark.practice("L7", "M8")
def test_scores_that_mean_what_they_say_are_calibrated() -> None:
    frame = answers()
    found = measured(frame, calibration_error=0.06).calibration
    assert found is not None
    assert found.verdict == "passed"
    assert found.error.value == pytest.approx(calibration_error(frame["truth"], frame["score"]))
    assert found.error.low < found.error.value < found.error.high
    assert len(found.bins) == 10
    assert sum(item.rows for item in found.bins) == 2000
    assert all(190 <= item.rows <= 210 for item in found.bins)
    scores = [item.score for item in found.bins]
    assert scores == sorted(scores)
    highest = frame[frame["score"] >= frame["score"].quantile(0.9)]
    assert found.bins[-1].score == pytest.approx(highest["score"].mean())
    assert found.bins[-1].observed == pytest.approx(highest["truth"].mean())


def test_scores_that_say_too_much_are_found() -> None:
    frame = answers()
    found = measured(frame.assign(score=np.sqrt(frame["score"])))
    assert found.calibration is not None
    assert found.calibration.verdict == "failed"
    signal = next(item for item in found.signals() if item.name == "calibration.error")
    assert (signal.verdict, signal.value) == ("bad", found.calibration.error.value)


def test_equal_scores_share_a_bin() -> None:
    found = measured(answers().assign(score=0.3)).calibration
    assert found is not None
    assert [(item.rows, item.score) for item in found.bins] == [(2000, pytest.approx(0.3))]


@pytest.mark.practice("O5")
def test_the_window_is_told_in_the_business_s_own_unit() -> None:
    frame = answers()
    flagged = frame["score"] >= 0.4
    right, wrong = (int((flagged & (frame["truth"] == outcome)).sum()) for outcome in (1, 0))
    found = measured(frame).utility
    assert found is not None
    assert found.unit == "minutes"
    assert found.total == 20 * right - 10 * wrong
    assert found.per_100.value == pytest.approx(found.total / 20)
    assert found.per_100.low < found.per_100.value < found.per_100.high
    assert found.gain_per_100 == found.per_100  # flagging nobody is worth nothing here
    assert found.verdict == "ok"
    assert "minutes in all" in found.why


@pytest.mark.practice("O5", "P10")
def test_answers_that_cost_more_than_they_gain_are_found() -> None:
    dear = UTILITY.model_copy(update={"false_positive": -90.0})
    found = measured(answers(), utility=dear)
    assert found.utility is not None
    assert found.utility.gain_per_100.high < 0
    assert next(item for item in found.signals() if item.name == "utility.value").verdict == "bad"
    assert found.verdict == "held"


def test_a_miss_that_costs_makes_warning_worth_more() -> None:
    dear = UTILITY.model_copy(update={"false_negative": -50.0})
    found = measured(answers(), utility=dear).utility
    assert found is not None
    assert found.total < 0 < found.gain_per_100.low
    assert found.verdict == "ok"


def test_without_declared_values_there_is_no_worth() -> None:
    assert measured(answers(), utility=None).utility is None


@pytest.mark.parametrize("rows", [0, 30, 2000])
def test_a_performance_survives_json(rows: int) -> None:
    frame = answers().head(rows)
    frame["known_at"] = frame["asked_at"] + pd.Timedelta(hours=3)
    found = measured(frame, groups=("origin",))
    text = json.dumps(found.to_dict(), allow_nan=False)
    again = Performance.from_dict(json.loads(text))
    assert repr(again) == repr(found)  # NaN equals nothing, itself included
    assert [repr(item) for item in again.signals()] == [repr(item) for item in found.signals()]
    assert len({item.name for item in found.signals()}) == len(list(found.signals()))
