"""However labels are read, the newest of each prediction is found; those of no prediction are counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.unit.serving.log.batches import batch
from tests.unit.serving.tiny import make_tiny
from workbench.project import Project, open_project
from workbench.serving import PredictionLog, labelled
from workbench.serving.log.targets import open_writer
from workbench.serving.protocol.truth import TruthRow
from workbench.serving.truth import store as truth_store
from workbench.serving.truth.absent import count_absent
from workbench.serving.truth.business import BusinessKey
from workbench.serving.truth.recording import record
from workbench.store.clock import SystemClock
from workbench.store.database import open_database

FIRST = datetime(2013, 8, 1, tzinfo=UTC)
WAYS = {
    "a few at a time": {"_IDS_A_QUERY": 7},
    "by id, as the log has many more": {"_FEW": 0, "_READ_FOR_A_JUMP": 0, "_IDS_A_QUERY": 50},
    "all of the log": {"_FEW": 0, "_PASSED_FOR_A_JUMP": 0, "_ROWS_AT_ONCE": 11},
    "all of the table": {"_FEW": 0, "_PASSED_FOR_A_JUMP": 10**9, "_ROWS_AT_ONCE": 13},
}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_tiny(tmp_path / "project")


def keep(project: Project, log: str, rows: list[TruthRow], key: BusinessKey | None = None) -> None:
    database = open_database(project)
    record(database, log, rows, SystemClock(), key or BusinessKey())
    database.close()


@pytest.mark.parametrize("way", WAYS)
def test_however_labels_are_read_the_newest_of_each_prediction_is_found(
    project: Project, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    random = np.random.default_rng(6)
    newest: dict[str, tuple[float, datetime]] = {}
    for _ in range(4):  # repeated, corrected, of unknown predictions, of another log, in no order
        rows = []
        for number in random.permutation(300)[:200].tolist():
            known_at = FIRST + timedelta(hours=int(random.integers(1000)))
            rows.append(TruthRow(f"p{number:03d}", float(random.integers(2)), known_at))
            newest[f"p{number:03d}"] = (rows[-1].value, known_at)
        keep(project, "log", rows)
        keep(project, "another", [TruthRow(row.prediction_id, 9.0, FIRST) for row in rows])
    asked = [f"p{number:03d}" for number in random.integers(0, 400, 500)]
    for name, value in WAYS[way].items():
        monkeypatch.setattr(truth_store, name, value)
    found = labelled(project, "log", pd.DataFrame({"prediction_id": asked}, index=range(500, 0, -1)))
    nothing = (None, None)
    given = zip(found["truth"], found["known_at"], strict=True)
    assert [nothing if pd.isna(value) else (value, at) for value, at in given] == [
        newest.get(name, nothing) for name in asked
    ]


def test_a_prediction_without_an_id_has_no_truth(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(project, "log", [TruthRow("a", 1.0, FIRST)])
    for few in (10, 0):
        monkeypatch.setattr(truth_store, "_FEW", few)
        found = labelled(project, "log", pd.DataFrame({"prediction_id": ["a", None]}))
        assert found["truth"].isna().tolist() == [False, True]


@pytest.mark.practice("L7")
def test_labels_for_predictions_that_were_never_made_are_counted_and_have_no_effect(
    project: Project, tmp_path: Path
) -> None:
    writer = open_writer(str(tmp_path / "log"), "test")
    writer.append([batch(number) for number in range(5)])
    writer.close()
    log = PredictionLog(tmp_path / "log")
    known = [TruthRow(f"{number}-{row}", 1.0, FIRST) for number in range(5) for row in (0, 1)]
    keep(project, "log", [*known, *known[:4]])
    assert count_absent(project, log, "log") == 0
    before = labelled(project, "log", log.read())
    keep(project, "log", [TruthRow(f"never-{number}", 0.0, FIRST) for number in range(7)])
    keep(project, "log", [TruthRow("never-0", 1.0, FIRST)])
    assert count_absent(project, log, "log") == 7
    pd.testing.assert_frame_equal(labelled(project, "log", log.read()), before)
    assert count_absent(project, log, "another") == 0
    assert count_absent(project, PredictionLog(tmp_path / "nowhere"), "log") == 17


def test_labels_by_business_key_of_no_prediction_are_counted(project: Project, tmp_path: Path) -> None:
    config = project.root / "workbench.toml"
    config.write_text(config.read_text() + '\n[serving]\nkey = ["carrier"]\n')
    keyed = open_project(project.root)
    writer = open_writer(str(tmp_path / "log"), "test")
    writer.append([batch(number) for number in range(3)])  # of UA, and of nobody knows whom
    writer.close()
    rows = [TruthRow("", 1.0, FIRST, {"carrier": carrier}) for carrier in ("UA", "AA", "UA", "B6", "AA")]
    keep(keyed, "log", [*rows, TruthRow("0-0", 1.0, FIRST)], BusinessKey.open(keyed))
    assert count_absent(keyed, PredictionLog(tmp_path / "log"), "log") == 2
