"""The log cut into months, weeks and days."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.unit.monitoring import small
from workbench.data.tables import Origin, Tables
from workbench.errors import UnknownName
from workbench.monitoring.windows import WindowFinding, find, from_frame, to_frame


def _find(predictions: pd.DataFrame, **options: Any) -> list[WindowFinding]:
    given = {"config": small.CONFIG, "expected": 0.8, "threshold": 0.4, "html": False, **options}
    return find(predictions, reference=small.reference(), **given)


@pytest.fixture(scope="module")
def story() -> list[WindowFinding]:
    """August as ever; September drifts; nothing in October; in November the labels are chance."""
    months = [
        small.predictions("2026-08"),
        small.predictions("2026-08", role="shadow", version=2),
        small.predictions("2026-09", shift=2.0),
        small.predictions("2026-11", lost=1.0),
    ]
    return _find(pd.concat(months, ignore_index=True), expected={1: 0.8})


@pytest.mark.practice("L7")
def test_each_month_has_its_findings_and_an_empty_one_is_said(story: list[WindowFinding]) -> None:
    assert [item.name for item in story] == ["2026-08", "2026-09", "2026-10", "2026-11"]
    assert story[0].start == datetime(2026, 8, 1, tzinfo=UTC)
    assert story[0].end == story[1].start == datetime(2026, 9, 1, tzinfo=UTC)
    assert [item.drift.drifted for item in story] == [(), ("wind",), (), ()]
    assert [item.drift.prediction for item in story] == ["stable", "drifted", "inconclusive", "stable"]
    assert [item.champion.verdict if item.champion else None for item in story] == [
        "held",
        "held",
        None,
        "dropped",
    ]
    assert story[2].drift.rows == 0
    assert story[2].performances == ()


@pytest.mark.practice("P5")
def test_champion_and_shadow_stand_side_by_side(story: list[WindowFinding]) -> None:
    first, second = story[0].performances
    assert (first.role, first.model_version, second.role, second.model_version) == (
        "champion",
        1,
        "shadow",
        2,
    )
    assert first.metrics == second.metrics
    assert (first.expected, np.isnan(second.expected)) == (0.8, True)


def test_what_the_shadow_was_asked_does_not_count_twice(story: list[WindowFinding]) -> None:
    assert story[0].drift.rows == story[0].performances[0].rows == 800


def test_an_answer_that_is_there_twice_counts_once_and_the_later_label_holds() -> None:
    month = small.predictions("2026-08")
    corrected = month.head(10).assign(value=1.0)
    found = _find(pd.concat([month, corrected], ignore_index=True))[0]
    assert found.performances[0].rows == 800
    expected = (month["value"].sum() + 10 - month["value"].head(10).sum()) / 800
    assert found.performances[0].positive_share == pytest.approx(expected)


def test_the_month_begins_where_the_project_lives() -> None:
    month = small.predictions("2026-08").assign(asked_at=pd.Timestamp("2026-08-01T02:00Z"))
    assert [item.name for item in _find(month)] == ["2026-08"]
    found = _find(month, timezone="America/New_York")[0]
    assert found.name == "2026-07"
    assert found.end == datetime(2026, 8, 1, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("window", "first", "count"),
    [("day", "2026-08-01", 31), ("week", "2026-07-27", 6), ("month", "2026-08", 1)],
)
def test_windows_may_be_days_weeks_or_months(window: str, first: str, count: int) -> None:
    config = small.CONFIG.model_copy(update={"window": window, "minimum_labels": 20})
    found = _find(small.predictions("2026-08"), config=config)
    assert [len(found), found[0].name] == [count, first]
    assert all(one.end == other.start for one, other in pairwise(found))
    assert sum(item.drift.rows for item in found) == 800


def test_a_day_on_which_midnight_does_not_exist_begins_when_the_clock_does() -> None:
    month = small.predictions("2026-09").assign(asked_at=pd.Timestamp("2026-09-06T12:00Z"))
    config = small.CONFIG.model_copy(update={"window": "day"})
    found = _find(month, config=config, timezone="America/Santiago")[0]
    assert found.start == datetime(2026, 9, 6, 4, tzinfo=UTC)  # 01:00 there, since 00:00 was skipped
    assert found.end == datetime(2026, 9, 7, 3, tzinfo=UTC)


def test_with_two_champions_in_a_window_the_one_that_answered_more_is_told() -> None:
    both = [small.predictions("2026-08", 300, version=1), small.predictions("2026-08", version=2)]
    both[0]["prediction_id"] = "a" + both[0]["prediction_id"]
    found = _find(pd.concat(both, ignore_index=True))[0]
    assert [item.model_version for item in found.performances] == [1, 2]
    assert found.champion is found.performances[1]


def test_no_predictions_are_no_findings_and_a_column_that_lacks_is_named() -> None:
    month = small.predictions("2026-08")
    assert _find(month.head(0)) == []
    assert to_frame([]).empty
    assert from_frame(to_frame([])) == []
    with pytest.raises(UnknownName, match="no column 'value' in the predictions"):
        _find(month.drop(columns="value"))


def test_a_feature_that_the_log_lacks_drifted_and_the_rest_is_judged() -> None:
    found = _find(small.predictions("2026-08").drop(columns="feature.wind"))[0]
    assert found.drift.drifted == ("wind",)
    assert found.drift.features.set_index("feature").loc["origin", "verdict"] == "stable"


def test_findings_are_written_as_a_dataset_and_read_back(story: list[WindowFinding], tmp_path: Path) -> None:
    frame = to_frame(story)
    assert frame["window"].tolist() == ["2026-08", "2026-08", "2026-09", "2026-10", "2026-11"]
    tables = Tables(str(tmp_path))
    version = tables.write("findings", frame, origin=Origin("r", "monitor", "ada"))
    again = from_frame(tables.read(version))
    pd.testing.assert_frame_equal(to_frame(again), frame, check_dtype=False)
    for one, other in zip(again, story, strict=True):
        assert (one.name, one.start, one.end) == (other.name, other.start, other.end)
        assert one.drift.drifted == other.drift.drifted
        assert [item.metrics for item in one.performances] == [
            pytest.approx(item.metrics, nan_ok=True) for item in other.performances
        ]
        assert [item.verdict for item in one.performances] == [item.verdict for item in other.performances]
