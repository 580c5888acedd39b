"""The metrics of a yes-or-no target, checked against scikit-learn and by hand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as reference

from workbench.tracking.metrics import (
    LOWER_IS_BETTER,
    METRICS,
    binary_metrics,
    calibration_error,
    improvement,
    metric,
)


def _sample(count: int = 2000) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(3)
    score = np.round(random.random(count), 2)  # with many ties
    return (random.random(count) < score).astype(float), score


@pytest.mark.practice("O1")
def test_the_whole_family_agrees_with_scikit_learn() -> None:
    y, score = _sample()
    flagged = score >= 0.4
    expected = {
        "roc_auc": reference.roc_auc_score(y, score),
        "average_precision": reference.average_precision_score(y, score),
        "log_loss": reference.log_loss(y, score.clip(1e-15, 1 - 1e-15)),
        "brier": reference.brier_score_loss(y, score),
        "accuracy": reference.accuracy_score(y, flagged),
        "precision": reference.precision_score(y, flagged),
        "recall": reference.recall_score(y, flagged),
        "f1": reference.f1_score(y, flagged),
        "false_positive_rate": flagged[y == 0].mean(),
        "positive_share": y.mean(),
        "flagged_share": flagged.mean(),
    }
    found = binary_metrics(y, score, threshold=0.4)
    assert set(found) == set(METRICS) == {*expected, "calibration_error"}
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-9), name


def test_calibration_error_is_the_mean_gap_of_ten_bins_of_equal_size() -> None:
    score = np.repeat(np.arange(10) / 10 + 0.05, 100)
    y = np.zeros(1000)
    for number in range(10):
        y[number * 100 : number * 100 + 10 * number] = 1  # 10 % too few in each bin but 5 of 100
    assert calibration_error(y, score) == pytest.approx(0.05)
    assert calibration_error(y, y) == 0.0
    assert calibration_error(np.tile([0.0, 1.0], 500), np.full(1000, 0.5)) == 0.0


@pytest.mark.parametrize("only", [0.0, 1.0])
def test_one_class_gives_nan_where_it_has_to(only: float) -> None:
    found = binary_metrics(np.full(50, only), np.linspace(0.1, 0.9, 50))
    assert math.isnan(found["roc_auc"])
    assert math.isnan(found["average_precision"])
    assert math.isnan(found["recall"]) == (only == 0)
    assert math.isnan(found["false_positive_rate"]) == (only == 1)
    assert found["positive_share"] == only
    assert math.isfinite(found["log_loss"])


def test_no_rows_give_nan_everywhere() -> None:
    assert all(math.isnan(value) for value in binary_metrics([], []).values())


def test_nothing_flagged_has_no_precision() -> None:
    found = binary_metrics([0, 1, 1, 0], [0.1, 0.2, 0.3, 0.1])
    assert math.isnan(found["precision"])
    assert found["recall"] == 0.0


def test_rows_whose_label_is_missing_do_not_count() -> None:
    y, score = _sample(200)
    holes = pd.Series(np.append(y, [np.nan, np.nan])).astype("Float64")
    assert binary_metrics(holes, np.append(score, [0.9, 0.1])) == pytest.approx(binary_metrics(y, score))


def test_a_score_that_is_no_number_leaves_only_the_labels() -> None:
    found = binary_metrics([0, 1, 1], [0.1, np.nan, 0.3])
    assert found.pop("positive_share") == pytest.approx(2 / 3)
    assert all(math.isnan(value) for value in found.values())


def test_labels_may_be_booleans_and_must_match_the_scores() -> None:
    y, score = _sample(100)
    assert metric("recall", y.astype(bool), score) == metric("recall", y, score)
    with pytest.raises(ValueError, match="99 labels for 100 scores"):
        metric("recall", y[1:], score)


def test_a_sure_and_wrong_score_costs_much_but_not_infinitely_much() -> None:
    assert 30 < metric("log_loss", [0.0, 1.0], [1.0, 1.0]) * 2 < 40


def test_improvement_turns_the_sign_of_what_should_be_low() -> None:
    assert improvement("roc_auc", 0.1) == 0.1
    assert all(improvement(name, 0.1) == -0.1 for name in LOWER_IS_BETTER)
