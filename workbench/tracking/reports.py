"""Reports: the executed notebook, its HTML and a manifest, whole or not at all.

A report is put together in a temporary folder, synced to disk and renamed into place, so that a
reader never meets half of one; the manifest is written last.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from workbench.data.tables import DatasetVersion
from workbench.project import Project
from workbench.tracking.models import TrainedModel

__all__ = [
    "HTML",
    "MANIFEST",
    "NOTEBOOK",
    "Failure",
    "Manifest",
    "all_manifests",
    "find",
    "latest",
    "publish",
]

NOTEBOOK, HTML, MANIFEST = "notebook.ipynb", "report.html", "manifest.json"
Status = Literal["finished", "failed", "killed"]


class Failure(BaseModel):
    """Why a phase did not finish: the cell (1-based, as in the notebook) and its error."""

    model_config = ConfigDict(frozen=True)

    message: str
    cell: int | None = None
    source: str = ""
    traceback: str = ""


class Manifest(BaseModel):
    """What one execution of a notebook was: the machine-readable part of its report."""

    model_config = ConfigDict(frozen=True)

    run_id: str
    pipeline_run_id: str
    project: str
    phase: str
    notebook: str
    status: Status
    error: Failure | None = None
    parameters: dict[str, Any] = {}
    reads: tuple[DatasetVersion, ...] = ()
    writes: tuple[DatasetVersion, ...] = ()
    models: tuple[TrainedModel, ...] = ()
    notes: dict[str, Any] = {}
    code_version: str = ""
    notebook_hash: str = ""
    environment_hash: str = ""
    started_at: datetime
    ended_at: datetime
    seconds: float
    who: str = ""
    draft: bool = False
    default: bool = True


def publish(root: Path, manifest: Manifest, notebook: str, html: str) -> Path:
    """Put a report below ``root`` and return its folder.

    The folder is named after the start time and the run, so that reports are kept side by side and
    never overwritten.
    """
    stamp = manifest.started_at.strftime("%Y%m%dT%H%M%SZ")
    final = root / manifest.phase / f"{stamp}-{manifest.run_id[:8]}"
    final.parent.mkdir(parents=True, exist_ok=True)
    draft = final.parent / f".{final.name}-{uuid.uuid4().hex[:8]}"
    draft.mkdir()
    try:
        _write(draft / NOTEBOOK, notebook)
        _write(draft / HTML, html)
        _write(draft / MANIFEST, manifest.model_dump_json(indent=1))
        _sync(draft)
        draft.rename(final)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    _sync(final.parent)
    return final


def _write(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def find(project: Project, phase: str, run_id: str) -> Manifest | None:
    """The manifest of a run's report, if the run left one."""
    for path in (project.reports / phase).glob(f"*-{run_id[:8]}/{MANIFEST}"):
        manifest = _read(path)
        if manifest is not None and manifest.run_id == run_id:
            return manifest
    return None


def latest(project: Project, phase: str) -> Manifest | None:
    """The newest finished run of a phase, nested runs (such as a retraining's) left out."""
    for path in _newest_first(project.reports / phase):
        manifest = _read(path)
        if manifest is not None and manifest.status == "finished" and manifest.default:
            return manifest
    return None


def all_manifests(project: Project) -> Iterator[tuple[Path, Manifest | None]]:
    """Every report folder with its manifest (None if unreadable), newest first within a phase."""
    if not project.reports.is_dir():
        return
    for folder in sorted(path for path in project.reports.iterdir() if path.is_dir()):
        for path in _newest_first(folder):
            yield path.parent, _read(path)


def _newest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"[!.]*/{MANIFEST}"), key=lambda path: path.parent.name, reverse=True)


def _read(path: Path) -> Manifest | None:
    try:
        return Manifest.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError):
        return None
