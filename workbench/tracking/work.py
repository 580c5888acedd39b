"""The scratch folders of runs that go on, and what becomes of those whose process was killed.

A run that goes on holds a lock in its folder below ``.workbench/work``. The system frees the lock when
the process dies, by whatever death; so a folder without a holder is a run that was killed, and the
next command closes it: its report shows how far it came, and MLflow's run ends as killed.

The folder is there before MLflow's run, which carries the folder's name as a tag: so there is no moment
at which a kill leaves a run that nobody knows of.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from workbench.project import Project
from workbench.tracking.context import FILE

__all__ = ["Work", "abandoned", "claim", "going_on", "is_held"]

_HELD = "held.lock"
_ENDED = "ended"
_WAIT_SECONDS = 60


@dataclass(frozen=True)
class Work:
    """A scratch folder that this process holds. Only its owner can look into it: it may hold secrets."""

    folder: Path
    lock: FileLock

    @property
    def token(self) -> str:
        """What MLflow's run carries, so that it can be found by its folder."""
        return self.folder.name

    @property
    def ended(self) -> str:
        """The status that was noted with :meth:`note_end`, if any."""
        with suppress(OSError):
            return (self.folder / _ENDED).read_text(encoding="utf-8")
        return ""

    def note_end(self, status: str) -> None:
        """How it ended, for whoever has to tell the tracking store later."""
        (self.folder / _ENDED).write_text(status, encoding="utf-8")

    def release(self) -> None:
        """Remove the folder, and let go of it."""
        gone = self.folder.with_name(f".{self.folder.name}")
        # Out of sight in one step: half a folder would look like one that was left behind.
        with suppress(OSError), _guard(self.folder.parent):
            self.folder.rename(gone)
        self.leave()
        shutil.rmtree(gone, ignore_errors=True)

    def leave(self) -> None:
        """Let go of the folder and what is in it: the next command closes its run."""
        with suppress(OSError):
            self.lock.release()


def claim(project: Project, phase: str) -> Work:
    """Make the scratch folder of a run that is about to be opened, and hold it."""
    root = _root(project)
    folder = root / f"{phase}-{uuid.uuid4().hex[:12]}"
    with _guard(root):
        folder.mkdir(mode=0o700)
        lock = _lock(folder)
        lock.acquire(timeout=_WAIT_SECONDS)
    return Work(folder, lock)


def going_on(project: Project) -> list[tuple[str, str]]:
    """Phase and the start of the run's id for each run of this project that a process here is busy with."""
    found = []
    with suppress(OSError):  # where nothing can be written, nothing goes on
        for folder in _held_by_others(project):
            with suppress(OSError, ValueError, KeyError):  # it is only just starting, or over
                context = json.loads((folder / FILE).read_text(encoding="utf-8"))
                found.append((str(context["phase"]), str(context["run_id"])[:8]))
    return found


def is_held(project: Project, token: str) -> bool:
    """Whether the process that claimed a scratch folder lives and still holds it; from any thread."""
    folder = project.state / "work" / token
    if not folder.is_dir():
        return False
    with _guard(folder.parent):
        lock = _lock(folder)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return True
        lock.release()
    return False


def _held_by_others(project: Project) -> list[Path]:
    found = []
    if not _folders(project):
        return []
    with _guard(_root(project)):
        for folder in _folders(project):
            lock = _lock(folder)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                found.append(folder)
            else:
                lock.release()
    return found


@contextmanager
def abandoned(project: Project) -> Iterator[list[Work]]:
    """The folders that nobody holds any more, held by us within the block.

    Those that are not released in the block stay for the next command.
    """
    mine: list[Work] = []
    root = project.state / "work"
    if root.is_dir() and any(entry.is_dir() for entry in os.scandir(root)):
        with _guard(root):
            for folder in _folders(project):
                lock = _lock(folder)
                with suppress(Timeout, OSError):
                    lock.acquire(timeout=0)
                    mine.append(Work(folder, lock))
            # Of these the run is over, and only the removing was not.
            for path in root.glob(".*/"):
                shutil.rmtree(path, ignore_errors=True)
    try:
        yield mine
    finally:
        for work in mine:
            work.leave()


def _root(project: Project) -> Path:
    root = project.state / "work"
    root.mkdir(mode=0o700, exist_ok=True)
    return root


def _folders(project: Project) -> list[Path]:
    root = project.state / "work"
    try:
        return sorted(
            Path(entry.path) for entry in os.scandir(root) if entry.is_dir() and entry.name[0] != "."
        )
    except FileNotFoundError:
        return []


def _lock(folder: Path) -> FileLock:
    return FileLock(folder / _HELD, thread_local=False)


def _guard(root: Path) -> FileLock:
    """Held while folders are made, looked through and put out of sight: each is one step for others."""
    return FileLock(root / "guard.lock", timeout=_WAIT_SECONDS)
