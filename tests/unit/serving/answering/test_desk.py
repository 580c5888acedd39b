"""From requests to logged answers: together or alone, compiled or plain, the same."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.unit.serving import tiny_helpers as tiny
from tests.unit.serving.tiny import NOW, rows
from workbench.errors import ServingError
from workbench.registry.compile import Path as AnswerPath
from workbench.registry.compile import choose
from workbench.serving.answering.call import Answer, Call
from workbench.serving.answering.commit import Committer
from workbench.serving.answering.desk import Desk
from workbench.serving.answering.predict import Predictor
from workbench.serving.log.batch import Batch, LogFailed
from workbench.serving.log.read import PredictionLog
from workbench.serving.log.sqlite import SqliteWriter
from workbench.serving.models.lineup import Canary, Lineup, Pinned
from workbench.serving.models.loaded import FeatureBuilder, LoadedModel
from workbench.serving.payload import requests_for
from workbench.serving.protocol import mlflow
from workbench.serving.protocol.asked import Asked
from workbench.serving.protocol.cells import Texts
from workbench.serving.protocol.refused import Refused
from workbench.store.clock import SimulatedClock

BUILDER = FeatureBuilder(tiny.build)
NAMES = tuple(tiny.REQUEST.columns)


def loaded(version: int, path: str = "plain") -> LoadedModel:
    estimator = tiny.fitted(version)
    features = tiny.build(rows(5), {}, pd.Series([NOW] * 5))
    chosen = choose(estimator, [features]) if path == "compiled" else AnswerPath(None, "as a test wants it")
    assert (chosen.compiled is None) == (path == "plain"), chosen.reason
    return LoadedModel("tiny", version, f"run-{version}", estimator, BUILDER, tiny.REQUEST, chosen)


class Failing(SqliteWriter):
    """A log whose disk is full as long as somebody says so."""

    full = False

    def append(self, batches: Sequence[Batch]) -> None:
        if self.full:
            raise LogFailed("no space left")
        super().append(batches)


class Bench:
    """A desk around a log, with champion 1 and version 2 beside it."""

    def __init__(
        self,
        folder: Path,
        lineup: Lineup,
        *,
        simulated: bool = False,
        canary: Canary | None = None,
        waiting: int = 100,
        seconds: float = 30.0,
    ) -> None:
        self.writer = Failing(folder, "test")
        self.log = PredictionLog(folder)
        self.models = Pinned(lineup, BUILDER)
        self._more = {"simulated": simulated, "canary": canary}
        self._waiting, self._seconds = waiting, seconds

    def ask(self, *bodies: bytes, request_ids: Sequence[str] = ()) -> list[Answer | Exception]:
        """All requests at once; then the desk is closed, and its log with it."""
        return asyncio.run(self._ask(bodies, request_ids))

    async def _ask(self, bodies: Sequence[bytes], request_ids: Sequence[str]) -> list[Answer | Exception]:
        predictor = Predictor(
            self.models,
            clock=SimulatedClock(NOW.to_pydatetime()),
            code_version="abc",
            **self._more,  # type: ignore[arg-type]
        )
        committer = Committer(self.writer, kept=lambda _: None, settled=lambda _, __, ___: None)
        desk = Desk(predictor, committer, self.models, waiting=self._waiting, seconds=self._seconds)
        desk.start()
        committer.start()
        names = request_ids or [f"request-{number}" for number in range(len(bodies))]
        asked = [self._one(desk, body, name) for body, name in zip(bodies, names, strict=True)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        await asyncio.to_thread(desk.stop, 5.0)
        return answers  # type: ignore[return-value]

    async def _one(self, desk: Desk, body: bytes, request_id: str) -> Answer | Exception:
        asked = mlflow.decode(body, "application/json", NAMES, 1000)
        answered: asyncio.Future[Answer | Exception] = asyncio.get_running_loop().create_future()
        desk.take(Call(asked, time.perf_counter(), request_id, answered.set_result))
        return await answered


@pytest.fixture(params=["plain", "compiled"])
def bench(tmp_path: Path, request: pytest.FixtureRequest) -> Bench:
    return Bench(tmp_path, Lineup(loaded(1, request.param), (loaded(2, request.param),)))


def body(asked: pd.DataFrame, version: int | None = None, at: pd.Series | None = None) -> bytes:
    (encoded,) = requests_for(asked, version=version, simulated_time=at)
    return encoded


def direct(version: int, asked: pd.DataFrame, at: object = NOW) -> np.ndarray:
    asked_at = pd.Series([at] * len(asked)) if not isinstance(at, pd.Series) else at
    return tiny.fitted(version).predict_proba(tiny.build(asked, {}, asked_at))  # type: ignore[attr-defined]


def close(answer: Answer | Exception, wanted: np.ndarray) -> bool:
    """Linear models agree to 1e-12 on the compiled path, and to the bit on the plain one."""
    assert isinstance(answer, Answer), answer
    return np.allclose(answer.outputs, wanted, rtol=0, atol=1e-12)


def test_requests_that_wait_together_are_answered_as_if_each_were_alone(bench: Bench) -> None:
    asked = [rows(3), rows(1).assign(colour=None, size=np.nan), rows(5).iloc[2:].reset_index(drop=True)]
    answers = bench.ask(*map(body, asked))
    for one, answer in zip(asked, answers, strict=True):
        assert close(answer, direct(1, one))
        assert answer.version == 1  # type: ignore[union-attr]
    kept = bench.log.read()
    ids = [id for answer in answers for id in answer.prediction_ids]  # type: ignore[union-attr]
    assert kept["prediction_id"].tolist() == ids
    assert len(set(ids)) == 7
    assert kept["asked_at"].eq(NOW).all()
    assert kept["request_id"].tolist() == ["request-0"] * 3 + ["request-1"] + ["request-2"] * 3


def test_each_of_several_versions_answers_its_own(bench: Bench) -> None:
    answers = bench.ask(body(rows(2)), body(rows(2), version=2), body(rows(2), version=1))
    for answer, version in zip(answers, (1, 2, 1), strict=True):
        assert close(answer, direct(version, rows(2)))
    assert sorted(bench.log.read()["role"]) == ["challenger"] * 2 + ["champion"] * 4


def test_a_bad_request_refuses_itself_and_nobody_beside_it(bench: Bench) -> None:
    good, unbuildable = body(rows(2)), body(rows(2).assign(colour="unbuildable"))
    answers = bench.ask(good, unbuildable, b"{", body(rows(1).assign(size="x")), good)
    assert [type(answer) for answer in answers] == [Answer, Refused, Refused, Refused, Answer]
    assert bench.log.count() == 4


def test_a_row_that_a_feature_helper_stumbles_over_refuses_itself_and_nobody_beside_it(
    tmp_path: Path,
) -> None:
    def stumbling(given: pd.DataFrame, memory: Any, asked_at: Any) -> pd.DataFrame:
        words = [colour.upper().split() for colour in given["colour"]]
        return tiny.build(given.assign(colour=[word[0].lower() for word in words]), memory, asked_at)

    bench = Bench(tmp_path, Lineup(replace(loaded(1), features=FeatureBuilder(stumbling))))
    good, missing, blank = (body(rows(2)), *(body(rows(1).assign(colour=cell)) for cell in (None, " ")))
    answers = bench.ask(good, missing, good, blank)
    assert [type(answer) for answer in answers] == [Answer, Refused, Answer, Refused]
    assert [answers[place].status for place in (1, 3)] == [400, 400]  # type: ignore[union-attr]
    assert "AttributeError" in answers[1].message  # type: ignore[union-attr]
    assert "IndexError" in answers[3].message  # type: ignore[union-attr]
    assert bench.log.count() == 4


def test_a_row_at_which_a_model_breaks_costs_nobody_beside_it_an_answer(tmp_path: Path) -> None:
    estimator: Any = tiny.fitted(1)
    answer = estimator[-1].predict_proba

    def broken(given: np.ndarray) -> Any:
        if (given > 100).any():
            raise AttributeError("'NoneType' object has no attribute 'trees'")
        return answer(given)

    estimator[-1].predict_proba = broken
    bench = Bench(tmp_path, Lineup(replace(loaded(1), estimator=estimator)))
    answers = bench.ask(body(rows(2)), body(rows(1).assign(size=101)), body(rows(2)))
    # It is not what was asked that is wrong: whoever asked is not told so.
    assert [type(answer) for answer in answers] == [Answer, AttributeError, Answer]


def test_what_fails_for_all_alike_is_not_tried_for_each(tmp_path: Path) -> None:
    estimator: Any = tiny.fitted(1)
    tried: list[int] = []

    def away(given: np.ndarray) -> Any:
        tried.append(len(given))
        raise OSError("what it looks up is away")

    estimator[-1].predict_proba = away
    bench = Bench(tmp_path, Lineup(replace(loaded(1), estimator=estimator)))
    answers = bench.ask(*[body(rows(1))] * 20)
    assert {type(answer) for answer in answers} == {OSError}
    assert tried == [20, 1, 1, 1, 1, 1]


def test_a_version_that_is_not_loaded_is_named(bench: Bench) -> None:
    (answer,) = bench.ask(body(rows(1), version=9))
    assert isinstance(answer, Refused)
    assert (answer.status, answer.message) == (404, "version 9 is not loaded; loaded: 1, 2")


@pytest.mark.parametrize("path", ["plain", "compiled"])
def test_simulated_times_stay_with_their_rows(tmp_path: Path, path: str) -> None:
    bench = Bench(tmp_path, Lineup(loaded(1, path)), simulated=True)
    times = [NOW + pd.Timedelta(hours=hour) for hour in range(4)]
    first, second = body(rows(2), at=pd.Series(times[:2])), body(rows(2), at=pd.Series(times[2:]))
    short = first.replace(b'["2013-08-01T12:00:00.000000Z",', b"[")
    assert short != first
    answers = bench.ask(first, second, body(rows(2)), short)
    assert [type(answer) for answer in answers] == [Answer, Answer, Refused, Refused]
    assert close(answers[1], direct(1, rows(2), pd.Series(times[2:])))
    assert bench.log.read()["asked_at"].tolist() == times


def test_an_answer_that_cannot_be_logged_is_none(bench: Bench) -> None:
    bench.writer.full = True
    answers = bench.ask(body(rows(1)), body(rows(1)))
    assert [type(answer) for answer in answers] == [LogFailed, LogFailed]


def test_an_output_that_is_not_finite_is_refused(tmp_path: Path) -> None:
    estimator = tiny.fitted(1)
    estimator[-1].coef_ = np.full_like(estimator[-1].coef_, np.inf)  # type: ignore[index]
    bench = Bench(tmp_path, Lineup(replace(loaded(1), estimator=estimator)))
    with np.errstate(invalid="ignore"):
        (answer,) = bench.ask(body(rows(2)))
    assert isinstance(answer, Refused)
    assert answer.status == 400


def test_who_comes_when_too_many_wait_is_told_so_at_once(tmp_path: Path) -> None:
    bench = Bench(tmp_path, Lineup(loaded(1)), waiting=2)
    answers = bench.ask(*[body(rows(1))] * 4)
    assert [type(answer) for answer in answers] == [Answer, Answer, Refused, Refused]
    assert answers[3].status == 429  # type: ignore[union-attr]


def test_nobody_waits_for_a_model_that_hangs(tmp_path: Path) -> None:
    bench = Bench(tmp_path, Lineup(loaded(tiny.HANGS)), seconds=0.2)
    bench.writer.close()
    (answer,) = asyncio.run(bench_without_end(bench))
    assert isinstance(answer, Refused)
    assert answer.status == 503


async def bench_without_end(bench: Bench) -> list[Answer | Exception]:
    predictor = Predictor(
        bench.models,
        clock=SimulatedClock(NOW.to_pydatetime()),
        code_version="abc",
        **bench._more,  # type: ignore[arg-type]
    )
    committer = Committer(bench.writer, kept=lambda _: None, settled=lambda _, __, ___: None)
    desk = Desk(predictor, committer, bench.models, waiting=5, seconds=0.2)
    desk.start()
    answers = await asyncio.gather(bench._one(desk, body(rows(1)), "only"), return_exceptions=True)
    assert desk.waiting == 0
    return answers  # type: ignore[return-value]


def test_a_canary_takes_its_share_and_keeps_to_whom_it_took(tmp_path: Path) -> None:
    lineup = Lineup(loaded(1, "compiled"), canary=loaded(2, "compiled"))
    bench = Bench(tmp_path, lineup, canary=Canary(0.3, "colour"), waiting=1000)
    colours = [f"colour {number}" for number in range(200)]
    bodies = [body(rows(1).assign(colour=colour)) for colour in colours]
    answers = bench.ask(*bodies, *bodies, body(rows(1), version=1))
    versions = [answer.version for answer in answers]  # type: ignore[union-attr]
    assert versions[:200] == versions[200:400]
    assert 35 <= versions[:200].count(2) <= 90
    assert versions[400] == 1
    assert bench.log.count(role="canary") == 2 * versions[:200].count(2)


def test_a_canary_knows_a_number_however_it_is_written() -> None:
    canary = Canary(0.5, "flight")

    def takes(cells: Any) -> bool:
        return canary.takes(Asked({"flight": cells}, 1), "any")

    taken = [takes([number]) for number in range(100)]
    assert 20 <= taken.count(True) <= 80
    for number, expected in enumerate(taken):
        for cells in ([float(number)], Texts([str(number)]), np.array([number], dtype=np.float32)):
            assert takes(cells) is expected


def test_what_is_personal_is_not_in_the_log(tmp_path: Path) -> None:
    def conceal(columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {**columns, "colour": np.array(["p-1"] * len(columns["colour"]), dtype=object)}

    bench = Bench(tmp_path, Lineup(loaded(1)))
    bench._more["conceal"] = conceal
    (answer,) = bench.ask(body(rows(2)))
    assert close(answer, direct(1, rows(2)))
    assert bench.log.read()["input.colour"].tolist() == ["p-1", "p-1"]


def test_a_version_that_wants_a_feature_nobody_builds_is_the_servers_fault() -> None:
    features = tiny.build(rows(2), {}, pd.Series([NOW] * 2))
    with pytest.raises(ServingError, match="fitted on feature 'size', which is not built"):
        loaded(1).outputs(features.drop(columns="size"))


def test_a_version_from_before_a_feature_was_added_keeps_answering() -> None:
    features = tiny.build(rows(2), {}, pd.Series([NOW] * 2))
    more = features.assign(added=1.0)[["added", "waited", "size", "colour"]]
    assert loaded(1).outputs(more).tolist() == loaded(1).outputs(features).tolist()


@pytest.mark.parametrize("estimator", [object(), tiny.LogisticRegression()])
def test_what_is_no_fitted_model_is_not_loaded(estimator: object) -> None:
    with pytest.raises(ServingError, match="no fitted classifier or regressor"):
        replace(loaded(1), estimator=estimator)


def test_more_rows_than_the_loop_predicts_at_once_are_all_answered(bench: Bench) -> None:
    sizes = [400, 400, 400, 1, 1000, 400]
    answers = bench.ask(*[body(rows(size)) for size in sizes])
    ids = [answer.prediction_ids for answer in answers]  # type: ignore[union-attr]
    assert [len(mine) for mine in ids] == sizes
    assert sorted(bench.log.read()["prediction_id"]) == sorted(id for mine in ids for id in mine)
