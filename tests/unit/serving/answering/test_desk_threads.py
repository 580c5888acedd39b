"""Who predicts, the loop or the thread, and for how long requests are held."""

from __future__ import annotations

import asyncio
import functools
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.unit.serving.answering.test_desk import BUILDER, NAMES, body, loaded
from tests.unit.serving.tiny import NOW, rows
from workbench.serving.answering.call import Answer, Call
from workbench.serving.answering.commit import Committer
from workbench.serving.answering.desk import Desk
from workbench.serving.answering.predict import Predictor
from workbench.serving.log.sqlite import SqliteWriter
from workbench.serving.models.lineup import Lineup, Pinned
from workbench.serving.protocol import mlflow
from workbench.serving.protocol.refused import Refused
from workbench.store.clock import SimulatedClock


class Waiting(Predictor):
    """Predicts once somebody says so."""

    def __init__(self, models: Pinned) -> None:
        super().__init__(
            models, clock=SimulatedClock(NOW.to_pydatetime()), simulated=False, code_version="abc"
        )
        self.asked: list[str] = []
        self.threads: set[str] = set()
        self.begun, self.go = threading.Event(), threading.Event()

    def predict(self, calls: Sequence[Call]) -> Any:
        self.asked += [call.request_id for call in calls]
        self.threads.add(threading.current_thread().name)
        self.begun.set()
        self.go.wait()
        return super().predict(calls)


@pytest.mark.parametrize(("size", "expected"), [(1_000, "MainThread"), (2 * 2**20, "predict")])
def test_the_loop_predicts_small_requests_only(tmp_path: Path, size: int, expected: str) -> None:
    async def ask() -> None:
        models, loop = Pinned(Lineup(loaded(1, "compiled")), BUILDER), asyncio.get_running_loop()
        predictor = Waiting(models)
        predictor.go.set()
        committer = Committer(SqliteWriter(tmp_path, "test"), kept=lambda _: None, settled=lambda *_: None)
        desk = Desk(predictor, committer, models, waiting=5, seconds=30.0)
        desk.start()
        committer.start()
        asked, told = mlflow.decode(body(rows(1)), "application/json", NAMES, 10), loop.create_future()
        desk.take(Call(asked, time.perf_counter(), "only", told.set_result, size=size))
        assert isinstance(await told, Answer)
        assert predictor.threads == {expected}
        await asyncio.to_thread(desk.stop, 5.0)

    asyncio.run(ask())


def test_rows_that_nobody_waits_for_any_more_are_held_until_their_turn(tmp_path: Path) -> None:
    async def ask() -> None:
        models, loop = Pinned(Lineup(loaded(1)), BUILDER), asyncio.get_running_loop()
        predictor = Waiting(models)
        committer = Committer(SqliteWriter(tmp_path, "test"), kept=lambda _: None, settled=lambda *_: None)
        desk = Desk(predictor, committer, models, waiting=5, seconds=0.2)
        desk.start()
        committer.start()
        asked, told, done = mlflow.decode(body(rows(1)), "application/json", NAMES, 10), [], []
        for name in ("under way", "behind it"):
            told.append(loop.create_future())
            done.append(loop.create_future())
            ended = functools.partial(done[-1].set_result, None)
            desk.take(Call(asked, time.perf_counter(), name, told[-1].set_result, ended))
            await asyncio.to_thread(predictor.begun.wait)
        assert [type(answer) for answer in await asyncio.gather(*told)] == [Refused, Refused]
        assert not any(future.done() for future in done)
        predictor.go.set()
        await asyncio.gather(*done)
        assert predictor.asked == ["under way"]
        await asyncio.to_thread(desk.stop, 5.0)

    asyncio.run(ask())
