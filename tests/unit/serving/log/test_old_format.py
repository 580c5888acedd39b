"""A log that an older version of the workbench wrote: nothing of it is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.unit.serving.log.batches import NOON, batch, moments
from tests.unit.serving.log.old_format import write
from workbench.errors import ServingError
from workbench.serving import features, inputs
from workbench.serving.log.compact import Compacted, compact
from workbench.serving.log.read import PredictionLog
from workbench.serving.log.sqlite import SqliteWriter

HOUR = pd.Timedelta(hours=1)


def old(number: int = 0, **changed: Any) -> dict[str, Any]:
    given = {
        "prediction_id": [f"{number}-0", f"{number}-1"],
        "asked_at": moments(number, number + 0.5),
        "score": [0.1, 0.9],
        "input.carrier": ["UA", None],
        "input.size": [1, 2],
        "feature.carrier": pd.Categorical(["UA", "B6"]),
        "feature.late_share": [0.25, np.nan],
        "feature.is_night": [True, False],
        "feature.nothing": [None, None],
    }
    return given | changed


@pytest.mark.parametrize("compacted", [False, True])
def test_it_is_read_as_if_it_were_of_today(tmp_path: Path, compacted: bool) -> None:
    write(tmp_path / "20130801T120000-1-answers-abcdef.sqlite", old(0), old(1, role="shadow", version=4))
    log = PredictionLog(tmp_path)
    if compacted:
        assert compact(log) == Compacted(4, 1)
        assert log.files() == []
    frame = log.read()
    assert frame["prediction_id"].tolist() == ["0-0", "0-1", "1-0", "1-1"]
    first = frame.iloc[0]
    assert (first["asked_at"], first["score"]) == (pd.Timestamp(NOON), 0.1)
    assert (first["model"], first["model_version"], first["role"]) == ("late", 3, "champion")
    assert (first["datasets"], first["latency_ms"], first["run_id"]) == ("carrier=5 weather=2", 4.5, "r1")
    assert first["answered_at"] == pd.Timestamp(1_700_000_000_000_000, unit="us", tz="UTC")
    assert inputs(frame.iloc[:2])["size"].tolist() == [1.0, 2.0]
    assert features(frame)["is_night"].tolist() == [1.0, 0.0, 1.0, 0.0]
    assert features(frame)["carrier"].tolist() == ["UA", "B6", "UA", "B6"]
    assert frame["input.carrier"].isna().tolist() == [False, True, False, True]
    assert frame["feature.late_share"].isna().tolist() == [False, True, False, True]
    assert frame["feature.nothing"].isna().all()
    assert log.read(version=4, role="shadow", columns=["score"])["score"].tolist() == [0.1, 0.9]
    assert log.count(role="shadow") == 2


@pytest.mark.parametrize("compacted", [False, True])
def test_old_and_new_files_are_one_log(tmp_path: Path, compacted: bool) -> None:
    write(tmp_path / "old.sqlite", old(0), old(2))
    writer = SqliteWriter(tmp_path, "answers")
    writer.append([batch(1)])
    writer.close()
    if compacted:
        assert compact(tmp_path) == Compacted(6, 2)
    frame = PredictionLog(tmp_path).read()
    assert frame["prediction_id"].tolist() == ["0-0", "0-1", "1-0", "1-1", "2-0", "2-1"]
    assert frame["input.size"].isna().tolist() == [False, False, True, True, False, False]
    assert frame["request_id"].isna().tolist() == [True, True, False, False, True, True]


def test_large_whole_numbers_keep_all_their_digits(tmp_path: Path) -> None:
    large = 2**60 + 1
    write(tmp_path / "old.sqlite", old(0), old(1, **{"input.size": [large, 1]}))
    compact(tmp_path)
    assert PredictionLog(tmp_path).read()["input.size"].tolist() == ["1", "2", str(large), "1"]


def test_a_file_that_is_still_open_is_not_removed(tmp_path: Path) -> None:
    connection = write(tmp_path / "old.sqlite", old(0), close=False)
    assert compact(tmp_path) == Compacted(2, 0)
    connection.execute("UPDATE batches SET latency_ms = 1")  # it is still the file of its writer
    connection.close()
    assert compact(tmp_path) == Compacted(0, 1)
    assert len(PredictionLog(tmp_path).read()) == 2


def test_damage_is_named_by_file_and_row(tmp_path: Path) -> None:
    connection = write(tmp_path / "old.sqlite", old(0), old(1), close=False)
    connection.execute("UPDATE batches SET predictions = substr(predictions, 1, 100) WHERE id = 2")
    connection.close()
    with pytest.raises(ServingError, match=r"old\.sqlite, row 2"):
        PredictionLog(tmp_path).read()
    assert len(PredictionLog(tmp_path).read(end=NOON + 0.75 * HOUR)) == 2
