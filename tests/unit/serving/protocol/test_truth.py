"""Ground truth and feedback."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from workbench.serving.protocol.schema import Refused
from workbench.serving.protocol.truth import FeedbackRow, TruthRow, decode_feedback, decode_truth

NOW = datetime(2013, 9, 1, tzinfo=UTC)
AT = "2013-08-01T12:00+02:00"
KEY = {"carrier": "UA", "flight": 1545, "sched_dep": "2013-08-01T10:00Z"}


def truth(*rows: dict[str, Any], default: datetime | None = None, most: int = 100) -> list[TruthRow]:
    return decode_truth(json.dumps({"rows": rows}).encode(), most, default)


def feedback(*rows: dict[str, Any], most: int = 100) -> list[FeedbackRow]:
    return decode_feedback(json.dumps({"rows": rows}).encode(), most, NOW)


def test_truth_is_a_number_or_a_class_by_prediction_id_or_key() -> None:
    rows = truth(
        {"prediction_id": "a", "value": True, "known_at": AT},
        {"prediction_id": "b", "value": 2.5, "known_at": AT},
        {"key": KEY, "value": "diverted", "known_at": AT},
    )
    known_at = datetime(2013, 8, 1, 10, tzinfo=UTC)
    assert rows[:2] == [TruthRow("a", 1.0, known_at), TruthRow("b", 2.5, known_at)]
    assert (rows[2].prediction_id, rows[2].value, dict(rows[2].key or {})) == ("", "diverted", KEY)
    assert type(rows[0].value) is float


def test_truth_is_known_now_unless_it_says_when() -> None:
    assert truth({"prediction_id": "a", "value": 1}, default=NOW)[0].known_at == NOW
    with pytest.raises(Refused, match="known_at is missing"):
        truth({"prediction_id": "a", "value": 1})


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"value": 1}, "no prediction id"),
        ({"prediction_id": "", "value": 1}, "no prediction id"),
        ({"prediction_id": "x" * 65, "value": 1}, "no prediction id"),
        ({"prediction_id": "a\x00b", "value": 1}, "no prediction id"),
        ({"prediction_id": "\u00e9", "value": 1}, "no prediction id"),
        ({"prediction_id": "a"}, "value"),
        ({"prediction_id": "a", "value": None}, "value"),
        ({"prediction_id": "a", "value": ""}, "value"),
        ({"prediction_id": "a", "value": "x" * 201}, "value"),
        ({"prediction_id": "a", "value": [1]}, "value"),
        ({"prediction_id": "a", "value": 1, "known_at": "2013-08-01T10:00"}, "no time zone"),
        ({"prediction_id": "a", "value": 1, "late": 1}, "late"),
        ({"prediction_id": "a", "key": KEY, "value": 1}, "has a prediction_id and a key"),
        ({"key": {}, "value": 1}, "key has to name 1 to 20 columns"),
        ({"key": {"a": None}, "value": 1}, "'a' is null"),
        ({"key": {"a": "x" * 201}, "value": 1}, "'a' is longer"),
        ({"key": {"a": [1]}, "value": 1}, "key"),
        ({"key": dict.fromkeys(map(str, range(21)), 1), "value": 1}, "1 to 20 columns"),
    ],
)
def test_truth_that_cannot_be_taken_is_refused(row: dict[str, Any], says: str) -> None:
    with pytest.raises(Refused, match=says):
        truth({"known_at": AT, **row})


def test_feedback_is_a_rating_a_remark_or_both() -> None:
    rows = feedback(
        {"prediction_id": "a", "rating": "up"},
        {"prediction_id": "a", "rating": 1, "remark": "it landed early", "user_group": "west", "at": AT},
    )
    assert rows[0] == FeedbackRow("a", NOW, 5.0)
    assert rows[1] == FeedbackRow("a", datetime(2013, 8, 1, 10, tzinfo=UTC), 1.0, "it landed early", "west")


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"rating": 1}, "prediction_id"),
        ({"prediction_id": "", "rating": 1}, "no prediction id"),
        ({"prediction_id": "a"}, "neither a rating nor a remark"),
        ({"prediction_id": "a", "rating": 0}, "neither 1 to 5"),
        ({"prediction_id": "a", "rating": 6}, "neither 1 to 5"),
        ({"prediction_id": "a", "rating": "good"}, "neither 1 to 5"),
        ({"prediction_id": "a", "rating": True}, "rating"),
        ({"prediction_id": "a", "rating": 2.5}, "rating"),
        ({"prediction_id": "a", "remark": "x" * 2001}, "at most 2000"),
        ({"prediction_id": "a", "remark": "x", "user_group": "x" * 101}, "user_group"),
        ({"prediction_id": "a", "remark": "x", "at": "today"}, "no ISO time"),
        ({"prediction_id": "a", "remark": "x", "stars": 1}, "stars"),
    ],
)
def test_feedback_that_cannot_be_taken_is_refused(row: dict[str, Any], says: str) -> None:
    with pytest.raises(Refused, match=says):
        feedback(row)


def test_a_key_that_is_given_twice_is_refused() -> None:
    for decode_rows, given in (
        (decode_truth, '"value": 0, "value"'),
        (decode_feedback, '"rating": 1, "rating"'),
    ):
        body = f'{{"rows": [{{"prediction_id": "a", {given}: 1}}]}}'.encode()
        with pytest.raises(Refused, match="an object has a key twice"):
            decode_rows(body, 10, NOW)


def test_too_many_rows_are_refused() -> None:
    for decode_rows, row in ((truth, {"value": 1, "known_at": AT}), (feedback, {"rating": 1})):
        with pytest.raises(Refused) as refused:
            decode_rows({"prediction_id": "a", **row}, {"prediction_id": "b", **row}, most=1)
        assert refused.value.status == 413
