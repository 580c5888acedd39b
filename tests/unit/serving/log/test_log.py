"""The prediction log: what was answered is there, and damage is named."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.unit.serving.log.batches import NOON, batch, words
from workbench.errors import ServingError
from workbench.serving import features, inputs
from workbench.serving.log.batch import Batch
from workbench.serving.log.read import PredictionLog
from workbench.serving.log.sqlite import SqliteWriter


@pytest.fixture
def log(tmp_path: Path) -> PredictionLog:
    return PredictionLog(tmp_path / "log")


def write(log: PredictionLog, *batches: Batch) -> SqliteWriter:
    writer = SqliteWriter(log.folder, "test")
    for one in batches:
        writer.append([one])
    return writer


@pytest.mark.practice("P6")
def test_a_prediction_is_kept_with_model_version_code_version_inputs_and_features(log: PredictionLog) -> None:
    write(log, batch(user_groups=["gold", ""], notes={1: ("score: cut to 1", "carrier: unknown")})).close()
    frame = log.read()
    row = frame.iloc[0]
    assert row["prediction_id"] == "0-0"
    assert row["asked_at"] == pd.Timestamp(NOON)
    assert (row["score"], row["model"], row["model_version"], row["role"]) == (0.1, "late", 3, "champion")
    assert (row["code_version"], row["run_id"]) == ("abc+changed", "r1")
    assert (row["datasets"], row["latency_ms"]) == ("carrier=5 weather=2", 4.5)
    assert (row["request_id"], row["user_group"]) == ("request-0", "gold")
    assert frame["note"].isna().tolist() == [True, False]
    assert frame["note"][1] == "score: cut to 1; carrier: unknown"
    assert datetime.now(UTC) - row["answered_at"] < timedelta(minutes=1)
    # An input and a feature may share a name with each other, and an input with a column of the log.
    pd.testing.assert_frame_equal(inputs(frame), pd.DataFrame(batch().inputs), check_dtype=False)
    expected = pd.DataFrame(batch().features).assign(
        since=pd.to_datetime(batch().features["since"], utc=True)
    )
    pd.testing.assert_frame_equal(features(frame), expected, check_dtype=False)


def test_several_batches_are_one_commit(log: PredictionLog) -> None:
    writer = SqliteWriter(log.folder, "test")
    writer.append([batch(number, role="shadow" if number % 2 else "champion") for number in range(5)])
    frame = log.read()
    assert frame["prediction_id"].tolist() == [f"{number}-{row}" for number in range(5) for row in (0, 1)]
    writer.append([])
    writer.close()


def test_of_a_regression_the_score_is_what_was_predicted(log: PredictionLog) -> None:
    write(log, batch(outputs=np.array([-3.5, 7.0]), classes=())).close()
    frame = log.read()
    assert frame["score"].tolist() == [-3.5, 7.0]
    assert "answer" not in frame


def test_of_several_classes_the_answer_is_the_likeliest_and_all_scores_are_kept(log: PredictionLog) -> None:
    outputs = np.array([[0.2, 0.5, 0.3], [0.6, 0.3, 0.1]])
    write(log, batch(outputs=outputs, classes=("early", "late", "no show"))).close()
    frame = log.read()
    assert frame["answer"].tolist() == ["late", "early"]
    assert frame["score"].tolist() == [0.5, 0.6]
    assert frame["score.no show"].tolist() == [0.3, 0.1]


def test_only_chosen_columns_are_read(log: PredictionLog) -> None:
    write(log, batch(0), batch(1, version=4)).close()
    chosen = ["feature.late_share", "score", "input.carrier", "feature.unheard_of"]
    frame = log.read(version=3, start=NOON, columns=chosen)
    assert list(frame) == chosen
    whole = log.read(version=3)
    pd.testing.assert_frame_equal(frame[chosen[:3]], whole[chosen[:3]])
    assert frame["feature.unheard_of"].isna().all()
    assert log.read(columns=["model_version"])["model_version"].tolist() == [3, 3, 4, 4]
    with pytest.raises(ServingError, match="no column 'scores'"):
        log.read(columns=["scores"])


def test_any_text_comes_back(log: PredictionLog) -> None:
    hostile = ["", "\0", "ü \U0001f600", "a" * 70_000, "half \ud800"]
    write(log, batch(rows=5, inputs={"text": words(*hostile)}, features={}, request_ids=hostile)).close()
    frame = log.read()
    assert frame["input.text"].tolist() == [*hostile[:4], "half \\ud800"]
    assert frame["request_id"].tolist() == [*hostile[:4], "half \\ud800"]


def test_any_number_and_time_comes_back(log: PredictionLog) -> None:
    numbers = np.array([np.nan, np.inf, -np.inf, -0.0, 5e-324])
    times = np.array(
        ["NaT", "0001-01-01", "9999-12-31T23:59:59.999999", "1970-01-01", "NaT"], "datetime64[us]"
    )
    write(log, batch(rows=5, inputs={"n": numbers}, features={"t": times})).close()
    frame = log.read()
    np.testing.assert_array_equal(frame["input.n"].to_numpy(), numbers)
    assert np.signbit(frame["input.n"][3])
    assert (frame["feature.t"].dt.tz_localize(None).to_numpy()[1:4] == times[1:4]).all()
    assert frame["feature.t"].isna().tolist() == [True, False, False, False, True]


@pytest.mark.parametrize("ids", [["x-0", "x-1"], ["x-1", "x-0"], ["x-0", "y-1"], ["", "-0"], ["-0", "-1"]])
def test_prediction_ids_of_any_form_come_back(log: PredictionLog, ids: list[str]) -> None:
    write(log, batch(prediction_ids=ids)).close()
    assert log.read()["prediction_id"].tolist() == ids


def test_it_can_be_read_while_it_is_written(log: PredictionLog) -> None:
    writer = write(log, batch(0))
    assert len(log.read()) == 2
    writer.append([batch(1)])
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
    more = {"carrier": words("UA", "B6"), "wind": np.array([3.0, 4.0])}
    nothing = {"carrier": words(None, None), "score": np.array([np.nan, np.nan])}
    write(log, batch(0, inputs=nothing), batch(1, features=more)).close()
    frame = log.read()
    assert frame["feature.wind"].isna().tolist() == [True, True, False, False]
    assert frame["feature.late_share"].isna().tolist() == [False, True, True, True]
    assert frame["input.carrier"].isna().tolist() == [True, True, False, True]


def test_a_column_that_became_a_category_is_text(log: PredictionLog) -> None:
    write(
        log,
        batch(0, inputs={"size": np.array([1.5, np.nan])}),
        batch(1, version=4, inputs={"size": words("small", None)}),
    ).close()
    assert log.read()["input.size"].isna().tolist() == [False, True, False, True]
    assert log.read()["input.size"].dropna().tolist() == ["1.5", "small"]
    assert log.read(version=3)["input.size"][0] == 1.5


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


# With a cache of one page some of it is in the file before the commit.
_CHANGE_AND_DIE = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
for statement in ("PRAGMA cache_size = 1", "BEGIN", "UPDATE batches SET rows = rows + 1"):
    connection.execute(statement)
connection.execute("CREATE TABLE large AS SELECT randomblob(1000000)")
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("several", [1, 101], ids=["one file", "more than stay open"])
def test_what_a_killed_process_was_about_to_do_to_a_file_is_undone(log: PredictionLog, several: int) -> None:
    for number in range(several):
        write(log, batch(number % 4)).close()
    path = min(log.files(), key=lambda path: path.stat().st_size)
    subprocess.run([sys.executable, "-c", _CHANGE_AND_DIE, path], check=False)
    assert Path(f"{path}-journal").exists()
    assert len(log.read()) == 2 * several
    assert not Path(f"{path}-journal").exists()


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


def test_a_batch_with_the_header_of_another_is_named(log: PredictionLog) -> None:
    write(log, batch(0), batch(1, version=4)).close()
    (path,) = log.files()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE batches SET header = 1 WHERE id = 2")
    with pytest.raises(ServingError, match="row 2"):
        log.read()


def test_a_damaged_header_is_named(log: PredictionLog) -> None:
    write(log, batch(0)).close()
    (path,) = log.files()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE headers SET header = x'80'")
    with pytest.raises(ServingError, match="header"):
        log.read()


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


def test_a_log_copied_while_it_was_open_is_whole(log: PredictionLog, tmp_path: Path) -> None:
    writer = write(log, batch(0), batch(1))
    copy = shutil.copytree(log.folder, tmp_path / "copy")
    writer.close()
    assert len(PredictionLog(copy).read()) == 4
