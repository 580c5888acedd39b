"""A project whose train ran a few times, with all that a run may hold."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest

from tests.projects import make_project
from tests.unit.panels.recorded import HOSTILE, record
from workbench.project import Project
from workbench.tracking import runs, store


@dataclass(frozen=True)
class Recorded:
    """A project, and the ids of its runs, the oldest first."""

    project: Project
    gather: str
    first: str
    second: str
    odd: str
    bare: str
    draft: str
    deleted: str


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    parameters = {"train": "rate: float = 0.1  # how fast it learns\nkind: str = 'a'"}
    root = tmp_path_factory.mktemp("panels") / "tiny"
    project = make_project(root, {"gather": [], "train": []}, parameters=parameters)
    parent = runs.start(project, runs.PIPELINE)
    gather = record(project, "gather")
    first = record(
        project, params={"rate": 0.1, "kind": "a", "seed": 1}, metrics={"roc_auc": 0.70, "loss": 9.0}
    )
    second = record(
        project, params={"rate": 0.02, "kind": "b", "seed": 1}, metrics={"roc_auc": 0.75, "loss": 8.5}
    )
    odd = record(
        project,
        params={"rate": 0.5, "kind": HOSTILE, "seed": 1},
        metrics={"roc_auc": math.nan, "loss": math.inf},
        status="failed",
    )
    for run_id, team in ((first, "blue"), (second, "green")):
        store.client(project).set_tag(run_id, "team", team)
    bare = record(project, params={"seed": 1})
    draft = record(project, params={"rate": 0.3, "seed": 1}, draft=True)
    deleted = record(project, params={"rate": 0.9, "seed": 1}, metrics={"roc_auc": 0.99})
    runs.end(project, parent, "finished")
    store.client(project).delete_run(deleted)
    return Recorded(project, gather, first, second, odd, bare, draft, deleted)
