"""A project with a prediction log of a champion and a shadow, and a queue of its predictions."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from tests.projects import migrated_database
from tests.unit.serving.log.batches import batch, moments, words
from workbench.monitoring.labelling import Asked
from workbench.project import Project, open_project
from workbench.serving.log.read import PredictionLog
from workbench.serving.log.sqlite import SqliteWriter

__all__ = ["CHAMPION", "LOG", "LOGGED_AT", "SHADOW", "asked", "logged_project"]

LOG = "predictions/live"
LOGGED_AT = datetime(2013, 8, 1, 12, tzinfo=UTC)
#: Scores of the predictions p0 to p7, which were asked an hour apart.
CHAMPION = (0.10, 0.45, 0.52, 0.90, 0.30, 0.70, 0.49, 0.95)
SHADOW = (0.20, 0.55, 0.51, 0.10, 0.35, 0.80, 0.40, 0.90)
_PROJECT = """[project]
name = "late"

[objective]
target = "late"
time = "asked_at"

[phases.x]
notebook = "x.ipynb"

[serving]
key = ["carrier", "flight"]
personal = ["passenger"]

[stores]
database = "{database}"
"""


def logged_project(root: Path, database: str = "") -> Project:
    root.mkdir(parents=True, exist_ok=True)
    (root / "workbench.toml").write_text(_PROJECT.format(database=database))
    project = open_project(root)
    if not database:
        shutil.copyfile(migrated_database(), project.state / "workbench.db")
    count = len(CHAMPION)
    inputs: dict[str, Any] = {
        "carrier": words(*["UA", "<b>AA</b>"] * (count // 2)),
        "flight": np.arange(count, dtype=float),
        "passenger": words(*[f"p-{number}" for number in range(count)]),
    }
    gusts = np.array([1.0, 2.0, 3.0, 2.0, 2.0, 50.0, 2.0, np.nan])
    writer = SqliteWriter(project.state / LOG, "answers")
    for role, version, scores in (("champion", 1, CHAMPION), ("shadow", 2, SHADOW)):
        score = np.array(scores)
        made = batch(
            rows=count,
            prediction_ids=[f"p{number}" for number in range(count)],
            asked_at=moments(*range(count)),
            inputs=inputs,
            features={"gust": gusts, "carrier": inputs["carrier"]},
            outputs=np.column_stack([1 - score, score]),
            role=role,
            version=version,
            notes={},
        )
        writer.append([made])
    writer.close()
    return project


def asked(project: Project, **more: Any) -> Asked:
    """Rows of that log for the queue ``late``."""
    return Asked("late", **{"log": PredictionLog(project.state / LOG), "log_name": LOG, **more})
