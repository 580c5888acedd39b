"""A run's record: its report's manifest, found by whatever name a person has for the run."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from workbench.errors import UsageError
from workbench.project import Project
from workbench.tracking import reports, runs, store
from workbench.tracking.cell_diff import existing
from workbench.tracking.reports import Manifest

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["Recorded", "find", "of_run"]

_IN_MLFLOW = "report"  # where the artifacts of a run hold its report


@dataclass(frozen=True)
class Recorded:
    """What is known of a run.

    Attributes
    ----------
    report : Path
        The folder of its report, or of a copy.
    state : str
        ``kept`` when that is its own, ``in MLflow`` when it is a copy of what MLflow keeps.
    """

    manifest: Manifest
    report: Path
    state: Literal["kept", "in MLflow"] = "kept"


def find(project: Project, named: str, into: Path) -> Recorded:
    """The record of the run that is named by its id, the beginning of it, its report or its phase.

    A phase stands for its newest finished run.

    Parameters
    ----------
    into : Path
        A folder for a copy, in case that only MLflow has the report by now.

    Raises
    ------
    UnknownName
        There is no such run, or there are several.
    UsageError
        It has no report, which would be its record.
    """
    if (Path(named) / reports.MANIFEST).is_file():
        manifest = reports.read(Path(named))
        if manifest is None:
            raise UsageError(f"{Path(named) / reports.MANIFEST} cannot be read, so the run cannot be known")
        return Recorded(manifest, Path(named).resolve())
    if named in project.config.phases:
        newest = reports.latest_with_folder(project, named)
        if newest is None:
            raise UsageError(
                f"phase {named!r} has no finished run with a report; next: workbench run {named}"
            )
        return Recorded(*newest)
    run = runs.find(project, named)
    short = run.run_id[:8]
    if (reports.trials_folder(project.reports, run.run_id)).is_dir():
        raise UsageError(f"run {short} is a sweep: name one of its trials; workbench runs --sweep {short}")
    found = of_run(project, run.run_id, into)
    if found is not None:
        return found
    if run.phase == runs.PIPELINE:
        raise UsageError(
            f"run {short} is a pipeline run: name one of the runs in it; workbench runs lists them"
        )
    if run.status == "running":
        raise UsageError(f"run {short} of {run.phase} goes on: there is no report of it yet")
    raise UsageError(
        f"run {short} of {run.phase} has no report any more (or never had one), and that was its record"
    )


def of_run(project: Project, run_id: str, into: Path | None = None) -> Recorded | None:
    """The record of a run, or None; a copy of MLflow's when the report itself is gone.

    Without ``into`` the copy is the manifest only, and its folder is gone when this returns.
    """
    pattern = f"[!.]*-{run_id[:8]}/{reports.MANIFEST}"
    for path in (*project.reports.glob(f"[!.]*/{pattern}"), *project.reports.glob(f"trials/*/{pattern}")):
        manifest = reports.read(path.parent)
        if manifest is not None and manifest.run_id == run_id:
            return Recorded(manifest, path.parent)
    return _from_mlflow(project, run_id, into)


def _from_mlflow(project: Project, run_id: str, into: Path | None) -> Recorded | None:
    """What the run itself says: where its report lies (a draft's), or the copy among its artifacts."""
    import tempfile

    from mlflow.exceptions import MlflowException

    client = store.client(project)
    try:
        told = existing(client.get_run(run_id).data.tags.get("workbench.report", ""))
        manifest = reports.read(told) if told else None
        if told is not None and manifest is not None and manifest.run_id == run_id:
            return Recorded(manifest, told)
        if into is not None:
            return _copied(client, run_id, into, (reports.MANIFEST, reports.NOTEBOOK))
        with tempfile.TemporaryDirectory(prefix="workbench-record-") as scratch:
            return _copied(client, run_id, Path(scratch), (reports.MANIFEST,))
    except (MlflowException, OSError):
        return None


def _copied(client: MlflowClient, run_id: str, into: Path, names: tuple[str, ...]) -> Recorded | None:
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    for name in names:  # each lands in the folder itself
        client.download_artifacts(run_id, f"{_IN_MLFLOW}/{name}", dst_path=str(into))
    manifest = reports.read(into)
    if manifest is None or manifest.run_id != run_id:
        return None
    return Recorded(manifest, into, "in MLflow")
