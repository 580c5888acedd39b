"""Projects with schedules, on either database, and schedulers that have kept up."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

from tests.projects import migrated_database
from tests.unit.serving.tiny import until
from workbench.execution.schedule import records
from workbench.execution.schedule.times import next_time
from workbench.project import Project, open_project
from workbench.store.database import open_database

__all__ = ["caught_up", "make"]

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


def caught_up(
    project: Project, now: datetime, *, since: datetime | None = None, seconds: float = 300.0
) -> None:
    """Wait until every scheduled time that has come is over.

    Parameters
    ----------
    since : datetime, optional
        What was due before is nobody's; without it each schedule has to have been at it once.
    """
    database = open_database(project)

    def over() -> bool:
        with database.read() as connection:
            newest = records.newest(connection, project.name)
            if records.open_times(connection, project.name):
                return False
        last = {name: time.scheduled_at for name, time in newest.items()}
        lasts = [(each, last.get(each.name, since)) for each in project.config.schedules]
        return all(at is not None and next_time(each, at) > now for each, at in lasts)

    try:
        until(over, seconds=seconds)
    finally:
        database.close()
