"""A small project with a log of live predictions, without a server and without a model."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from tests.projects import migrated_database
from tests.unit.serving.log.batches import NOON, batch, words
from workbench.project import Project, open_project
from workbench.serving.log.sqlite import SqliteWriter
from workbench.serving.protocol.truth import TruthRow
from workbench.serving.truth import recording
from workbench.store.clock import SimulatedClock
from workbench.store.database import open_database

__all__ = ["CLOCK", "HOSTILE", "LOG", "ask", "know", "make"]

LOG = "predictions/live"
CLOCK = SimulatedClock(datetime(2026, 1, 1, tzinfo=UTC))
HOSTILE = "<img src=x onerror=window.__pwned=1>"
_PROJECT = """[project]
name = "late"

[objective]
target = "late"
time = "asked_at"

[model]
name = "lateness"
features = "helpers:build"
groups = ["carrier", "late_share"]

[serving]
personal = ["owner"]

[phases.x]
notebook = "x.ipynb"
"""


def make(root: Path, more: str = "") -> Project:
    """A project that has answered nothing yet."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "workbench.toml").write_text(_PROJECT + more)
    project = open_project(root)
    shutil.copyfile(migrated_database(), project.state / "workbench.db")
    return project


def ask(project: Project, rows: int = 12, *, number: int = 0, **more: Any) -> None:
    """Answers as a server logs them: half of UA, half of ``HOSTILE``, with an owner that nobody may see."""
    given: dict[str, Any] = {
        "inputs": {
            "carrier": words(*(("UA", HOSTILE) * rows)[:rows]),
            "owner": words(*[f"p-{row:016x}" for row in range(rows)]),
            "distance": np.arange(rows, dtype=float),
        },
        "user_groups": ["gold", ""] * (rows // 2) + ["gold"] * (rows % 2),
    }
    writer = SqliteWriter(project.state / LOG, f"test-{number}")
    writer.append([batch(number, rows=rows, **(given | more))])
    writer.close()


def know(project: Project, **values: float) -> None:
    """What turned out to be true, by prediction id (``p0_3`` is ``0-3``)."""
    rows = [TruthRow(name[1:].replace("_", "-"), value, NOON) for name, value in values.items()]
    recording.record(open_database(project), LOG, rows, CLOCK)
