"""What could not be answered: in the log shortly afterwards, without values, and never too much of it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.unit.serving import tiny_helpers as tiny
from tests.unit.serving.answering.test_desk import Bench, bench_without_end, body, loaded
from tests.unit.serving.log.batches import batch
from tests.unit.serving.tiny import NOW, rows, until
from workbench.serving.answering.call import Answer
from workbench.serving.answering.failures import ROWS_A_SECOND, Failures
from workbench.serving.log.batch import LogFailed
from workbench.serving.log.read import PredictionLog
from workbench.serving.log.sqlite import SqliteWriter
from workbench.serving.log.unkept import unkept
from workbench.serving.models.lineup import Lineup
from workbench.serving.protocol.refused import Refused


@pytest.fixture
def failures(tmp_path: Path) -> Failures:
    return Failures(lambda: SqliteWriter(tmp_path, "failures"), seconds=0.05)


def test_what_a_version_could_not_answer_is_logged_beside_what_it_did(
    tmp_path: Path, failures: Failures
) -> None:
    bench = Bench(tmp_path, Lineup(loaded(1)))
    bench._more["failures"] = failures
    bench._more["conceal"] = lambda columns: {
        name: values for name, values in columns.items() if name != "size"
    }
    failures.start()
    bodies = [body(rows(2)), body(rows(2).assign(colour="unbuildable")), body(rows(1).assign(size="x"))]
    answers = bench.ask(*bodies, request_ids=("good", "unbuildable", "wrong"))
    assert [type(answer) for answer in answers] == [Answer, Refused, Refused]
    assert failures.stop(5)
    assert bench.log.read()["request_id"].tolist() == ["good"] * 2
    failed = bench.log.read(failed=True).sort_values("prediction_id")
    assert dict(zip(failed["request_id"], failed["error"], strict=True)) == {
        "unbuildable": "ValueError",
        "wrong": "refused",
    }
    assert failed["input.colour"].dropna().tolist() == ["unbuildable"] * 2
    assert "input.size" not in failed
    assert failed["asked_at"].eq(NOW).all()
    assert failed["score"].isna().all()
    assert failed["role"].eq("champion").all()
    assert failed["latency_ms"].gt(0).all()
    assert failed["prediction_id"].is_unique


def test_what_was_not_answered_in_time_is_logged(tmp_path: Path, failures: Failures) -> None:
    bench = Bench(tmp_path, Lineup(loaded(tiny.HANGS)), seconds=0.2)
    bench._more["failures"] = failures
    failures.start()

    (answer,) = asyncio.run(bench_without_end(bench))
    assert isinstance(answer, Refused)
    assert failures.stop(5)
    assert bench.log.read(failed=True)["error"].tolist() == ["timeout"]


def test_of_a_flood_so_much_is_kept_and_the_rest_is_counted(tmp_path: Path) -> None:
    failures = Failures(lambda: SqliteWriter(tmp_path, "failures"), seconds=0.05)
    model, made = loaded(1), []

    def make() -> Any:
        made.append(1)
        return batch(len(made), rows=20, version=1, error="KeyError", classes=(), outputs=np.full(20, np.nan))

    most = round(ROWS_A_SECOND * 0.05)
    offered = 0

    def offer() -> None:
        nonlocal offered
        failures.offer(model, "champion", 20, make)
        offered += 20

    for _ in range(100):
        offer()
    assert len(made) == 3  # the others cost nothing
    log = PredictionLog(tmp_path)
    failures.start()
    until(lambda: len(log.read(failed=True)) == most)
    until(lambda: offer() or len(log.read(failed=True)) > most)
    assert failures.stop(5)
    kept = log.read(failed=True)
    assert 100 * 20 <= len(kept) + unkept(kept["note"].dropna()) <= offered


def test_a_log_that_fails_loses_failures_only(tmp_path: Path) -> None:
    def refuse() -> Any:
        raise LogFailed("no space left")

    failures = Failures(refuse, seconds=0.01)
    failures.start()
    failures.offer(loaded(1), "champion", 2, lambda: batch(error="KeyError"))
    failures.offer(loaded(1), "champion", 2, lambda: 1 / 0)  # type: ignore[arg-type,return-value]
    assert failures.stop(5)
