"""Shadows: what they cannot answer costs them those rows, and nobody else anything."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.unit.serving import tiny_helpers as tiny
from tests.unit.serving.answering.test_desk import BUILDER, loaded
from tests.unit.serving.tiny import NOW, rows
from workbench.serving.answering.call import Call
from workbench.serving.answering.failures import Failures
from workbench.serving.answering.inline import Inline
from workbench.serving.answering.predict import Predicted, Predictor
from workbench.serving.answering.shadow import Shadows
from workbench.serving.health import Counts
from workbench.serving.log.read import PredictionLog
from workbench.serving.log.sqlite import SqliteWriter
from workbench.serving.models.lineup import Lineup, Pinned
from workbench.serving.models.loaded import FeatureBuilder, LoadedModel
from workbench.serving.payload import cells
from workbench.serving.protocol.asked import Asked
from workbench.store.clock import SimulatedClock

CLOCK = SimulatedClock(NOW.to_pydatetime())
MANY = 40


def asked(*wrong: int) -> Asked:
    """Rows of which some have no colour."""
    frame = rows(MANY)
    frame.loc[list(wrong), "colour"] = None
    return Asked(cells(frame), MANY)


def predicted(given: Asked) -> Predicted:
    """What the champion answers to it."""
    models = Pinned(Lineup(loaded(1)), BUILDER)
    predictor = Predictor(models, clock=CLOCK, simulated=False, code_version="abc")
    (one,) = predictor.predict([Call(given, time.perf_counter(), "request")]).predicted
    return one


def stumbling(tries: list[int], *, always: bool = False) -> LoadedModel:
    """A version whose features cannot be built of a row without a colour, or never."""

    def build(given: pd.DataFrame, memory: Any, asked_at: Any) -> pd.DataFrame:
        tries.append(len(given))
        for colour in given["colour"]:
            colour.upper()
        if always:
            raise KeyError("Jane Doe")
        return tiny.build(given, memory, asked_at)

    return replace(loaded(2), features=FeatureBuilder(build))


def shadowed(folder: Path, model: LoadedModel, *batches: Predicted) -> Counts:
    """The batches offered to it as the server does."""
    failures = Failures(lambda: SqliteWriter(folder, "failures"), seconds=0.01)
    shadows = Shadows(lambda: SqliteWriter(folder, "shadows"), 1_000, failures=failures)
    failures.start()
    shadows.start()
    for batch in batches:
        shadows.offer((model,), batch)
    assert shadows.drain(20)
    assert failures.stop(5)
    return shadows.counted(Counts())


def inline(folder: Path, model: LoadedModel, given: Asked) -> None:
    """The same rows asked without a server."""
    log = SqliteWriter(folder, "file")
    models = Pinned(Lineup(loaded(1), (model,)), BUILDER)
    Inline(models, log, clock=CLOCK, simulated=False, code_version="abc").answer([given], ["request"])
    log.close()


@pytest.mark.parametrize(
    "ask", [lambda *given: shadowed(*given[:2], predicted(given[2])), inline], ids=["served", "inline"]
)
def test_a_row_that_a_shadow_stumbles_over_costs_it_that_row_only(
    tmp_path: Path, ask: Callable[[Path, LoadedModel, Asked], object]
) -> None:
    ask(tmp_path, stumbling([]), asked(3, 30))
    log = PredictionLog(tmp_path)
    answered, failed = log.read(role="shadow"), log.read(role="shadow", failed=True)
    assert len(answered) == MANY - 2
    assert failed["input.colour"].isna().all()
    assert failed["error"].tolist() == ["AttributeError"] * 2
    assert answered["score"].notna().all()
    assert {int(name.rpartition("-")[2]) for name in failed["prediction_id"]} == {3, 30}


@pytest.mark.parametrize(("apart", "requests"), [(False, 1), (True, MANY)])
def test_rows_asked_together_are_logged_as_one_request_or_each_as_its_own(
    tmp_path: Path, apart: bool, requests: int
) -> None:
    log = SqliteWriter(tmp_path, "file")
    about: dict[str, Any] = {"clock": CLOCK, "simulated": False, "code_version": "abc", "apart": apart}
    Inline(Pinned(Lineup(loaded(1)), BUILDER), log, **about).answer([asked()], ["request"])
    log.close()
    found = PredictionLog(tmp_path).read(columns=["request_id"])
    assert (len(found), found["request_id"].nunique()) == (MANY, requests)


def test_what_a_shadow_answers_and_what_it_loses_is_counted_by_row(tmp_path: Path) -> None:
    counts = shadowed(tmp_path, stumbling([]), predicted(asked(7)))
    assert (counts.shadow_rows, counts.shadow_failed_rows) == (MANY - 1, 1)


def test_a_shadow_that_answers_nothing_is_soon_asked_little_and_tells_no_values(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tries: list[int] = []
    counts = shadowed(tmp_path, stumbling(tries, always=True), *[predicted(asked()) for _ in range(4)])
    assert counts.shadow_failed_rows == 4 * MANY
    assert tries[-15:] == [MANY, MANY // 2, MANY // 4, MANY // 4, MANY // 2] * 3
    assert [line.partition(" at ")[0] for line in caplog.messages] == ["shadow 2: KeyError"] * 4
    assert Path(__file__).name in caplog.text
    assert "Jane Doe" not in caplog.text
