"""Reports: the executed notebook, its HTML and a manifest, whole or not at all.

A report is put together in a temporary folder, synced to disk and renamed into place, so that a
reader never meets half of one; the manifest is written last.
"""

from __future__ import annotations

import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from workbench.data.tables import DatasetVersion
from workbench.project import Project
from workbench.store.files import link, sync
from workbench.tracking.context import Input, Judged, Trial
from workbench.tracking.models import TrainedModel

__all__ = [
    "HTML",
    "LOG",
    "MANIFEST",
    "NOTEBOOK",
    "Failure",
    "Manifest",
    "adopt",
    "all_manifests",
    "find",
    "folder_of",
    "latest",
    "latest_with_folder",
    "publish",
    "read",
    "remove_drafts",
    "trials_folder",
]

_TRIALS = "trials"  # beside the phases' folders, and a level deeper, so that it is none of them
_STAMP = "%Y%m%dT%H%M%SZ"
_STAMPED = re.compile(r"\d{8}T\d{6}Z-")
NOTEBOOK, HTML, LOG, MANIFEST = "notebook.ipynb", "report.html", "log.jsonl", "manifest.json"
Status = Literal["finished", "failed", "killed"]


class Failure(BaseModel):
    """Why a phase did not finish: the cell (1-based, as in the notebook) and its error.

    ``reason`` is one word for it, such as ``cell_failed`` or ``out_of_memory``.
    """

    model_config = ConfigDict(frozen=True)

    message: str
    reason: str = ""
    cell: int | None = None
    source: str = ""
    traceback: str = ""


class Manifest(BaseModel):
    """What one execution of a notebook was: the machine-readable part of its report.

    Attributes
    ----------
    inputs : tuple of Input
        What the result depends on, beside code, parameters and environment.
    outputs : tuple of Input
        Declared files that it wrote.
    code : dict
        SHA-256 of each project file that it imported.
    code_hash : str
        Of the notebook's code cells; ``notebook_hash`` counts prose, too.
    unaccounted : tuple of str
        What it read that nobody can hold against a version; with any of it, the phase always runs.
    cpu_seconds, peak_memory_bytes
        Of the kernel and all that it started.
    cost : float or None
        ``cpu_seconds`` at the declared price.
    metrics : dict
        The last value of each metric that it logged through its phase.
    judged : tuple of Judged
        The rows on which it judged, as far as it said.
    trial : Trial or None
        Which trial of which sweep it was.
    """

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="constants")  # null is no metric

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
    inputs: tuple[Input, ...] = ()
    outputs: tuple[Input, ...] = ()
    code: dict[str, str] = {}
    code_hash: str = ""
    unaccounted: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    attempt: int = 1
    code_version: str = ""
    notebook_hash: str = ""
    environment_hash: str = ""
    started_at: datetime
    ended_at: datetime
    seconds: float
    cpu_seconds: float = 0.0
    peak_memory_bytes: int = 0
    cost: float | None = None
    cut_bytes: int = 0
    metrics: dict[str, float] = {}
    judged: tuple[Judged, ...] = ()
    trial: Trial | None = None
    who: str = ""
    draft: bool = False
    default: bool = True


def publish(root: Path, manifest: Manifest, notebook: str, html: str, log: str = "") -> Path:
    """Put a report below ``root`` and return its folder.

    The folder is named after the start time and the run, so that reports are kept side by side and
    never overwritten. Its name comes after all that are there, even if the clock was set back or the
    last run began within the same second: by their names, reports stand in the order of their making.
    Those of trials stand together, below their sweep's run, and are named after their numbers.
    """
    folder = root / manifest.phase if manifest.trial is None else trials_folder(root, manifest.trial.sweep)
    folder.mkdir(parents=True, exist_ok=True)
    if manifest.trial is None:
        final = folder / f"{_stamp(folder, manifest.started_at)}-{manifest.run_id[:8]}"
    else:
        final = folder / f"{manifest.trial.number:04}-{manifest.phase}-{manifest.run_id[:8]}"
    draft = final.parent / f".{final.name}-{uuid.uuid4().hex[:8]}"
    draft.mkdir()
    try:
        _write(draft / NOTEBOOK, notebook)
        _write(draft / HTML, html)
        _write(draft / LOG, log)
        _write(draft / MANIFEST, manifest.model_dump_json(indent=1))
        sync(draft)
        draft.rename(final)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    sync(final.parent)
    return final


def adopt(root: Path, report: Path) -> Path:
    """Have a report that stands elsewhere below ``root``, too, as the newest of its phase; its folder there.

    Its files are linked where they can be, and copied where not.

    Raises
    ------
    OSError
        It cannot be read, or not be put there.
    """
    manifest = read(report)
    if manifest is None:
        raise FileNotFoundError(report / MANIFEST)
    folder = root / manifest.phase
    folder.mkdir(parents=True, exist_ok=True)
    final = folder / f"{_stamp(folder, manifest.started_at)}-{manifest.run_id[:8]}"
    draft = folder / f".{final.name}-{uuid.uuid4().hex[:8]}"
    shutil.copytree(report, draft, copy_function=link)
    draft.rename(final)
    return final


def _stamp(folder: Path, started: datetime) -> str:
    stamps = [name[:16] for name in os.listdir(folder) if _STAMPED.match(name)]
    stamp = started.strftime(_STAMP)
    newest = max(stamps, default="")
    if stamp > newest:
        return stamp
    with suppress(ValueError, OverflowError):  # no moment at all: whoever named it so
        return (datetime.strptime(newest, _STAMP) + timedelta(seconds=1)).strftime(_STAMP)
    return stamp


def trials_folder(root: Path, sweep: str) -> Path:
    """Where the reports of a sweep's trials are."""
    return root / _TRIALS / sweep[:8]


def remove_drafts(project: Project, phase: str, run_id: str, sweep: str = "") -> None:
    """Remove what is left of the making of a run's report when a kill came amid."""
    for path in _folder(project, phase, sweep).glob(f".*-{run_id[:8]}-*"):
        shutil.rmtree(path, ignore_errors=True)


def _folder(project: Project, phase: str, sweep: str) -> Path:
    return trials_folder(project.reports, sweep) if sweep else project.reports / phase


def _write(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def find(project: Project, phase: str, run_id: str) -> Manifest | None:
    """The manifest of a run's report, if the run left one."""
    folder = folder_of(project, phase, run_id)
    return read(folder) if folder else None


def folder_of(project: Project, phase: str, run_id: str, sweep: str = "") -> Path | None:
    """The folder of a run's report, if the run left one; ``sweep`` is that of which it was a trial."""
    for path in _folder(project, phase, sweep).glob(f"*-{run_id[:8]}/{MANIFEST}"):
        manifest = read(path.parent)
        if manifest is not None and manifest.run_id == run_id:
            return path.parent
    return None


def latest(project: Project, phase: str) -> Manifest | None:
    """The newest finished run of a phase, nested runs (such as a retraining's) left out."""
    found = latest_with_folder(project, phase)
    return found[0] if found else None


def latest_with_folder(project: Project, phase: str) -> tuple[Manifest, Path] | None:
    """As :func:`latest`, with the folder of its report."""
    for path in _newest_first(project.reports / phase):
        manifest = read(path.parent)
        if manifest is not None and manifest.status == "finished" and manifest.default:
            return manifest, path.parent
    return None


def all_manifests(project: Project) -> Iterator[tuple[Path, Manifest | None]]:
    """Every report folder with its manifest (None if unreadable), newest first within a phase."""
    if not project.reports.is_dir():
        return
    for folder in sorted(path for path in project.reports.iterdir() if path.is_dir()):
        for path in _newest_first(folder):
            yield path.parent, read(path.parent)


def _newest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"[!.]*/{MANIFEST}"), key=lambda path: path.parent.name, reverse=True)


def read(folder: Path) -> Manifest | None:
    """The manifest in a report's folder, or None when there is none that can be read."""
    try:
        return Manifest.model_validate_json((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValidationError):
        return None
