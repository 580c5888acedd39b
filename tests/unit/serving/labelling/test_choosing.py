"""Which predictions people are asked about, and what they see of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.unit.monitoring.watched import alerts
from tests.unit.serving.labelling.logged import LOG, LOGGED_AT, asked, logged_project
from workbench.data.labels import queues
from workbench.data.labels.model import NewRow
from workbench.errors import DataError, UsageError
from workbench.monitoring.alerts import Alert
from workbench.monitoring.labelling import by_alerts, fill
from workbench.project import Project
from workbench.serving.labelling.choosing import Predictions
from workbench.serving.log.read import PredictionLog
from workbench.serving.protocol.truth import TruthRow
from workbench.serving.truth.business import BusinessKey
from workbench.serving.truth.recording import record
from workbench.store.clock import SimulatedClock
from workbench.store.database import open_database
from workbench.store.standing import UNSERVED

pytestmark = pytest.mark.practice("L9")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return logged_project(tmp_path_factory.mktemp("choosing"))


def predictions(project: Project, **more: Any) -> Predictions:
    return Predictions(project, PredictionLog(project.state / LOG), LOG, **more)


def ids(rows: list[NewRow]) -> list[object]:
    return [row.reference["prediction_id"] for row in rows]


def test_uncertain_are_those_nearest_to_the_threshold(project: Project) -> None:
    rows = predictions(project).uncertainty(3)
    assert ids(rows) == ["p6", "p2", "p1"]
    assert rows[0].why == "score 0.4900, threshold 0.5"
    # Raw inputs as they were asked; nothing of the model's, and nothing personal.
    assert set(rows[0].cells) == {"asked at", "carrier", "flight"}
    assert rows[2].cells == {"asked at": "2013-08-01 13:00 UTC", "carrier": "<b>AA</b>", "flight": 1.0}


def test_disagreed_about_are_those_that_the_shadow_flags_otherwise(project: Project) -> None:
    rows = predictions(project).disagreement(9)
    assert ids(rows) == ["p3", "p1"]  # the furthest apart first
    assert rows[0].why == "score 0.9000, shadow v2 0.1000"
    assert ids(predictions(project).disagreement(1)) == ["p3"]


def test_a_draw_is_the_same_again(project: Project) -> None:
    found = predictions(project)
    assert ids(found.random(4, seed=1)) == ids(found.random(4, seed=1)) != ids(found.random(4, seed=2))
    assert sorted(ids(found.random(99, seed=1))) == [f"p{n}" for n in range(8)]


def about(signal: str, hours: tuple[int, int], number: int = 1) -> Alert:
    start, end = (LOGGED_AT + timedelta(hours=hour) for hour in hours)
    return replace(alerts()[0], id=number, signal=signal, rule="odd", first_start=start, last_end=end)


def test_alerts_name_windows_and_features_and_each_gets_its_share(project: Project) -> None:
    found = predictions(project)
    (rows, named) = by_alerts(found, [about("drift.feature.gust", (3, 8))], 2, seed=0)
    assert (ids(rows)[0], named) == ("p5", [1])  # a gust of 50 where all were below 4
    assert rows[0].why == "alert 1: odd, drift.feature.gust"
    assert ids(by_alerts(found, [about("drift.missing.gust", (3, 8))], 1, seed=0)[0]) == ["p7"]
    both = [about("performance.drop", (0, 2)), about("drift.prediction", (4, 8), 2)]
    rows, named = by_alerts(found, both, 4, seed=0)
    assert {name in ("p0", "p1") for name in ids(rows)[:2]} == {True}
    assert (len(set(ids(rows))), named) == (4, [1, 2])
    for none in ([], [about(UNSERVED, (3, 8))]):
        with pytest.raises(DataError, match="no alert about predictions/live is open"):
            by_alerts(found, none, 1, seed=0)
    with pytest.raises(DataError, match="nothing was asked in the windows of the 1 alerts"):
        by_alerts(found, [about("drift.share", (90, 99))], 1, seed=0)


def test_what_is_known_already_can_be_left_out(project: Project) -> None:
    database = open_database(project)
    key = BusinessKey(project.config.serving.key)
    told = [
        TruthRow("p6", 1.0, LOGGED_AT),
        TruthRow("", 0.0, LOGGED_AT, {"carrier": "UA", "flight": 2}),
    ]
    record(database, LOG, told, SimulatedClock(LOGGED_AT), key)
    assert sorted(ids(predictions(project, unknown_only=True).uncertainty(3))) == ["p1", "p4", "p5"]


def test_a_queue_is_filled_once_with_the_same_rows(tmp_path: Path) -> None:
    project = logged_project(tmp_path)
    first = fill(project, asked(project, how="uncertainty", count=4), double_rate=0.5)
    assert (first.added, first.doubled, first.known, first.guidelines) == (4, 2, 0, 0)
    again = fill(project, asked(project, how="uncertainty", count=6), guidelines="Fifteen minutes.")
    assert (again.added, again.known, again.rows, again.guidelines) == (2, 4, 6, 1)
    assert fill(project, asked(project, how="uncertainty", count=6)).added == 0
    with open_database(project).read() as connection:
        queue = queues.find(connection, "late", "late")
        assert [(each.rows, each.how) for each in queues.batches(connection, queue)] == [
            (4, "uncertainty"),
            (2, "uncertainty"),
        ]
    with pytest.raises(UsageError, match="rows of a dataset are chosen at random"):
        fill(project, asked(project, how="alerts", dataset="flights"))
    with pytest.raises(UsageError, match="name a dataset or a prediction log"):
        fill(project, asked(project, log=None))
    with pytest.raises(DataError, match=r"has no answers yet"):
        fill(project, asked(project, log=PredictionLog(tmp_path / "none")))
