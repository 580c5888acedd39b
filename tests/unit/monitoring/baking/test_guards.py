"""What each guard says of a window, and when that is enough."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from workbench.config import BakingConfig, read_config
from workbench.errors import ConfigError
from workbench.monitoring.baking.evidence import Before, Outcome, WindowFigures
from workbench.monitoring.baking.guards import judge_outcome, judge_window, unjudged, violation

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)
BEFORE = Before(1, 1000, 10.0, 1000)
WINDOW = WindowFigures(NOON, NOON + timedelta(minutes=10), 1000, 0, 12.0, requests=1000)
OUTCOME = Outcome("roc_auc", 600, 0.70, 0.66, 0.74, 0.80, "where v1 lately had")


def verdict(guard: str, window: WindowFigures, **config: Any) -> bool | None:
    found = {each.guard: each.violated for each in judge_window(BakingConfig(**config), window, BEFORE)}
    return found[guard]


@pytest.mark.parametrize(
    ("rows", "failed", "violated"),
    [
        (2, 1, None),
        (49, 0, None),
        (0, 50, True),
        (49, 1, False),
        (97, 3, False),
        (95, 5, True),
        (990, 10, False),
    ],
)
def test_failures_count_when_they_are_surely_more_than_may_be(
    rows: int, failed: int, violated: bool | None
) -> None:
    window = replace(WINDOW, rows=rows, failed=failed, requests=rows, failed_requests=failed)
    assert verdict("failed_share", window) is violated


@pytest.mark.parametrize(
    ("requests", "failed", "violated"), [(0, 1, False), (0, 2, True), (100, 1, False), (20, 3, True)]
)
def test_a_request_that_failed_is_one_however_many_rows_it_had(
    requests: int, failed: int, violated: bool
) -> None:
    window = replace(
        WINDOW, rows=66 * requests, failed=66 * failed, requests=requests, failed_requests=failed
    )
    assert verdict("failed_share", window) is violated


@pytest.mark.parametrize(("slow", "violated"), [(0, False), (12, False), (30, True)])
@pytest.mark.parametrize(
    ("guard", "limit", "counted"), [("p99_ms", 100, "over_limit"), ("slower_than_before", 3, "over_before")]
)
def test_a_few_slow_answers_are_none(
    slow: int, violated: bool, guard: str, limit: float, counted: str
) -> None:
    assert verdict(guard, replace(WINDOW, **{counted: slow}), **{guard: limit}) is violated


@pytest.mark.parametrize(("requests", "slow", "violated"), [(1, 1, None), (19, 19, None), (20, 20, True)])
@pytest.mark.parametrize(
    ("guard", "limit", "counted"), [("p99_ms", 100, "over_limit"), ("slower_than_before", 3, "over_before")]
)
def test_a_few_requests_are_too_few_to_be_called_slow(
    requests: int, slow: int, violated: bool | None, guard: str, limit: float, counted: str
) -> None:
    window = replace(WINDOW, **{"requests": requests, counted: slow})
    assert verdict(guard, window, **{guard: limit}) is violated


@pytest.mark.parametrize(
    ("from_reference", "from_before", "violated"),
    [
        (1.0, 1.0, True),
        (1.0, 0.1, False),
        (0.1, 1.0, False),
        (1.0, math.nan, True),
        (math.nan, math.nan, None),
    ],
)
def test_scores_have_shifted_when_they_are_like_neither_validation_nor_the_champion_before(
    from_reference: float, from_before: float, violated: bool | None
) -> None:
    window = replace(WINDOW, from_reference=from_reference, from_before=from_before)
    assert verdict("score_shift", window, score_shift=0.5) is violated


@pytest.mark.parametrize("before", [None, BEFORE])
def test_scores_are_held_to_validation_where_the_champion_before_gave_too_few(before: Before | None) -> None:
    window = replace(WINDOW, from_reference=1.0)
    (found,) = [
        each for each in judge_window(BakingConfig(score_shift=0.5), window, before) if "score" in each.guard
    ]
    assert found.says == ("the scores lie 1.00 from those at validation (in standard deviations); 0.5 may be")
    assert found.violated


def test_what_lacks_is_told_of_each_guard_that_no_window_could_judge() -> None:
    config = BakingConfig(p99_ms=100, slower_than_before=3, score_shift=0.5, performance_drop=0.1)
    quiet = replace(WINDOW, rows=40, requests=7)
    assert unjudged(config, [quiet], None, None) == (
        {
            "failed_share": "40 of 50 rows",
            "p99_ms": "7 of 20 requests",
            "slower_than_before": "0 of 20 requests of a champion before",
            "score_shift": "too few scores on either side",
            "performance_drop": "0 of 500 labels",
        },
        False,
    )
    few = replace(OUTCOME, labelled=412)
    shifted = replace(WINDOW, from_before=0.1)
    assert unjudged(config, [shifted, quiet], BEFORE, few) == (
        {"performance_drop": "412 of 500 labels"},
        True,
    )
    assert unjudged(config, [shifted], BEFORE, replace(OUTCOME, bar=math.nan))[0] == {
        "performance_drop": "roc_auc or what it is held against is not known"
    }


@pytest.mark.parametrize(
    ("changed", "violated"),
    [
        ({}, True),
        ({"labelled": 499}, None),
        ({"high": 0.81}, False),
        ({"bar": 0.71}, False),
        ({"bar": math.nan}, None),
        ({"low": math.nan, "high": math.nan}, None),
        ({"metric": "brier", "bar": 0.6, "low": 0.65}, True),
        ({"bar_low": 0.78, "bar_high": 0.82}, True),
        ({"bar_low": 0.70, "bar_high": 0.90}, False),
        ({"metric": "brier", "bar": 0.6, "low": 0.65, "bar_low": 0.5, "bar_high": 0.69}, False),
    ],
)
def test_performance_is_worse_when_the_difference_is_larger_than_both_errors_together(
    changed: dict[str, Any], violated: bool | None
) -> None:
    found = judge_outcome(BakingConfig(performance_drop=0.05), replace(OUTCOME, **changed))
    assert found.violated is violated


def test_only_failures_roll_back_unless_the_project_says_more() -> None:
    terrible = replace(WINDOW, over_limit=1000, over_before=1000, from_reference=9.0, from_before=9.0)
    assert violation(BakingConfig(), [terrible], BEFORE, OUTCOME, NOON) is None
    found = violation(BakingConfig(p99_ms=100), [terrible], BEFORE, OUTCOME, NOON)
    assert found is not None
    assert found.says == "1,000 of 1,000 requests took longer than 100 ms (p99 12 ms), one in a hundred may"


def test_so_many_of_the_last_windows_violate_it() -> None:
    good, bad, unknown = (
        WINDOW,
        replace(WINDOW, failed=500, failed_requests=500),
        replace(WINDOW, rows=1, failed=1, requests=1, failed_requests=1),
    )
    config = BakingConfig(windows=3, violations=2)
    for windows, violated in (
        ([bad], False),
        ([bad, good, good, bad], False),
        ([bad, good, bad], True),
        ([bad, unknown, unknown, bad], True),
        ([bad, bad, good, good, good], True),
    ):
        assert (violation(config, windows, BEFORE, None, NOON) is not None) is violated


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("windows = 2\nviolations = 3", "baking: 3 violations in 2 windows can never be"),
        ('period = "1 h"\nwindows = 7', "baking: 7 windows of 0:10:00 are longer than the period"),
        ("slower_than_before = 1", "baking.slower_than_before: Input should be greater than 1 (given: 1)"),
        ('window = "soon"', 'baking.window: a duration is a number and a unit, such as "90 s"'),
        ("p99 = 100", "baking.p99: no such key"),
        ('to = ["webhook:ops"]', "[baking] to: no webhook 'ops' to go to"),
    ],
)
def test_what_is_wrong_with_it_is_said_in_one_line(tmp_path: Path, lines: str, says: str) -> None:
    file = tmp_path / "workbench.toml"
    file.write_text(f'[project]\nname = "x"\n\n[baking]\n{lines}\n\n[phases.a]\nnotebook = "a.ipynb"\n')
    with pytest.raises(ConfigError) as refused:
        read_config(file)
    assert says in refused.value.message
