"""Projects with schedules, on either database."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.projects import migrated_database
from workbench.project import Project, open_project

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
        shutil.copyfile(migrated_database(), project.state / "workbench.db")
    return project
