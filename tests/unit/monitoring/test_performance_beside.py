"""A champion beside a shadow on the same predictions."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.unit.monitoring import small
from workbench.monitoring.performance import ShadowDelta, Standard, measure_delta

pytestmark = pytest.mark.practice("P5", "P9")


def answers(rows: int = 2000) -> pd.DataFrame:
    return small.predictions("2026-08", rows).rename(columns={"value": "truth"})


def noisy(frame: pd.DataFrame, noise: float) -> pd.DataFrame:
    random = np.random.default_rng(3)
    score = np.clip(frame["score"] + random.normal(0, noise, len(frame)), 0.0, 1.0)
    return frame.assign(score=score, role="shadow", model_version=2)


def measured(champion: pd.DataFrame, shadow: pd.DataFrame, **options: Any) -> ShadowDelta:
    given = {"config": small.CONFIG, "standard": Standard(threshold=0.4), "versions": (1, 2), **options}
    return measure_delta(champion, shadow, **given)


def test_a_shadow_that_is_surely_worse_is_found() -> None:
    champion = answers()
    shadow = noisy(champion, 0.3)
    found = measured(champion, shadow)
    differs = ((champion["score"] >= 0.4) != (shadow["score"] >= 0.4)).mean()
    assert found.disagreement.value == pytest.approx(differs)
    assert found.disagreement.low < differs < found.disagreement.high
    assert found.distance == pytest.approx((champion["score"] - shadow["score"]).abs().mean())
    assert found.difference.value == pytest.approx(found.shadow_value - found.champion_value)
    assert found.difference.high < 0
    assert (found.rows, found.labelled, found.verdict) == (2000, 2000, "bad")
    assert "of shadow v2" in found.why
    signals = {item.name: item for item in found.signals()}
    assert signals["shadow.delta"].verdict == "bad"
    assert signals["shadow.disagreement"].verdict == "ok"
    assert "of 2,000 rows differently" in signals["shadow.disagreement"].says


def test_a_better_shadow_and_one_that_hardly_differs_are_fine() -> None:
    frame = answers()
    worse, near = noisy(frame, 0.3), noisy(frame, 0.01)
    better = measured(worse, frame)
    assert better.verdict == "ok"
    assert better.difference.low > 0
    assert measured(frame, near).verdict == "ok"
    assert measured(frame, near, standard=Standard(metric="log_loss")).verdict == "ok"


def test_only_what_both_answered_counts_in_whatever_order() -> None:
    champion = answers()
    shadow = noisy(champion, 0.3).sample(1500, random_state=1)
    shadow = pd.concat([shadow, shadow.head(20), shadow.head(5).assign(prediction_id=list("abcde"))])
    found = measured(champion, shadow)
    assert (found.rows, found.champion_only, found.shadow_only) == (1500, 500, 5)
    both = champion.merge(shadow.drop_duplicates("prediction_id"), on="prediction_id")
    assert found.distance == pytest.approx((both["score_x"] - both["score_y"]).abs().mean())


def test_before_labels_come_disagreement_is_known_and_the_rest_is_not() -> None:
    champion = answers()
    champion.loc[::2, "truth"] = np.nan
    shadow = noisy(champion, 0.3)
    half = measured(champion, shadow)
    assert half.verdict == "inconclusive"
    assert "known so far" in half.why
    none = measured(champion.assign(truth=np.nan), shadow)
    assert (none.labelled, none.verdict, none.why) == (0, "inconclusive", "0 labels, 300 are asked")
    assert none.disagreement == half.disagreement


def test_nothing_in_common_is_no_error() -> None:
    frame = answers()
    for shadow in (
        frame.head(0),
        noisy(frame, 0.1).assign(prediction_id=lambda rows: rows.index.astype(str)),
    ):
        found = measured(frame, shadow)
        assert found.rows == 0
        assert {item.verdict for item in found.signals()} == {"inconclusive"}


def test_a_delta_survives_json() -> None:
    frame = answers()
    for shadow in (noisy(frame, 0.3), frame.head(0)):
        found = measured(frame, shadow)
        again = ShadowDelta.from_dict(json.loads(json.dumps(found.to_dict(), allow_nan=False)))
        assert repr(again) == repr(found)
