"""Ground truth joins the predictions it is about."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from tests.unit.serving.tiny import make_tiny
from workbench.errors import ServingError
from workbench.project import Project
from workbench.serving import labelled
from workbench.serving.protocol.truth import TruthRow
from workbench.serving.settings import log_name
from workbench.serving.truth.recording import record
from workbench.store.clock import SystemClock
from workbench.store.database import open_database

PREDICTIONS = pd.DataFrame({"prediction_id": ["a", "b", "c"], "score": [0.1, 0.2, 0.3]})


def day(number: int) -> datetime:
    return datetime(2013, 8, number, tzinfo=UTC)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return make_tiny(tmp_path_factory.mktemp("truth") / "project")


def keep(project: Project, log: str, *rows: tuple[str, float, int]) -> None:
    database = open_database(project)
    record(database, log, [TruthRow(id, value, day(known)) for id, value, known in rows], SystemClock())
    database.close()


def test_truth_comes_late_repeated_and_corrected_and_the_last_received_counts(project: Project) -> None:
    keep(project, "corrected", ("a", 1.0, 2), ("b", 0.0, 3))
    keep(project, "corrected", ("a", 1.0, 2), ("b", 1.0, 5))
    found = labelled(project, "corrected", PREDICTIONS)
    assert found["truth"].tolist()[:2] == [1.0, 1.0]
    assert found["known_at"].tolist()[:2] == [day(2), day(5)]
    assert found["truth"].isna().tolist() == [False, False, True]
    assert found[["prediction_id", "score"]].equals(PREDICTIONS)


def test_what_was_known_by_a_day_is_what_was_known_then(project: Project) -> None:
    keep(project, "known", ("a", 1.0, 2), ("b", 0.0, 3), ("b", 1.0, 5))
    found = labelled(project, "known", PREDICTIONS, known_by=day(4))
    assert found["truth"].tolist()[:2] == [1.0, 0.0]
    assert labelled(project, "known", PREDICTIONS, known_by=day(1))["truth"].isna().all()


def test_logs_do_not_mix(project: Project) -> None:
    keep(project, "one", ("a", 1.0, 2))
    assert labelled(project, "two", PREDICTIONS)["truth"].isna().all()


def test_no_truth_for_no_predictions(project: Project) -> None:
    found = labelled(project, "nothing", PREDICTIONS.head(0))
    assert list(found) == ["prediction_id", "score", "truth", "known_at", "truth_label"]


def test_a_database_that_has_gone_is_said_in_one_line(project: Project) -> None:
    database = open_database(project)
    with database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE ground_truth RENAME TO elsewhere")
    try:
        with pytest.raises(ServingError, match=r"cannot be written: .*ground_truth") as error:
            record(database, "gone", [TruthRow("a", 1.0, day(1))], SystemClock())
        assert "\n" not in error.value.message
    finally:
        with database.write() as connection:
            connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO ground_truth")
        database.close()


def test_a_log_is_named_after_its_place_so_that_the_project_may_move(
    project: Project, tmp_path: Path
) -> None:
    assert log_name(project, project.state / "predictions" / "live") == "predictions/live"
    assert log_name(project, tmp_path / "elsewhere") == (tmp_path / "elsewhere").as_posix()
    assert len(log_name(project, tmp_path / ("x" * 250))) == 200
