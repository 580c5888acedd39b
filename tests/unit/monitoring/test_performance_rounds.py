"""Intervals from counts are those that the gates draw from rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from workbench.monitoring.performance.rounds import blocks_of, interval_of, places, rounds_of
from workbench.registry.gates.bootstrap import interval, metric_rounds
from workbench.tracking.metrics import METRICS, metric


def window(rows: int, days: int = 20, digits: int = 3) -> tuple[np.ndarray, np.ndarray, pd.Series]:
    random = np.random.default_rng(4)
    score = random.beta(2, 5, rows).round(digits)
    asked_at = pd.Timestamp("2026-08-01", tz="UTC") + pd.to_timedelta(random.random(rows) * days, "D")
    return (random.random(rows) < score).astype(float), score, pd.Series(asked_at)


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("days", [20, 2])
def test_each_round_is_that_of_the_gates(name: str, days: int) -> None:
    y, score, asked_at = window(1500, days)
    blocks = blocks_of(asked_at, seed=1)
    assert blocks.count == (20 if days == 20 else 48)
    found = rounds_of(name, y, score, blocks, 0.4)
    np.testing.assert_allclose(found, metric_rounds(name, y, score, blocks, 0.4), rtol=1e-9)


@pytest.mark.parametrize("name", ["roc_auc", "average_precision"])
def test_of_very_many_scores_the_interval_is_the_same_for_all_that_is_shown(name: str) -> None:
    y, score, asked_at = window(30_000, digits=12)
    assert len(np.unique(score)) > 25_000
    blocks = blocks_of(asked_at, seed=1)
    value = metric(name, y, score)
    found = interval_of(value, rounds_of(name, y, score, blocks, 0.5), blocks)
    expected = interval(value, metric_rounds(name, y, score, blocks))
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=2e-4)


def test_places_are_in_the_order_of_scores_and_few() -> None:
    score = np.random.default_rng(2).random(50_000)
    score[:20_000] = 0.5
    found = places(score)
    assert (np.diff(found[np.argsort(score, kind="stable")]) >= 0).all()
    assert len(np.unique(found[:20_000])) == 1
    assert found.max() < 8192
    assert np.array_equal(np.unique(found), np.arange(found.max() + 1))


def test_one_class_has_no_interval() -> None:
    y, score, asked_at = window(500)
    blocks = blocks_of(asked_at, seed=1)
    for name in ("roc_auc", "average_precision"):
        assert np.isnan(rounds_of(name, np.ones_like(y), score, blocks, 0.5)).all()


def test_a_few_hours_are_too_few_for_an_interval() -> None:
    y, score, asked_at = window(500, days=0)
    blocks = blocks_of(asked_at, seed=1)
    assert blocks.count == 1
    rounds = rounds_of("accuracy", y, score, blocks, 0.5)
    assert interval(0.5, rounds).known  # of no width, which would be certainty out of nothing
    assert not interval_of(0.5, rounds, blocks).known
