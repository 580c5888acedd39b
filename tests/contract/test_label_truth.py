"""Labels as ground truth, on SQLite and on PostgreSQL: once, corrected, never over the world's own word."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.contract.labelling import NOW, Annotator, people
from tests.unit.serving.labelling.logged import LOG, asked, logged_project
from workbench.data.labels import queues, results
from workbench.data.labels.model import Choice, Queue
from workbench.errors import DataError, UsageError
from workbench.monitoring.labelling import fill
from workbench.project import Project
from workbench.serving.labelling import publishing
from workbench.serving.labelling.publishing import Published, look_up, publish
from workbench.serving.log.read import PredictionLog
from workbench.serving.protocol.truth import TruthRow
from workbench.serving.truth.business import BusinessKey
from workbench.serving.truth.recording import labelled, record
from workbench.store.clock import SimulatedClock
from workbench.store.database import open_database
from workbench.store.tables import ground_truth

pytestmark = pytest.mark.practice("L9", "D5")


@pytest.fixture
def project(tmp_path: Path, database_url: str) -> Project:
    return logged_project(tmp_path / "project", database_url)


@pytest.fixture
def ada(project: Project) -> Iterator[Annotator]:
    with people(project, "ada") as (found,):
        yield found


def filled(project: Project, ada: Annotator, **more: Any) -> Queue:
    fill(project, asked(project, count=8, **more), double_rate=0)
    with open_database(project).read() as connection:
        return queues.find(connection, project.name, "late")


def put(project: Project, queue: Queue, **more: Any) -> Published:
    with open_database(project).read() as connection:
        every, batches = results.results(connection, queue), queues.batches(connection, queue)
    keys = look_up(project, every, batches, {LOG: PredictionLog(project.state / LOG)})
    with open_database(project).write() as connection:
        about = {"keys": keys, **more}
        (done,) = publish(connection, project, queue, every, batches, SimulatedClock(NOW), **about)
    return done


def say(project: Project, *rows: TruthRow) -> None:
    key = BusinessKey(project.config.serving.key)
    record(open_database(project), LOG, rows, SimulatedClock(NOW), key)


def truth(project: Project) -> dict[str, float]:
    frame = PredictionLog(project.state / LOG).read(role="champion")
    found = labelled(project, LOG, frame).dropna(subset="truth")
    return dict(zip(found["prediction_id"], found["truth"], strict=True))


def test_labels_become_truth_once_and_corrections_correct(project: Project, ada: Annotator) -> None:
    queue = filled(project, ada)
    assert put(project, queue) == Published(LOG)
    places = [ada.label_next(queue, value) for value in "110"]
    named = [str(place.row.reference["prediction_id"]) for place in places]
    assert put(project, queue) == Published(LOG, written=3)
    assert truth(project) == dict(zip(named, (1.0, 1.0, 0.0), strict=True))
    assert put(project, queue) == Published(LOG, repeated=3)
    ada.give(queue, places[0], "0", at=NOW + timedelta(hours=1))
    ada.undo(queue, places[2])
    assert put(project, queue) == Published(LOG, corrected=1, repeated=1, withdrawn=1)
    assert put(project, queue) == Published(LOG, repeated=2, withdrawn=1)
    assert truth(project)[named[0]] == 0.0
    with open_database(project).read() as connection:
        sources = list(connection.scalars(select(ground_truth.c.source)))
    assert sources == ["labelling:late"] * 4


def test_two_who_publish_at_once_write_it_once(project: Project, ada: Annotator) -> None:
    queue = filled(project, ada)
    for value in "1100":
        ada.label_next(queue, value)
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: put(project, queue), range(4)))
    assert sorted(each.written for each in done) == [0, 0, 0, 4]
    with open_database(project).read() as connection:
        assert len(list(connection.scalars(select(ground_truth.c.id)))) == 4


def test_what_the_world_tells_while_labels_are_published_counts(
    project: Project, ada: Annotator, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = filled(project, ada)
    name = str(ada.label_next(queue, "1").row.reference["prediction_id"])
    write, told = publishing.insert, []

    def told_meanwhile(*given: Any) -> int:
        told.append(pool.submit(say, project, TruthRow(name, 0.0, NOW)))
        with pytest.raises(TimeoutError):
            told[0].result(timeout=0.5)
        return write(*given)

    with ThreadPoolExecutor(1) as pool:
        monkeypatch.setattr(publishing, "insert", told_meanwhile)
        assert put(project, queue).written == 1
    told[0].result()
    assert truth(project) == {name: 0.0}


def test_what_the_world_has_told_is_not_overruled_unless_somebody_asks(
    project: Project, ada: Annotator
) -> None:
    queue = filled(project, ada)
    places = {str(place.row.reference["prediction_id"]): place for place in ada.claim(queue, 8)}
    for name in ("p0", "p1", "p2", "p3"):
        ada.give(queue, places[name], "1")
    say(project, TruthRow("p0", 0.0, NOW), TruthRow("", 0.0, NOW, {"carrier": "<b>AA</b>", "flight": 1}))
    say(project, TruthRow("p2", 1.0, NOW))
    assert put(project, queue) == Published(LOG, written=1, agreed=1, contradicted=2)
    assert truth(project) == {"p0": 0.0, "p1": 0.0, "p2": 1.0, "p3": 1.0}
    # What is told after a label was published counts, and stays when it is published again.
    say(project, TruthRow("p3", 0.0, NOW))
    assert put(project, queue).repeated == 1
    assert truth(project)["p3"] == 0.0
    assert put(project, queue, overrule=True) == Published(LOG, written=2, agreed=1, repeated=1)
    assert truth(project) == {"p0": 1.0, "p1": 1.0, "p2": 1.0, "p3": 0.0}
    assert put(project, queue, keys={}).written == 0  # also while the log is away


def test_what_cannot_be_truth_is_said(project: Project, ada: Annotator) -> None:
    choices = (Choice("y", "yes", "yes"), Choice("n", "no", "no"))
    queue = filled(project, ada, choices=choices)
    ada.label_next(queue, "yes")
    with pytest.raises(UsageError, match="late is 0 or 1, and queue 'late' has the label 'yes'"):
        put(project, queue)
    with open_database(project).write() as connection:
        by = ada.who(connection)
        other = queues.make(connection, project.name, "other", "", choices, by=by, at=NOW)
    with pytest.raises(DataError, match="the rows of queue 'other' are from a dataset"):
        put(project, other)
