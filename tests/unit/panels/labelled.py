"""A queue to be labelled in the panel, those who sit down at it, and what stands of it then."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.contract.labelling import CHOICES, NOW
from tests.projects import migrated_database
from tests.unit.monitoring.alerting import make
from workbench.data.labels import queues, results
from workbench.data.labels.model import NewRow
from workbench.data.labels.results import Result
from workbench.panels.label.panel import LabelPanel, label
from workbench.project import Project
from workbench.registry.identity import Identity
from workbench.store.database import open_database

__all__ = ["HOSTILE", "Sit", "make_late", "numbers", "said", "sitting", "stands"]

HOSTILE = "<script>alert(1)</script>\x1b[31m"
Sit = Callable[..., LabelPanel]


def make_late(root: Path) -> Project:
    """A queue of four rows, all for two people."""
    made = make(root)
    shutil.copyfile(migrated_database(), made.state / "workbench.db")
    with open_database(made).write() as connection:
        by = Identity("ada")
        queue = queues.make(connection, made.name, "late", f"Late? {HOSTILE}", CHOICES, by=by, at=NOW)
        queues.revise_guidelines(connection, queue, f"# **Late**\n\n{HOSTILE}", by=by, at=NOW)
        rows = [NewRow({"prediction_id": f"p{n}"}, {"n": n, "note": HOSTILE}, "why") for n in range(4)]
        more = {"source": {"log": "predictions/live"}, "double_rate": 1.0, "seed": 0}
        queues.add_rows(connection, queue, rows, how="random", by=by, at=NOW, **more)  # type: ignore[arg-type]
    return made


def sitting(project: Project, monkeypatch: pytest.MonkeyPatch) -> Sit:
    """Sit down as somebody; a second passes before each key."""

    def down(name: str, *, adjudicate: bool = False) -> LabelPanel:
        monkeypatch.setenv("LOGNAME", name)
        panel = label("late", adjudicate=adjudicate, of=project)
        seconds = iter(range(10_000))
        panel.ticks = lambda: float(next(seconds))
        panel.start()
        assert panel.desk.identity == Identity(name)
        return panel

    return down


def stands(project: Project) -> list[Result]:
    with open_database(project).read() as connection:
        return results.results(connection, queues.find(connection, project.name, "late"))


def said(project: Project) -> list[list[tuple[str, str]]]:
    return [[(given.person, given.label) for given in each.labels] for each in stands(project)]


def numbers(panel: LabelPanel) -> int | None:
    return panel.shown.row.number if panel.shown else None
