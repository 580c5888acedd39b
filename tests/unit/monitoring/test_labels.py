"""Late labels: how long they take, and whether enough are in to judge a window."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.unit.monitoring import small
from workbench.monitoring.performance import Labels, Performance, Standard, measure_performance, usual_labels
from workbench.monitoring.performance.answers import Answers
from workbench.monitoring.performance.labels import measure_labels

pytestmark = pytest.mark.practice("L7")
END = datetime(2026, 9, 1, tzinfo=UTC)


def answers(known: float = 1.0, hours: float = 10.0, **columns: Any) -> pd.DataFrame:
    """A month of answers; of this share the truth is known, after so many hours on average."""
    frame = small.predictions("2026-08").rename(columns={"value": "truth"})
    random = np.random.default_rng(1)
    frame["known_at"] = frame["asked_at"] + pd.to_timedelta(random.exponential(hours, len(frame)), "h")
    unknown = random.random(len(frame)) >= known
    frame.loc[unknown, ["truth", "known_at"]] = np.nan, pd.NaT
    return frame.assign(**columns)


def labels_of(frame: pd.DataFrame, **options: Any) -> Labels:
    now = options.get("now")
    return measure_labels(Answers.of(frame, time="asked_at", label="truth", now=now), **options)


def measured(frame: pd.DataFrame, **options: Any) -> Performance:
    standard = Standard(expected=0.8)
    given = {"role": "champion", "model_version": 1, "config": small.CONFIG, "standard": standard, **options}
    return measure_performance(frame, **given)


def settled(coverage: float, hours: float = 40.0) -> Labels:
    rows = 1000
    known = round(rows * coverage)
    return Labels(rows, known, hours / 8, hours / 2, hours, 3 * hours, 0, "early", "")


def test_delays_are_from_question_to_truth() -> None:
    found = labels_of(answers(), now=END + timedelta(days=30))
    assert found.median_hours == pytest.approx(10 * np.log(2), rel=0.1)
    assert found.p90_hours == pytest.approx(10 * np.log(10), rel=0.1)
    assert found.age_hours == pytest.approx(30 * 24, rel=0.01)
    assert (found.state, found.coverage, found.judged, found.before_asked) == ("ripe", 1.0, True, 0)
    assert {signal.name: signal.verdict for signal in found.signals()} == {
        "labels.coverage": "ok",
        "labels.delay_hours": "ok",
    }


def test_a_window_whose_labels_are_half_in_is_not_judged_whatever_they_say() -> None:
    frame = answers()
    frame["truth"] = 1 - frame["truth"]  # as bad as can be
    assert measured(frame, now=END + timedelta(days=9)).verdict == "dropped"
    early = measured(frame, now=datetime(2026, 8, 20, tzinfo=UTC))
    assert (early.verdict, early.rows) == ("inconclusive", 800)
    assert 0.5 < early.coverage < 0.7
    assert "known so far" in early.why
    assert early.labels is not None
    assert early.labels.state == "early"
    assert {item.verdict for item in early.signals() if item.name != "labels.delay_hours"} == {"inconclusive"}
    assert "become known only later" in early.notes[0]


def test_a_window_that_never_gets_all_labels_is_judged_when_it_has_what_is_usual() -> None:
    frame, now = answers(known=0.6), END + timedelta(days=9)
    assert labels_of(frame, now=now).state == "early"
    usual = usual_labels([settled(0.6), settled(0.62), settled(0.58)])
    assert usual is not None
    found = measured(frame, now=now, usual=usual)
    assert found.labels is not None
    assert found.labels.state == "partial"
    assert found.verdict == "held"
    assert "no more is expected: 3 earlier windows had 60% after 40 hours" in found.why


def test_labels_that_should_be_in_and_are_not_are_found_and_not_judged() -> None:
    usual = usual_labels([settled(0.95)] * 3)
    found = measured(answers(known=0.6), now=END + timedelta(days=9), usual=usual)
    assert found.labels is not None
    assert (found.labels.state, found.verdict) == ("short", "inconclusive")
    assert "more should be" in found.why
    assert next(found.labels.signals()).verdict == "bad"


def test_while_labels_may_still_come_what_is_usual_does_not_help() -> None:
    usual = usual_labels([settled(0.6)] * 3)
    assert labels_of(answers(known=0.6), now=END + timedelta(hours=30), usual=usual).state == "early"


def test_what_is_usual_is_told_by_windows_that_have_waited_long_enough() -> None:
    young = Labels(1000, 600, 1.0, 5.0, 40.0, 79.0, 0, "early", "")
    few = Labels(1000, 99, 1.0, 5.0, 40.0, 500.0, 0, "early", "")
    assert [labels.settled for labels in (young, few, settled(0.5))] == [False, False, True]
    assert usual_labels([young, few, settled(0.5), settled(0.6)]) is None
    found = usual_labels([young, settled(0.5), settled(0.6), settled(0.7, hours=90.0)])
    assert found is not None
    assert (found.windows, found.hours, found.coverage, found.settled) == (3, 90.0, 0.6, True)
    lately = [settled(0.6)] * 12
    assert usual_labels([*lately, settled(0.5, hours=900.0)]) == usual_labels(lately)


def test_ripe_windows_tell_what_is_missing_and_not_that_no_more_will_come() -> None:
    ripe = Labels(1000, 950, 1.0, 5.0, 40.0, 50.0, 0, "ripe", "")
    assert not ripe.settled
    usual = usual_labels([ripe] * 3)
    assert usual is not None
    assert (usual.hours, usual.coverage, usual.settled) == (50.0, 0.95, False)
    now = END + timedelta(hours=60)
    assert labels_of(answers(known=0.5), now=now, usual=usual).state == "short"
    assert labels_of(answers(known=0.88), now=now, usual=usual).state == "early"
    assert labels_of(answers(known=0.5), now=END + timedelta(hours=45), usual=usual).state == "early"
    assert usual_labels([Labels(1000, 950, *[float("nan")] * 4, 0, "ripe", "")] * 3) is None


def test_labels_that_come_later_than_they_used_to_are_said() -> None:
    usual = usual_labels([settled(0.99, hours=20.0)] * 3)
    found = labels_of(answers(hours=10.0), now=END + timedelta(days=9), usual=usual)
    assert found.late
    assert [item.verdict for item in found.signals()] == ["ok", "bad"]


def test_the_truth_that_was_known_before_anybody_asked_is_said() -> None:
    frame = answers()
    frame.loc[:9, "known_at"] = frame.loc[:9, "asked_at"] - pd.Timedelta(days=3)
    found = measured(frame)
    assert found.labels is not None
    assert found.labels.before_asked == 10
    assert found.verdict == "held"
    assert found.notes == ("10 labels were known before they were asked for: a clock is wrong",)


def test_an_answer_that_is_there_twice_counts_once_and_the_last_one_holds() -> None:
    frame = answers()
    corrected = frame.head(50).assign(truth=1.0)
    found = measured(pd.concat([frame, corrected]))
    assert found.rows == 800
    assert found.positive_share == pd.concat([corrected["truth"], frame["truth"][50:]]).mean()
    assert found.notes == ("50 answers that are there twice count once",)


@pytest.mark.parametrize(
    "truth",
    [
        pytest.param(lambda values: values.astype(bool), id="bool"),
        pytest.param(lambda values: values.astype("Int64"), id="Int64"),
        pytest.param(lambda values: values.astype("Float64"), id="Float64"),
        pytest.param(lambda values: values.astype(bool).astype("boolean"), id="boolean"),
        pytest.param(lambda values: values.map(lambda each: Decimal(int(each))).astype(object), id="Decimal"),
        pytest.param(lambda values: values.astype(bool).astype(object), id="object"),
        pytest.param(lambda values: values.astype("category"), id="category"),
        pytest.param(lambda values: values.astype(int).astype(str), id="text"),
    ],
)
def test_labels_may_be_of_any_kind_that_says_yes_or_no(truth: Any) -> None:
    frame = answers()
    plain = measured(frame)
    found = measured(frame.assign(truth=truth(frame["truth"])))
    assert (found.labelled, found.value, found.verdict) == (800, plain.value, "held")


@pytest.mark.parametrize(
    ("truth", "example"),
    [
        pytest.param(lambda rows: np.linspace(-20, 90, rows), "-20.0", id="minutes of delay"),
        pytest.param(lambda rows: np.full(rows, np.inf), "inf", id="infinite"),
        pytest.param(lambda rows: np.full(rows, "late", dtype=object), "late", id="names"),
    ],
)
def test_a_truth_that_is_no_yes_or_no_is_said_and_not_judged(truth: Any, example: str) -> None:
    found = measured(answers(truth=truth(800)))
    assert found.verdict == "inconclusive"
    assert "labels are neither 0 nor 1" in found.why
    assert f"(such as {example})" in found.notes[0]


def test_classes_that_are_named_are_said_and_not_judged() -> None:
    frame = answers(truth=np.nan, truth_label="late")
    found = measured(frame)
    assert (found.odd, found.labelled) == (800, 0)
    assert "no yes-or-no target" in found.why


def test_a_few_odd_labels_do_not_count_and_the_rest_is_judged() -> None:
    frame = answers()
    frame.loc[[3, 4], "truth"] = [2.0, np.inf]
    found = measured(frame)
    assert (found.labelled, found.odd, found.verdict) == (798, 2, "held")


def test_answers_from_no_time_are_left_out_and_said() -> None:
    frame = answers()
    frame.loc[:4, "asked_at"] = pd.NaT
    found = measured(frame)
    assert (found.rows, found.notes) == (795, ("5 answers without a time are left out",))


def test_times_may_be_texts_of_any_zone_and_those_that_are_none_are_left_out() -> None:
    frame = answers()
    plain = labels_of(frame)
    texts = frame["asked_at"].map(lambda moment: moment.tz_convert("Asia/Tokyo").isoformat())
    texts[::2] = frame["asked_at"].map(lambda moment: moment.isoformat())[::2]
    texts[5] = "yesterday"
    found = labels_of(frame.assign(asked_at=texts))
    assert (found.rows, found.state) == (799, "ripe")
    assert found.median_hours == pytest.approx(plain.median_hours, rel=0.01)


def test_no_label_at_all_and_nobody_who_says_when() -> None:
    found = measured(answers(known=0.0).drop(columns="known_at"))
    assert (found.verdict, found.labelled, found.calibration) == ("inconclusive", 0, None)
    assert found.labels is not None
    assert np.isnan(found.labels.p90_hours)
    assert {item.verdict for item in found.signals()} == {"inconclusive"}


def test_an_empty_window_is_no_error() -> None:
    found = measured(answers().head(0), now=END)
    assert (found.verdict, found.why) == ("inconclusive", "no predictions")
    assert {item.verdict for item in found.signals()} == {"inconclusive"}
