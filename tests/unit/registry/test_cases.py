"""Recorded cases: written, read back and asked again."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from tests.unit.registry import small, tasks
from workbench.errors import DataError, RegistryError, UnknownName
from workbench.registry.cases import features, inputs, read_cases, record_cases, write_cases, wrong_answers
from workbench.tracking.models import positive_scores


def test_they_are_spread_from_the_lowest_score_to_the_highest() -> None:
    scores = positive_scores(small.estimator(), small.rows()[small.FEATURES])
    found = record_cases(small.rows(), scores, inputs=small.INPUTS, features=small.FEATURES, count=5)
    assert list(found.columns) == [
        *("asked_at", "score", "input.size", "input.colour"),
        *("feature.size", "feature.age", "feature.colour"),
    ]
    assert found["score"].tolist() == np.sort(scores)[[0, 150, 300, 449, 599]].tolist()


def test_few_rows_give_few_cases() -> None:
    found = record_cases(small.rows().head(3), [0.1, 0.2, 0.3], inputs=[], features=["size"])
    assert len(found) == 3
    assert record_cases(small.rows().head(0), [], inputs=[], features=["size"]).empty


def test_they_come_back_from_text_as_they_were() -> None:
    recorded = small.recorded().assign(
        **{
            "input.count": range(8),
            "input.flag": [True, False] * 4,
            "input.gap": pd.array([1, None] * 4, dtype="Int64"),
            "input.when": pd.date_range("2026-07-01", periods=8, tz="America/New_York"),
            "input.word": ["é", None] * 4,
        }
    )
    text, digest = write_cases(recorded)
    again = read_cases(text, digest)
    assert again["score"].tolist() == recorded["score"].tolist()  # to the last bit
    assert again["asked_at"].tolist() == recorded["asked_at"].tolist()
    assert again["input.when"].tolist() == recorded["input.when"].tolist()
    assert again["input.count"].dtype == np.int64
    assert again["input.flag"].tolist() == recorded["input.flag"].tolist()
    assert again["input.gap"].tolist()[::2] == [1.0] * 4
    assert again["input.gap"].isna().tolist() == [False, True] * 4
    assert again["input.word"].isna().tolist() == [False, True] * 4
    pd.testing.assert_frame_equal(features(again), features(recorded), check_dtype=False)
    assert list(inputs(again).columns)[:2] == small.INPUTS


@pytest.mark.practice("K1")
def test_the_model_that_recorded_them_answers_them_and_another_does_not() -> None:
    text, digest = write_cases(small.recorded())
    recorded = read_cases(text, digest)
    assert wrong_answers(small.estimator(), recorded).empty
    moved = recorded.assign(score=recorded["score"] + [0, 0, 1e-3, 0, 0, 0, 1e-9, 0])
    wrong = wrong_answers(small.estimator(), moved)
    assert wrong.index.tolist() == [2]
    assert wrong["answer"].tolist() == recorded["score"].iloc[[2]].tolist()


class TestNumbers:
    """A regressor's answers."""

    def test_they_are_recorded_and_asked_like_scores(self) -> None:
        model, frame = tasks.regressor(), small.rows()
        predicted = model.predict(frame[small.FEATURES])
        text, digest = write_cases(record_cases(frame, predicted, inputs=["size"], features=small.FEATURES))
        recorded = read_cases(text, digest)
        assert recorded["score"].iloc[[0, -1]].tolist() == [predicted.min(), predicted.max()]
        assert wrong_answers(model, recorded).empty

    def test_of_a_large_number_the_leading_digits_count(self) -> None:
        model, frame = tasks.regressor(), small.rows()
        predicted = model.predict(frame[small.FEATURES])
        assert predicted.max() > 1000
        recorded = record_cases(frame, predicted, inputs=[], features=small.FEATURES)
        last = recorded.index[-1]
        for share, wrong in ((1e-7, []), (1e-4, [last])):
            moved = recorded.assign(
                score=recorded["score"].where(recorded.index != last, other=predicted.max() * (1 + share))
            )
            assert wrong_answers(model, moved).index.tolist() == wrong


@pytest.fixture(scope="module")
def three_colours() -> pd.DataFrame:
    model, frame = tasks.three_classes(), small.rows()
    answered = model.predict_proba(frame[["size", "age"]])
    cases = record_cases(
        frame, answered, inputs=["size"], features=["size", "age"], classes=model.classes_, count=30
    )
    return read_cases(*write_cases(cases))


class TestManyClasses:
    """A classifier of three colours."""

    def test_each_class_has_a_column_and_each_answer_its_cases(self, three_colours: pd.DataFrame) -> None:
        classes = ["score.blue", "score.green", "score.red"]
        assert list(three_colours.columns)[:5] == ["asked_at", "score", *classes]
        assert np.allclose(three_colours[classes].sum(axis=1), 1)
        assert (three_colours["score"] == three_colours[classes].max(axis=1)).all()
        assert set(three_colours[classes].idxmax(axis=1)) == set(classes)
        assert wrong_answers(tasks.three_classes(), three_colours).empty
        assert list(inputs(three_colours)) == ["size"]

    def test_every_class_has_to_agree(self, three_colours: pd.DataFrame) -> None:
        place = three_colours[["score.blue", "score.green"]].sum(axis=1).idxmin()  # red is answered
        swapped = three_colours.copy()
        swapped.loc[place, "score.blue"] += 1e-3
        swapped.loc[place, "score.green"] -= 1e-3
        wrong = wrong_answers(tasks.three_classes(), swapped)
        assert wrong.index.tolist() == [place]
        assert wrong["answer"].tolist() == wrong["score"].tolist()
        assert wrong["answer.blue"].tolist() == three_colours.loc[[place], "score.blue"].tolist()

    def test_a_model_of_other_classes_answers_none(self, three_colours: pd.DataFrame) -> None:
        renamed = three_colours.rename(columns={"score.red": "score.pink"})
        assert len(wrong_answers(tasks.three_classes(), renamed)) == len(three_colours)
        assert len(wrong_answers(tasks.three_classes(), three_colours.drop(columns="score.red"))) == len(
            three_colours
        )

    def test_without_the_names_of_the_classes_they_are_not_recorded(self) -> None:
        with pytest.raises(DataError, match="probabilities of 3 classes, and 0 classes named"):
            record_cases(small.rows(), np.full((600, 3), 1 / 3), inputs=[], features=["size"])


def test_of_two_classes_probabilities_and_scores_give_the_same_cases() -> None:
    model = small.estimator()
    answered = model.predict_proba(small.rows()[small.FEATURES])
    found = record_cases(small.rows(), answered, inputs=small.INPUTS, features=small.FEATURES, count=8)
    pd.testing.assert_frame_equal(found, small.recorded(), check_exact=True)


def test_text_that_was_changed_is_refused() -> None:
    text, digest = write_cases(small.recorded())
    with pytest.raises(RegistryError, match="changed since they were recorded"):
        read_cases(text.replace("red", "ren"), digest)


def test_cases_that_could_not_be_asked_again_are_refused() -> None:
    recorded = small.recorded()
    with pytest.raises(DataError, match="no recorded cases"):
        write_cases(recorded.head(0))
    with pytest.raises(DataError, match="need asked_at, score and feature"):
        write_cases(recorded[["asked_at", "score", "input.size"]])
    with pytest.raises(DataError, match="inf"):
        write_cases(recorded.assign(score=np.inf))
    with pytest.raises(UnknownName, match="no column 'sise' in the rows to record; did you mean 'size'"):
        record_cases(small.rows(), np.zeros(600), inputs=["sise"], features=small.FEATURES)
    with pytest.raises(DataError, match="3 scores for 600 rows"):
        record_cases(small.rows(), [0.1, 0.2, 0.3], inputs=[], features=small.FEATURES)


def test_the_text_is_json_that_a_person_can_read() -> None:
    text, _ = write_cases(small.recorded())
    first = json.loads(text)["rows"][0]
    assert first["feature.colour"] in {"red", "green", "blue"}
    assert first["asked_at"].startswith("2026-07-")
