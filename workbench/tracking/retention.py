"""Retention: which reports, runs and drafts may go, and their removal.

Only what the workbench wrote itself is removed. A report goes by rename, then removal, and its run is
deleted in MLflow between the two: whenever this is killed, what is left is either whole or gone from
sight, and the next time goes on.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import RunError
from workbench.store.clock import Clock, SystemClock
from workbench.tracking import index, reports
from workbench.tracking.asking import StoreAway, asking
from workbench.tracking.keeping import kept_runs

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from workbench.project import Project
    from workbench.tracking.rows import RunInfo

__all__ = ["Plan", "Report", "apply", "plan"]

_STAMP = re.compile(r"(\d{8}T\d{6}Z)")
_GONE = ".pruned-"  # what begins with a dot is no report


@dataclass(frozen=True)
class Report:
    """A report's folder, as its name and its manifest tell it."""

    folder: Path
    manifest: reports.Manifest | None
    started_at: datetime

    @property
    def run_id(self) -> str:
        return self.manifest.run_id if self.manifest else ""


@dataclass(frozen=True)
class Plan:
    """What may go, and why other old things stay.

    Attributes
    ----------
    reports, runs, drafts : tuple
        Report folders (those of a sweep's trials as one), run ids (of drafts, too), and draft folders.
    kept : dict
        Run id to the reason for which it stays although it is old enough.
    bytes : int
        Of the folders. The artifacts that MLflow keeps of a run are not counted: ``mlflow gc`` removes those.
    days : float or None
        The age that reports and runs may reach; None if there is no limit, and only drafts go.
    """

    reports: tuple[Path, ...] = ()
    runs: tuple[str, ...] = ()
    drafts: tuple[Path, ...] = ()
    kept: dict[str, str] = field(default_factory=dict)
    bytes: int = 0
    days: float | None = None

    @property
    def empty(self) -> bool:
        return not (self.reports or self.runs or self.drafts)


def plan(project: Project, *, clock: Clock | None = None) -> Plan:
    """What ``[retention]`` in ``workbench.toml`` lets go by now. Nothing is removed.

    Raises
    ------
    RunError
        The tracking store does not answer: it has to be asked what must stay.
    """
    now = (clock or SystemClock()).now()
    policy = project.config.retention
    try:
        with asking(project) as client, index.opened(project, clock=clock) as runs:
            runs.catch_up()
            known = runs.known(limit=None)
            oldest_draft = now - timedelta(days=policy.drafts_days)
            old_drafts = [run.run_id for run in known if run.draft and _is_old(run, oldest_draft)]
            drafts = _old_drafts(project, oldest_draft, {run.run_id for run in known if not run.ended_at})
            if policy.days is None:
                return Plan(runs=tuple(old_drafts), drafts=drafts, bytes=_size(drafts))
            oldest = now - timedelta(days=policy.days)
            present = _present(project)
            reasons = kept_runs(project, client, known, _manifests(present), policy.keep)
    except StoreAway as error:
        raise RunError(f"the tracking store does not answer, so nothing can be pruned: {error}") from error
    newest = {report.folder for found in present.values() for report in found[: policy.keep]}
    running = {run.run_id for run in known if run.status == "running"}
    going = tuple(
        report.folder
        for found in present.values()
        for report in found
        if report.started_at < oldest
        and report.folder not in newest
        and report.run_id not in reasons
        and report.run_id not in running
    )
    old = [run for run in known if not run.draft and _is_old(run, oldest)]
    gone = [run.run_id for run in old if run.run_id not in reasons]
    # The reports of trials go with their sweep's run.
    folders = [reports.trials_folder(project.reports, run_id) for run_id in gone]
    going += tuple(folder for folder in folders if folder.is_dir())
    return Plan(
        reports=going,
        runs=(*gone, *old_drafts),
        drafts=drafts,
        kept={run.run_id: reasons[run.run_id] for run in old if run.run_id in reasons},
        bytes=_size(going) + _size(drafts),
        days=policy.days,
    )


def apply(project: Project, chosen: Plan, progress: Callable[[int, int], None] | None = None) -> int:
    """Remove what was planned; how many runs were deleted. ``progress`` is told how many of how many.

    Raises
    ------
    RunError
        The tracking store went away; what was done until then is done.
    """
    hidden = [_hide(folder) for folder in (*chosen.reports, *chosen.drafts)]
    deleted: list[str] = []
    try:
        with asking(project) as client:
            for run_id in chosen.runs:
                _delete_run(client, run_id)
                deleted.append(run_id)
                if progress is not None:
                    progress(len(deleted), len(chosen.runs))
    except StoreAway as error:
        raise RunError(f"the tracking store went away; prune again later: {error}") from error
    finally:
        index.forget(project, deleted)
    for folder in {*hidden, *_left_over(project)}:
        shutil.rmtree(folder, ignore_errors=True)
    return len(deleted)


def _delete_run(client: MlflowClient, run_id: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.delete_run(run_id)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":  # somebody removed it for good
            raise


def _is_old(run: RunInfo, oldest: datetime) -> bool:
    return run.own and run.status != "running" and (run.ended_at or run.started_at) < oldest


def _present(project: Project) -> dict[str, list[Report]]:
    """All reports by phase, the newest first."""
    found: dict[str, list[Report]] = {}
    for folder, manifest in reports.all_manifests(project):
        started = manifest.started_at if manifest else _stamp(folder)
        found.setdefault(folder.parent.name, []).append(Report(folder, manifest, started))
    return found


def _manifests(present: dict[str, list[Report]]) -> dict[str, list[reports.Manifest]]:
    return {
        phase: [report.manifest for report in found if report.manifest] for phase, found in present.items()
    }


def _old_drafts(project: Project, oldest: datetime, running: set[str]) -> tuple[Path, ...]:
    """Folders of hand-runs that began long ago and have ended."""
    from workbench.tracking.context import RunContext

    found = []
    root = project.state / "drafts"
    for folder in sorted(root.iterdir()) if root.is_dir() else ():
        if folder.name.startswith(".") or not folder.is_dir() or _stamp(folder) >= oldest:
            continue
        try:
            context = RunContext.model_validate_json((folder / "context.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            found.append(folder)
            continue
        if context.run_id not in running:
            found.append(folder)
    return tuple(found)


def _stamp(folder: Path) -> datetime:
    """When a report or draft began, by its folder's name; else when the folder was last changed."""
    match = _STAMP.search(folder.name)
    if match:
        return datetime.strptime(match[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return datetime.fromtimestamp(folder.stat().st_mtime, UTC)


def _size(folders: tuple[Path, ...]) -> int:
    return sum(file.lstat().st_size for folder in folders for file in folder.rglob("*") if not file.is_dir())


def _hide(folder: Path) -> Path:
    """Give a folder a name under which nobody looks; the same folder if it is gone already."""
    hidden = folder.with_name(_GONE + folder.name)
    shutil.rmtree(hidden, ignore_errors=True)
    try:
        return folder.rename(hidden)
    except FileNotFoundError:
        return hidden


def _left_over(project: Project) -> list[Path]:
    """What an earlier prune was killed over."""
    return [*project.reports.glob(f"*/{_GONE}*"), *(project.state / "drafts").glob(f"{_GONE}*")]
