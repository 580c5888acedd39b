"""The prediction log: what was answered is there, and damage is named."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.errors import ServingError
from workbench.serving import features, inputs
from workbench.serving.log.writer import Batch, LogFailed, LogWriter, PredictionLog

NOON = datetime(2013, 8, 1, 12, tzinfo=UTC)


def batch(number: int = 0, **changed: Any) -> Batch:
    """Two predictions, asked ``number`` hours after noon and half an hour later."""
    given: dict[str, Any] = {
        "prediction_ids": [f"{number}-0", f"{number}-1"],
        "asked_at": pd.Series([NOON + timedelta(hours=number + half / 2) for half in (0, 1)]),
        "inputs": pd.DataFrame({"carrier": ["UA", None], "score": [1.0, np.nan]}),
        "features": pd.DataFrame({"carrier": ["UA", "missing"], "late_share": [0.25, np.nan]}),
        "scores": np.array([0.1, 0.9]),
        "model": "late",
        "version": 3,
        "role": "champion",
        "code_version": "abc+changed",
        "run_id": "r1",
        "memory": {"weather": 2, "carrier": 5},
        "latency_ms": 4.5,
    }
    return Batch(**{**given, **changed})


@pytest.fixture
def log(tmp_path: Path) -> PredictionLog:
    return PredictionLog(tmp_path / "log")


def write(log: PredictionLog, *batches: Batch) -> LogWriter:
    writer = LogWriter(log.folder, "test")
    for one in batches:
        writer.append(one)
    return writer


@pytest.mark.practice("P6")
def test_a_prediction_is_kept_with_model_version_code_version_inputs_and_features(log: PredictionLog) -> None:
    write(log, batch()).close()
    frame = log.read()
    row = frame.iloc[0]
    assert row["prediction_id"] == "0-0"
    assert row["asked_at"] == pd.Timestamp(NOON)
    assert (row["score"], row["model"], row["model_version"], row["role"]) == (0.1, "late", 3, "champion")
    assert (row["code_version"], row["run_id"]) == ("abc+changed", "r1")
    assert (row["memory"], row["latency_ms"]) == ("carrier=5 weather=2", 4.5)
    assert datetime.now(UTC) - row["answered_at"] < timedelta(minutes=1)
    # An input and a feature may share a name with each other, and an input with a column of the log.
    pd.testing.assert_frame_equal(inputs(frame), batch().inputs, check_dtype=False)
    pd.testing.assert_frame_equal(features(frame), batch().features, check_dtype=False)


def test_it_can_be_read_while_it_is_written(log: PredictionLog) -> None:
    writer = write(log, batch(0))
    assert len(log.read()) == 2
    writer.append(batch(1))
    assert len(log.read()) == 4
    writer.close()
    assert len(log.read()) == log.count() == 4


def test_files_of_several_writers_are_one_log_in_the_order_of_asking(log: PredictionLog) -> None:
    late, early = write(log, batch(5)), write(log, batch(1), batch(9))
    late.close()
    early.close()
    assert log.read()["prediction_id"].tolist() == ["1-0", "1-1", "5-0", "5-1", "9-0", "9-1"]


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (None, None, ["0-0", "0-1", "1-0", "1-1"]),
        (30, None, ["0-1", "1-0", "1-1"]),
        (None, 60, ["0-0", "0-1"]),
        (30, 90, ["0-1", "1-0"]),
        (200, 300, []),
    ],
)
def test_a_window_holds_its_start_and_not_its_end(
    log: PredictionLog, start: int | None, end: int | None, expected: list[str]
) -> None:
    write(log, batch(0), batch(1)).close()
    window = [None if minutes is None else NOON + timedelta(minutes=minutes) for minutes in (start, end)]
    assert log.read(*window)["prediction_id"].tolist() == expected


def test_it_can_be_read_by_role_and_version(log: PredictionLog) -> None:
    write(log, batch(0), batch(0, role="shadow", version=4), batch(1, role="challenger", version=4)).close()
    assert log.read(role="shadow")["prediction_id"].tolist() == ["0-0", "0-1"]
    assert log.read(version=4)["role"].unique().tolist() == ["shadow", "challenger"]
    assert log.count(role="champion") == 2


def test_versions_with_other_features_and_all_missing_columns_stand_side_by_side(log: PredictionLog) -> None:
    more = pd.DataFrame({"carrier": ["UA", "B6"], "wind": [3.0, 4.0]})
    nothing = pd.DataFrame({"carrier": [None, None], "score": [np.nan, np.nan]})
    write(log, batch(0, inputs=nothing), batch(1, features=more)).close()
    frame = log.read()
    assert frame["feature.wind"].isna().tolist() == [True, True, False, False]
    assert frame["feature.late_share"].isna().tolist() == [False, True, True, True]
    assert frame["input.carrier"].isna().tolist() == [True, True, False, True]


def test_categories_are_kept_as_their_values(log: PredictionLog) -> None:
    one = pd.DataFrame({"carrier": pd.Categorical(["UA", "B6"])})
    two = pd.DataFrame({"carrier": pd.Categorical(["DL", None])})
    write(log, batch(0, features=one), batch(1, features=two)).close()
    assert log.read()["feature.carrier"].tolist()[:3] == ["UA", "B6", "DL"]


def test_an_empty_log_has_the_columns_of_a_full_one(log: PredictionLog) -> None:
    empty = log.read()
    write(log, batch()).close()
    full = log.read()
    assert len(empty) == 0
    assert list(empty) == [name for name in full if not name.startswith(("input.", "feature."))]
    assert empty["asked_at"].dtype == full["asked_at"].dtype


def test_a_writer_that_wrote_nothing_leaves_no_file(log: PredictionLog) -> None:
    write(log).close()
    assert log.files() == []


def test_a_file_whose_writer_was_killed_at_once_is_an_empty_one(log: PredictionLog) -> None:
    write(log, batch()).close()
    (log.folder / "killed.sqlite").touch()
    assert len(log.read()) == 2


def _flip_a_bit(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        blob = bytearray(connection.execute("SELECT predictions FROM batches WHERE id = 2").fetchone()[0])
        blob[len(blob) // 2] ^= 1
        connection.execute("UPDATE batches SET predictions = ? WHERE id = 2", (bytes(blob),))


def _cut_a_blob(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE batches SET predictions = substr(predictions, 1, 100) WHERE id = 2")


def _lose_rows(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE batches SET rows = 3 WHERE id = 2")


@pytest.mark.parametrize("damage", [_flip_a_bit, _cut_a_blob, _lose_rows])
def test_damage_is_named_by_file_and_row(log: PredictionLog, damage: Callable[[Path], None]) -> None:
    write(log, batch(0), batch(1), batch(2)).close()
    (path,) = log.files()
    damage(path)
    with pytest.raises(ServingError) as error:
        log.read()
    assert str(path) in error.value.message
    assert "row 2" in error.value.message
    # What the damage does not touch can still be read.
    assert len(log.read(end=NOON + timedelta(minutes=45))) == 2


@pytest.mark.parametrize("content", [b"not a database at all, but long enough to be one", None])
def test_a_file_that_is_no_log_is_named(log: PredictionLog, content: bytes | None) -> None:
    write(log, *[batch(number) for number in range(50)]).close()
    (path,) = log.files()
    whole = path.read_bytes()
    path.write_bytes(content or whole[: len(whole) // 2])
    with pytest.raises(ServingError, match=str(path)):
        log.read()


def test_a_newer_format_is_refused(log: PredictionLog) -> None:
    write(log, batch()).close()
    with sqlite3.connect(log.files()[0]) as connection:
        connection.execute("PRAGMA user_version=99")
    with pytest.raises(ServingError, match="format 99"):
        log.read()


def test_a_log_that_cannot_be_written_says_so(log: PredictionLog) -> None:
    writer = write(log, batch())
    with sqlite3.connect(writer.path) as other:
        other.execute("DROP TABLE batches")
    with pytest.raises(LogFailed, match=r"cannot be written"):
        writer.append(batch())


def test_a_log_copied_while_it_was_open_is_whole(log: PredictionLog, tmp_path: Path) -> None:
    writer = write(log, batch(0), batch(1))
    copy = shutil.copytree(log.folder, tmp_path / "copy")
    writer.close()
    assert len(PredictionLog(copy).read()) == 4
