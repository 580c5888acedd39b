"""What users think, by window and user group; apart from what is true."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.unit.serving.tiny import make_tiny
from workbench.monitoring.opinions import Opinions, measure_opinions
from workbench.project import Project
from workbench.serving import labelled
from workbench.serving.protocol.truth import FeedbackRow
from workbench.serving.truth import feedback
from workbench.store.clock import SystemClock
from workbench.store.database import open_database

pytestmark = pytest.mark.practice("P8")
DAY = datetime(2026, 8, 1, tzinfo=UTC)


def said(ratings: list[float], *, group: str = "", remark: str = "", day: int = 0) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "prediction_id": [f"{group}{number}" for number in range(len(ratings))],
            "rating": ratings,
            "remark": remark,
            "user_group": group,
            "given_at": [DAY + timedelta(days=day, seconds=number) for number in range(len(ratings))],
        }
    ).astype({"rating": float})


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_tiny(tmp_path / "project")


def test_groups_are_told_apart_and_the_newest_remarks_are_kept() -> None:
    travellers = said([5.0] * 30 + [np.nan] * 2, group="travellers")
    agents = said([1.0, 2.0] * 6, group="agents", remark="<b>too many</b> warnings", day=1)
    found = measure_opinions(pd.concat([travellers, agents]))
    assert (found.count, found.predictions, found.remarks) == (44, 44, 12)
    assert [(group.group, group.count, group.remarks) for group in found.groups] == [
        ("travellers", 32, 0),
        ("agents", 12, 12),
    ]
    high, low = (group.rating for group in found.groups)
    assert (high.value, low.value) == (5.0, 1.5)
    assert 4.5 < high.low < high.high <= 5.0  # all agree, and yet nothing is certain
    assert 1.0 < low.low < 1.5 < low.high < 3.0
    assert found.newest[0].text == "<b>too many</b> warnings"  # as it was said; who shows it escapes it
    assert found.newest[0].given_at == DAY + timedelta(days=1, seconds=11)
    assert [remark.given_at for remark in found.newest] == sorted(
        (remark.given_at for remark in found.newest), reverse=True
    )


def test_a_rating_that_surely_fell_is_bad() -> None:
    before = measure_opinions(said([5.0, 4.0] * 40))
    for ratings, verdict in (
        ([4.0, 5.0] * 40, "ok"),
        ([1.0, 2.0, 3.0] * 30, "bad"),
        ([1.0] * 4, "inconclusive"),
    ):
        found = measure_opinions(said(ratings), before=before)
        assert found.verdict == verdict
        assert [item.name for item in found.signals()] == ["opinions.rating", "opinions.count"]
        assert next(found.signals()).verdict == verdict
    assert measure_opinions(said([3.0] * 20), before=before).why.endswith(f"; {before.rating} before")


def test_the_interval_holds_the_mean_of_all_in_most_samples() -> None:
    random = np.random.default_rng(8)
    everybody = random.choice([1.0, 2.0, 3.0, 4.0, 5.0], 100_000, p=[0.1, 0.1, 0.1, 0.2, 0.5])
    held = 0
    for _ in range(200):
        rating = measure_opinions(said(random.choice(everybody, 40).tolist())).rating
        held += rating.low <= everybody.mean() <= rating.high
    assert held >= 190


def test_nothing_said_and_ratings_that_are_none_are_no_error() -> None:
    nothing = measure_opinions(said([]))
    assert (nothing.count, nothing.groups, nothing.newest, nothing.verdict) == (0, (), (), "inconclusive")
    odd = measure_opinions(said([np.nan, np.inf, -np.inf, 99.0] * 5))
    assert (odd.count, odd.verdict) == (20, "inconclusive")
    assert np.isnan(odd.rating.value)


def test_very_many_groups_and_remarks_are_cut() -> None:
    found = measure_opinions(pd.concat([said([3.0], group=f"g{n}", remark="x", day=n) for n in range(80)]))
    assert (len(found.groups), len(found.newest), found.remarks) == (50, 20, 80)


def test_opinions_survive_json() -> None:
    for found in (measure_opinions(said([3.0] * 12, remark="späte\n")), measure_opinions(said([]))):
        again = Opinions.from_dict(json.loads(json.dumps(found.to_dict(), allow_nan=False)))
        assert repr(again) == repr(found)


def test_what_users_sent_in_a_window_is_read_and_is_no_truth(project: Project) -> None:
    rows = [
        FeedbackRow(prediction_id="p", at=DAY + timedelta(days=day), rating=1.0 + day % 5, user_group="g")
        for day in range(30)
    ]
    database = open_database(project)
    feedback.record(database, "log", rows, SystemClock(), request_id="r")
    database.close()
    start, end = DAY + timedelta(days=7), DAY + timedelta(days=21)
    found = measure_opinions(feedback.read(project, "log", start, end))
    assert (found.count, found.predictions, found.verdict) == (14, 1, "ok")
    assert measure_opinions(feedback.read(project, "log")).count == 30
    assert measure_opinions(feedback.read(project, "another", start, end)).count == 0
    predictions = pd.DataFrame({"prediction_id": ["p"], "score": [0.5]})
    assert labelled(project, "log", predictions)["truth"].isna().all()
