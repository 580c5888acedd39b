"""People at a review panel, and what stands there to be reviewed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat

from tests.pages import code, manifest, notebook
from tests.unit.monitoring.judged.asked import CLOCK
from workbench.panels.review import ReviewPanel
from workbench.project import Project
from workbench.store import backlog
from workbench.store.database import open_database
from workbench.tracking import reports

__all__ = ["panel_of", "publish", "put"]


def panel_of(project: Project, person: str) -> ReviewPanel:
    """The panel as somebody has it in front of them."""
    found = ReviewPanel(project, actor=person)
    found.refresh()
    return found


def put(project: Project, *titles: str, **more: Any) -> None:
    """Items on the backlog."""
    with open_database(project).write() as connection:
        for title in titles:
            backlog.add(connection, project.name, title, by="ada", at=CLOCK.now(), **more)


def publish(project: Project) -> Path:
    """A report of phase ``x``, with two cells."""
    nb = notebook(code("1"), code("2"))
    made = manifest(project=project.name, phase="x", who="maria")
    return reports.publish(project.reports, made, nbformat.writes(nb), "<header></header>")
