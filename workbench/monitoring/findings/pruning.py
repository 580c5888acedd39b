"""Older revisions of findings, which go after a while: the newest of a window is what counts."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import ColumnElement, and_, delete, exists, func, select

from workbench.project import Project
from workbench.store import tables
from workbench.store.clock import Clock
from workbench.store.database import open_database

__all__ = ["prune"]

_TABLE, _NEWER = tables.findings, tables.findings.alias("newer")
_WINDOW = ("log", "model", "window_start", "window_end")


def prune(project: Project, *, clock: Clock, dry_run: bool = False) -> int:
    """Remove revisions of the project's model that are older than ``[retention] days``; how many they are.

    The newest revision of each window stays, whatever its age; so does everything where ``days`` is not set.
    """
    days, model = project.config.retention.days, project.config.model
    if days is None or model is None:
        return 0
    database = open_database(project)
    try:
        about = _superseded(model.name, clock, days)
        if dry_run:
            with database.read() as connection:
                return connection.scalar(select(func.count()).select_from(_TABLE).where(about)) or 0
        with database.write() as connection:
            return connection.execute(delete(_TABLE).where(about)).rowcount
    finally:
        database.close()


def _superseded(model: str, clock: Clock, days: float) -> ColumnElement[bool]:
    same = [_NEWER.c[name] == _TABLE.c[name] for name in _WINDOW]
    newer = exists().where(*same, _NEWER.c.revision > _TABLE.c.revision)
    old = _TABLE.c.evaluated_at < clock.now() - timedelta(days=days)
    return and_(_TABLE.c.model == model, old, newer)
