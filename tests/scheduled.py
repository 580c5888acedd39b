"""Projects with schedules, on either database."""

from __future__ import annotations

import functools
import shutil
import tempfile
from pathlib import Path

from workbench.project import Project, open_project
from workbench.store.database import open_database

__all__ = ["make"]

_PROJECT = """
[project]
name = "night"

[phases.gather]
notebook = "notebooks/gather.ipynb"

[stores]
database = "{url}"
"""


def make(folder: Path, schedules: str = "", url: str = "") -> Project:
    """A project of one phase, whose notebook need not be there; its database is migrated already."""
    folder.mkdir(exist_ok=True)
    (folder / "workbench.toml").write_text(_PROJECT.format(url=url) + schedules)
    project = open_project(folder)
    if not url and not (project.state / "workbench.db").exists():
        shutil.copyfile(_migrated(), project.state / "workbench.db")
    return project


@functools.cache
def _migrated() -> Path:
    """An empty database that is migrated already: that takes most of a test's time."""
    folder = Path(tempfile.mkdtemp(prefix="workbench-schedules-"))
    (folder / "workbench.toml").write_text(_PROJECT.format(url=""))
    project = open_project(folder)
    open_database(project).close()
    return project.state / "workbench.db"
