"""The writer of files: whatever happens to its file is told, and then it goes on."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import disks
from tests.unit.serving.log.batches import batch
from workbench.serving.log.batch import LogFailed
from workbench.serving.log.compact import compact
from workbench.serving.log.policy import Keeper
from workbench.serving.log.read import PredictionLog
from workbench.serving.log.sqlite import SqliteWriter, is_written


@pytest.fixture
def log(tmp_path: Path) -> PredictionLog:
    return PredictionLog(tmp_path / "log")


def _ids(log: PredictionLog) -> list[str]:
    return log.read(columns=["prediction_id"])["prediction_id"].tolist()


def _unlink(path: Path) -> None:
    path.unlink()


def _unlink_wal(path: Path) -> None:
    Path(f"{path}-wal").unlink()


def _remove_folder(path: Path) -> None:
    shutil.rmtree(path.parent)


def _replace(path: Path) -> None:
    shutil.copyfile(path, path.with_suffix(".copy"))
    path.with_suffix(".copy").rename(path)


def _drop(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("DROP TABLE batches")


@pytest.mark.parametrize("lose", [_unlink, _unlink_wal, _remove_folder, _replace, _drop])
def test_a_file_that_is_lost_is_told_and_followed_by_another(
    log: PredictionLog, lose: Callable[[Path], None]
) -> None:
    writer = SqliteWriter(log.folder, "test")
    writer.append([batch(0)])
    lost = Path(writer.place)
    lose(lost)
    with pytest.raises(LogFailed, match=r"cannot be written"):
        writer.append([batch(1)])
    writer.append([batch(2)])
    assert Path(writer.place) != lost
    writer.close()
    lost.unlink(missing_ok=True)
    assert _ids(log) == ["2-0", "2-1"]


def test_what_commits_write_to_does_not_grow(log: PredictionLog) -> None:
    writer = SqliteWriter(log.folder, "test")
    wal = Path(f"{writer.place}-wal")
    size = wal.stat().st_size
    given = batch(0, rows=3000)
    for _ in range(80):
        writer.append([given])
    assert Path(writer.place).stat().st_size > size
    assert wal.stat().st_size == size
    writer.close()
    assert log.count() == 240_000


def test_a_large_file_is_followed_by_another_and_can_be_compacted_away(log: PredictionLog) -> None:
    writer = SqliteWriter(log.folder, "test", rotate_bytes=100_000)
    for number in range(3):
        writer.append([batch(number, rows=2000)])
    writer.append([batch(3)])
    assert len(log.files()) > 1
    assert [str(path) for path in log.files() if is_written(path)] == [writer.place]
    assert compact(log).rows == 6002
    assert [str(path) for path in log.files()] == [writer.place]
    writer.append([batch(4)])
    writer.close()
    assert len(set(_ids(log))) == 6004


def test_a_writer_that_ended_leaves_one_file(log: PredictionLog) -> None:
    writer = SqliteWriter(log.folder, "test")
    writer.append([batch(0)])
    assert is_written(Path(writer.place))
    writer.close()
    assert [path.suffix for path in log.folder.iterdir()] == [".sqlite"]
    assert not is_written(log.files()[0])


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LogFailed, match="cannot be written"):
        SqliteWriter(tmp_path / "file" / "log", "test")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with disks.small_disk(tmp_path, "400k") as made:
        yield made


def _grow(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)


def test_a_full_disk_is_told_and_it_goes_on_when_there_is_room(small_disk: Path) -> None:
    log = PredictionLog(small_disk / "log")
    writer = SqliteWriter(log.folder, "test")
    appended = 0
    with contextlib.suppress(LogFailed):
        while appended < 10_000:
            writer.append([batch(appended, rows=20), batch(appended + 1, rows=20)])
            appended += 2
    assert 0 < appended < 10_000
    with pytest.raises(LogFailed, match="disk is full"):
        writer.append([batch(900, rows=500)])
    assert log.count() == 20 * appended
    _grow(small_disk)
    writer.append([batch(appended, rows=20)])
    writer.close()
    expected = [f"{number}-{row}" for number in range(appended + 1) for row in range(20)]
    assert sorted(_ids(log)) == sorted(expected)


def test_a_full_disk_is_got_over_by_a_spool_elsewhere(small_disk: Path, tmp_path: Path) -> None:
    log, now = PredictionLog(small_disk / "log"), [0.0]
    keeper = Keeper(str(log.folder), "test", "spool", spool=tmp_path / "spool", clock=lambda: now[0])
    appended = 0
    while appended < 20 or keeper.state.spooled_rows < 200:
        keeper.append([batch(appended, rows=20)])
        appended += 1
    assert "disk is full" in keeper.state.error
    now[0] += 60
    keeper.append([batch(appended, rows=500)])  # a try that is in vain
    _grow(small_disk)
    now[0] += 60
    keeper.append([batch(appended + 1, rows=20)])
    keeper.close()
    assert keeper.state.condition == "ok"
    assert keeper.state.spooled_rows == 0
    ids = _ids(log)
    assert len(ids) == len(set(ids)) == 20 * (appended + 1) + 500


def test_a_log_can_be_tried_without_an_answer(log: PredictionLog) -> None:
    writer = SqliteWriter(log.folder, "test")
    with contextlib.closing(sqlite3.connect(writer.place, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LogFailed, match="locked"):
            writer.append([])
        other.execute("ROLLBACK")
    writer.append([])
    writer.close()
    assert log.files() == []
