"""What schedules leave behind and nobody needs any more: what runs said, and trees of commits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from workbench.execution.schedule import jobs, pinned, records
from workbench.project import Project
from workbench.store.clock import SystemClock
from workbench.store.database import open_database

__all__ = ["LeftOver", "left_over", "remove"]


@dataclass(frozen=True)
class LeftOver:
    """What may go.

    Attributes
    ----------
    files : tuple of Path
        What scheduled runs printed and said that did not finish; those that do leave nothing.
    trees : tuple of Path
        Work trees of commits to which no schedule is pinned any more.
    bytes : int
        Of both.
    """

    files: tuple[Path, ...]
    trees: tuple[Path, ...]
    bytes: int

    @property
    def empty(self) -> bool:
        return not (self.files or self.trees)


def left_over(project: Project) -> LeftOver:
    """Look it up; files go when they are as old as drafts may get."""
    oldest = SystemClock().now() - timedelta(days=project.config.retention.drafts_days)
    files = tuple(path for path in jobs.files(project) if _written(path) < oldest and not jobs.is_open(path))
    trees = tuple(_unused(project))
    return LeftOver(files, trees, sum(map(_size, (*files, *trees))))


def remove(project: Project, found: LeftOver) -> None:
    """Remove it.

    Raises
    ------
    RunError
        git does not let go of a tree.
    """
    for path in found.files:
        path.unlink(missing_ok=True)
    for tree in found.trees:
        pinned.let_go(project, tree.name)


def _unused(project: Project) -> Iterable[Path]:
    """None while something scheduled runs: it may have begun before ``workbench.toml`` was changed."""
    trees = pinned.trees(project)
    if not trees:
        return ()
    with open_database(project).read() as connection:
        if records.open_times(connection, project.name):
            return ()
    wanted = {each.commit for each in project.config.schedules}
    return (tree for tree in trees if tree.name not in wanted)


def _written(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _size(path: Path) -> int:
    """Of a file, or of all below a folder; a link leads to what is not counted."""
    every = path.rglob("*") if path.is_dir() else (path,)
    return sum(each.lstat().st_size for each in every if not each.is_dir())
