"""What a run that reads a log depends on: it is another log once rows were added, and only then."""

from __future__ import annotations

from pathlib import Path

from tests.unit.serving.log.batches import batch
from tests.unit.serving.log.old_format import write
from workbench.serving.log.compact import Compacted, compact
from workbench.serving.log.sqlite import SqliteWriter
from workbench.tracking.logs import log_identity


def test_a_log_changes_with_each_append_and_not_by_compaction_or_the_end_of_a_writer(tmp_path: Path) -> None:
    seen = [log_identity(tmp_path)]
    for number in range(3):
        writer = SqliteWriter(tmp_path, "test")
        assert log_identity(tmp_path) == seen[-1]
        writer.append([batch(number)])
        seen.append(log_identity(tmp_path))
        assert compact(tmp_path) == Compacted(2, 0)
        assert log_identity(tmp_path) == seen[-1]
        writer.close()
        assert log_identity(tmp_path) == seen[-1]
        assert compact(tmp_path) == Compacted(0, 1)
        assert log_identity(tmp_path) == seen[-1]
    assert len(set(seen)) == 4
    assert "" not in seen


def test_files_of_older_versions_count_too(tmp_path: Path) -> None:
    before = log_identity(tmp_path)
    rows = {"prediction_id": ["a"], "asked_at": ["2013-08-01"], "score": [0.5]}
    write(tmp_path / "old.sqlite", rows)
    now = log_identity(tmp_path)
    assert now != before
    compact(tmp_path)
    assert log_identity(tmp_path) == now


def test_of_a_damaged_log_nothing_can_be_told(tmp_path: Path) -> None:
    (tmp_path / "damaged.sqlite").write_bytes(b"not a database at all, but long enough to be one" * 100)
    assert log_identity(tmp_path) == ""
