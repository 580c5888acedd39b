"""Rows of datasets on queues and back again: what annotators see, and what becomes of their labels."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.contract.labelling import CHOICES, LEASE, NOW
from tests.projects import migrated_database
from workbench.data.labels import choosing, exporting, places, queues, results, saying
from workbench.data.labels.model import Choice, Queue
from workbench.data.tables import DatasetVersion, Origin, Tables
from workbench.errors import ConfigError, DataError, DatasetNotFound, UnknownName, UsageError
from workbench.project import Project, open_project
from workbench.registry.identity import Identity
from workbench.store.database import open_database
from workbench.tracking.inputs import is_published

PROJECT = """[project]
name = "late"

[objective]
target = "late"
time = "asked_at"

[phases.x]
notebook = "x.ipynb"

[serving]
personal = ["passenger", "seat"]

[labelling]
hide = ["landed_at"]
show_personal = ["seat"]
"""
FRAME = pd.DataFrame(
    {
        "flight": [1, 2, 3],
        "sched_dep": pd.to_datetime(
            ["2013-07-01T10:00Z", "2013-07-01T10:15:30Z", "2013-07-02T10:00Z"], format="ISO8601"
        ),
        "carrier": ["AA", "<b>", None],
        "delay": [0.123456, float("nan"), float("inf")],
        "passenger": ["Ada", "Grace", "Mary"],
        "seat": ["1A", "2B", "3C"],
        "landed_at": ["x", "y", "z"],
        "late": [True, False, True],
    }
)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "workbench.toml").write_text(PROJECT)
    made = open_project(tmp_path)
    shutil.copyfile(migrated_database(), made.state / "workbench.db")
    return made


def write(project: Project, frame: pd.DataFrame = FRAME, **more: Any) -> DatasetVersion:
    about: dict[str, Any] = {"origin": Origin("run", "gather", "ada"), "key": ("flight", "sched_dep"), **more}
    return Tables(project.data_uri).write("flights", frame, **about)


def fill(project: Project, version: DatasetVersion) -> Queue:
    rows = choosing.of_dataset(project, version, 9, seed=1)
    source = {"dataset": version.name, "version": version.version}
    with open_database(project).write() as connection:
        by = Identity("ada")
        queue = queues.make(connection, project.name, "late", "", CHOICES, by=by, at=NOW)
        more: dict[str, Any] = {"how": "random", "double_rate": 0, "seed": 1, "by": by, "at": NOW}
        queues.add_rows(connection, queue, rows, source=source, **more)
    return queue


def label(project: Project, queue: Queue, *said: str) -> None:
    with open_database(project).write() as connection:
        who = Identity("grace")
        for value in said:
            (place, *_) = places.claim(connection, queue, who, 1, now=NOW, lease=LEASE)
            saying.give(connection, queue, place, value, by=who, at=NOW, guidelines=2)


def export(project: Project, queue: Queue, dataset: str = "labels") -> DatasetVersion:
    with open_database(project).read() as connection:
        every = results.results(connection, queue)
        return exporting.export(project, queue, every, queues.batches(connection, queue), dataset, who="ada")


def test_annotators_see_neither_the_target_nor_what_is_personal_or_hidden(project: Project) -> None:
    rows = choosing.of_dataset(project, write(project), 9, seed=1)
    assert {tuple(row.cells) for row in rows} == {("carrier", "delay", "seat")}
    by_flight = {row.reference["flight"]: row.cells for row in rows}
    assert by_flight[1]["delay"] == 0.1235
    assert (by_flight[2]["delay"], by_flight[3]["delay"], by_flight[3]["carrier"]) == (None, "inf", None)
    (one,) = choosing.of_dataset(project, write(project), 1, ["sched_dep", "flight"], seed=5)
    assert set(one.cells) == {"sched_dep", "flight"}
    assert str(one.cells["sched_dep"]).endswith(" UTC")
    for column, why in (
        ("late", "it is what the label is about"),
        ("passenger", "it is personal, and .labelling. show_personal does not name it"),
        ("landed_at", ".labelling. hide names it"),
    ):
        with pytest.raises(UsageError, match=f"annotators do not see the column '{column}': {why}"):
            choosing.of_dataset(project, write(project), 1, [column], seed=0)
    with pytest.raises(UnknownName, match="no column 'carier'; did you mean 'carrier'"):
        choosing.of_dataset(project, write(project), 1, ["carier"], seed=0)


def test_a_draw_is_the_same_again_and_a_version_is_named(project: Project) -> None:
    first = write(project)
    second = write(project, FRAME.iloc[:2])
    assert choosing.of_dataset(project, first, 2, seed=3) == choosing.of_dataset(project, first, 2, seed=3)
    assert choosing.dataset_version(project, "flights") == second
    assert choosing.dataset_version(project, "flights@0").rows == 3
    for named, said in (
        ("flights@7", "dataset 'flights' has no version 7; datasets: flights"),
        ("nothing", "dataset 'nothing' was not written yet"),
    ):
        with pytest.raises(DatasetNotFound, match=said):
            choosing.dataset_version(project, named)
    for named in ("flights@new", "../flights", ""):
        with pytest.raises(UsageError):
            choosing.dataset_version(project, named)


def test_what_cannot_be_labelled_is_said(project: Project) -> None:
    with pytest.raises(DataError, match="has no key, so no label would find its row again"):
        choosing.of_dataset(project, write(project, key=()), 1, seed=0)
    away = write(project)
    shutil.rmtree(Path(project.data_uri) / "flights")
    with pytest.raises(DataError, match=r"flights v\d cannot be read"):
        choosing.of_dataset(project, away, 1, seed=0)
    assert [choice.value for choice in choosing.usual_choices(project)] == ["0", "1"]
    without = Project.around(project.root / "elsewhere")
    with pytest.raises(UsageError, match="say which labels there are"):
        choosing.usual_choices(without)


@pytest.mark.practice("L9", "D5")
def test_labels_become_a_dataset_version_that_can_be_joined_and_accounted_for(project: Project) -> None:
    version = write(project)
    queue = fill(project, version)
    with pytest.raises(DataError, match="no row of queue 'late' has a label that counts yet"):
        export(project, queue)
    label(project, queue, "1", "0")
    written = export(project, queue)
    assert (written.rows, written.key, written.origin) == (
        *(2, ("flight", "sched_dep")),
        Origin("", "label", "ada"),
    )
    assert "3 rows by random from flights v0, seed 1" in written.description
    # Runs read it by default, although no run wrote it.
    assert is_published(project, written)
    assert not is_published(project, version)
    found = Tables(project.data_uri).read(written)
    assert sorted(found["label"]) == [0.0, 1.0]
    assert found[["annotators", "adjudicated", "guidelines", "queue"]].drop_duplicates().values.tolist() == [
        [1, False, "2", "late"]
    ]
    joined = found.merge(Tables(project.data_uri).read(version), on=["flight", "sched_dep"], validate="1:1")
    assert len(joined) == 2
    assert export(project, queue) == written  # nothing has changed
    label(project, queue, "1")
    assert export(project, queue).version == 1
    with pytest.raises(DataError, match="dataset 'flights' is written by gather; labels go to a dataset"):
        export(project, queue, "flights")
    # What refers to the rows is kept as text when their dataset is gone.
    shutil.rmtree(Path(project.data_uri) / "flights")
    assert export(project, queue, "others").rows == 3


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ((Choice("a", "1", "x"),), "a queue needs 2 to 30 labels, not 1"),
        ((Choice("a", "1", "x"), Choice("a", "2", "y")), "two labels have the key 'a'"),
        ((Choice("a", "1", "x"), Choice("b", "1", "y")), "two labels have the value '1'"),
        ((Choice("u", "1", "x"), Choice("c", "2", "y")), "the key 'u' is taken: it means undo"),
        ((Choice("ab", "1", "x"), Choice("c", "2", "y")), "'ab' is no key"),
        ((Choice("a", "1", "x\x1b"), Choice("c", "2", "y")), "is no label"),
    ],
)
def test_labels_and_names_that_cannot_be_are_refused(
    project: Project, choices: tuple[Choice, ...], said: str
) -> None:
    with open_database(project).write() as connection:
        more: dict[str, Any] = {"by": Identity("ada"), "at": NOW}
        with pytest.raises(UsageError, match=said):
            queues.make(connection, project.name, "late", "", choices, **more)
        with pytest.raises(UsageError, match="is no name of a queue"):
            queues.make(connection, project.name, "../late", "", CHOICES, **more)


def test_settings_are_checked(tmp_path: Path) -> None:
    (tmp_path / "workbench.toml").write_text(f'{PROJECT}lease = "soon"\n')
    with pytest.raises(ConfigError, match=r"labelling\.lease: a duration is a number and a unit"):
        open_project(tmp_path)
