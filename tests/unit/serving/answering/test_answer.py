"""From requests to logged answers: together or alone, the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.unit.serving import tiny_helpers as tiny
from tests.unit.serving.tiny import NOW, rows
from workbench.errors import ServingError
from workbench.serving.answering.answers import Answer, Answers, Call
from workbench.serving.answering.shadow import Shadows
from workbench.serving.log.writer import LogFailed, LogWriter, PredictionLog
from workbench.serving.models.loaded import FeatureBuilder, Lineup, LoadedModel, Pinned
from workbench.serving.payload import cells, requests_for
from workbench.serving.protocol.request import Refused
from workbench.serving.settings import Limits
from workbench.store.clock import SimulatedClock

BUILDER = FeatureBuilder(tiny.build)


def loaded(version: int) -> LoadedModel:
    return LoadedModel("tiny", version, f"run-{version}", tiny.fitted(version), BUILDER, tiny.REQUEST)


class Bench:
    """Answers around a log, with champion 1 and shadow 2."""

    def __init__(self, folder: Path, champion: LoadedModel | None = None, simulated: bool = False) -> None:
        self.writer = LogWriter(folder, "test")
        self.log = PredictionLog(folder)
        self.models = Pinned(Lineup(champion or loaded(1), (loaded(2),)), BUILDER)
        self.answers = Answers(
            self.models,
            self.writer,
            Shadows(lambda: LogWriter(folder, "shadow"), 10),
            clock=SimulatedClock(NOW.to_pydatetime()),
            simulated=simulated,
            code_version="abc",
            limits=Limits(rows=1000),
        )

    def answer(self, *bodies: bytes) -> list[Answer | Exception]:
        return self.answers.answer([Call(body, 0.0) for body in bodies])


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.writer.close()


def request(asked: pd.DataFrame, version: int | None = None, at: pd.Series | None = None) -> bytes:
    (body,) = requests_for(asked, version=version, simulated_time=at)
    return body


def direct(version: int, asked: pd.DataFrame, at: object = NOW) -> list[float]:
    asked_at = pd.Series([at] * len(asked)) if not isinstance(at, pd.Series) else at
    scores: list[float] = tiny.fitted(version).predict_proba(tiny.build(asked, {}, asked_at))[:, 1].tolist()
    return scores


def test_requests_that_wait_together_are_answered_as_if_each_were_alone(bench: Bench) -> None:
    asked = [rows(3), rows(1).assign(colour=None, size=np.nan), rows(5).iloc[2:].reset_index(drop=True)]
    answers = bench.answer(*map(request, asked))
    for one, answer in zip(asked, answers, strict=True):
        assert isinstance(answer, Answer)
        assert answer.predictions == direct(1, one)
        assert answer.model_version == "1"
    kept = bench.log.read()
    ids = [id for answer in answers for id in answer.prediction_ids]  # type: ignore[union-attr]
    assert kept["prediction_id"].tolist() == ids
    assert len(set(ids)) == 7
    assert kept["asked_at"].eq(NOW).all()


def test_each_of_several_versions_answers_its_own(bench: Bench) -> None:
    answers = bench.answer(request(rows(2)), request(rows(2), version=2), request(rows(2), version=1))
    assert [answer.predictions for answer in answers] == [  # type: ignore[union-attr]
        direct(1, rows(2)),
        direct(2, rows(2)),
        direct(1, rows(2)),
    ]
    assert sorted(bench.log.read()["role"]) == ["challenger"] * 2 + ["champion"] * 4


def test_a_bad_request_refuses_itself_and_nobody_beside_it(bench: Bench) -> None:
    good, unbuildable = request(rows(2)), request(rows(2).assign(colour="unbuildable"))
    answers = bench.answer(good, unbuildable, b"{", request(rows(1).assign(size="x")), good)
    assert [type(answer) for answer in answers] == [Answer, Refused, Refused, Refused, Answer]
    assert bench.log.count() == 4


def test_simulated_times_stay_with_their_rows(tmp_path: Path) -> None:
    bench = Bench(tmp_path, simulated=True)
    times = [NOW + pd.Timedelta(hours=hour) for hour in range(4)]
    first, second = request(rows(2), at=pd.Series(times[:2])), request(rows(2), at=pd.Series(times[2:]))
    answers = bench.answer(first, second, request(rows(2)))
    assert [type(answer) for answer in answers] == [Answer, Answer, Refused]
    assert answers[1].predictions == direct(1, rows(2), pd.Series(times[2:]))  # type: ignore[union-attr]
    assert bench.log.read()["asked_at"].tolist() == times


def test_too_few_simulated_times_refuse_only_their_own_request(tmp_path: Path) -> None:
    bench = Bench(tmp_path, simulated=True)
    good = request(rows(2), at=pd.Series([NOW, NOW]))
    short = good.replace(b'["2013-08-01T12:00:00.000000Z",', b"[")
    assert short != good
    assert [type(answer) for answer in bench.answer(good, short, good)] == [Answer, Refused, Answer]


def test_an_answer_that_cannot_be_logged_is_none(bench: Bench) -> None:
    bench.writer._connection.execute("ALTER TABLE batches RENAME TO elsewhere")
    answers = bench.answer(request(rows(1)), request(rows(1)))
    bench.writer._connection.execute("ALTER TABLE elsewhere RENAME TO batches")
    assert [type(answer) for answer in answers] == [LogFailed, LogFailed]


def test_a_score_that_is_not_finite_is_refused(bench: Bench) -> None:
    estimator = tiny.fitted(1)
    estimator[-1].coef_ = np.full_like(estimator[-1].coef_, np.inf)  # type: ignore[index]
    bench.models.now = Lineup(replace(loaded(1), estimator=estimator))
    with np.errstate(invalid="ignore"):
        (answer,) = bench.answer(request(rows(2)))
    assert isinstance(answer, Refused)
    assert answer.status == 400


def test_a_version_that_wants_a_feature_nobody_builds_is_the_servers_fault() -> None:
    less = replace(loaded(1), features=FeatureBuilder(tiny.build))
    features = tiny.build(rows(2), {}, pd.Series([NOW] * 2))
    with pytest.raises(ServingError, match="fitted on feature 'size', which is not built"):
        less.score(features.drop(columns="size"))


def test_a_version_from_before_a_feature_was_added_keeps_answering() -> None:
    features = tiny.build(rows(2), {}, pd.Series([NOW] * 2))
    more = features.assign(added=1.0)[["added", "waited", "size", "colour"]]
    assert loaded(1).score(more).tolist() == loaded(1).score(features).tolist()


@pytest.mark.parametrize("estimator", [object(), tiny.LogisticRegression()])
def test_what_is_no_fitted_classifier_is_not_loaded(estimator: object) -> None:
    with pytest.raises(ServingError, match="no fitted classifier of two classes"):
        replace(loaded(1), estimator=estimator)


def test_cells_are_what_json_can_say() -> None:
    moment = datetime(2013, 8, 1, 10, tzinfo=UTC)
    frame = pd.DataFrame(
        {
            "text": pd.Series(["x", None], dtype="str"),
            "whole": [1, 2],
            "number": [0.5, np.nan],
            "maybe": pd.Series([1, pd.NA], dtype="Int64"),
            "flag": [True, False],
            "time": pd.Series([moment, pd.NaT], dtype="datetime64[us, UTC]"),
        }
    )
    taken = cells(frame)
    assert taken["text"] == ["x", None]
    assert taken["whole"] == [1, 2]
    assert str(taken["number"]) == "[0.5, nan]"  # which the encoder writes as null
    assert taken["maybe"] == [1, None]
    assert taken["flag"] == [True, False]
    assert taken["time"] == ["2013-08-01T10:00:00.000000Z", None]
    assert (
        b'"data":[["x",1,0.5,1,true,"2013-08-01T10:00:00.000000Z"],[null,2,null,null,false,null]]'
        in request(frame)
    )


@pytest.mark.parametrize(
    ("column", "says"),
    [([np.inf], "infinite"), ([pd.Timestamp("2013-08-01")], "without a zone")],
)
def test_cells_that_json_cannot_say_are_named(column: list[object], says: str) -> None:
    with pytest.raises(ServingError, match=f"'size'.*{says}"):
        cells(pd.DataFrame({"size": column}))
