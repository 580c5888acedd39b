"""Runs with reports as the runner leaves them, without running a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from workbench.project import Project
from workbench.tracking import reports, store

__all__ = ["NOW", "folder_of", "leave_run"]

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def leave_run(
    project: Project,
    phase: str = "train",
    *,
    days_ago: float = 0,
    status: str = "finished",
    cells: Sequence[str] = ("x = 1",),
    parameters: dict[str, Any] | None = None,
    metrics: dict[str, float] | None = None,
    parent: str = "",
    report: bool = True,
    **more: Any,
) -> str:
    """A run of ``phase`` that began that many days before :data:`NOW`, and its report; its id.

    A cell that begins with ``#`` and a blank is prose. What else is given goes into the manifest.
    """
    started = NOW - timedelta(days=days_ago)
    client = store.client(project)
    tags = {"workbench.phase": phase, "workbench.draft": "false"}
    if parent:
        tags["mlflow.parentRunId"] = parent
    experiment = store.experiment_id(project, draft=False)
    begun = client.create_run(experiment, start_time=_milliseconds(started), tags=tags)
    run_id = str(begun.info.run_id)
    for name, value in (metrics or {}).items():
        client.log_metric(run_id, name, value)
    for name, value in (parameters or {}).items():
        client.log_param(run_id, name, value)
    if report:
        manifest = reports.Manifest(
            run_id=run_id,
            pipeline_run_id=parent or run_id,
            project=project.name,
            phase=phase,
            notebook=f"notebooks/{phase}.ipynb",
            status=status,
            parameters=parameters or {},
            started_at=started,
            ended_at=started + timedelta(seconds=1),
            seconds=1.0,
            **more,
        )
        reports.publish(project.reports, manifest, _notebook(cells), "<p>a report</p>")
    client.set_terminated(
        run_id, {"finished": "FINISHED", "failed": "FAILED"}[status], _milliseconds(started) + 1000
    )
    return run_id


def folder_of(project: Project, run_id: str) -> Path | None:
    """The folder of a run's report."""
    return next(iter(project.reports.glob(f"*/[!.]*-{run_id[:8]}")), None)


def _notebook(cells: Sequence[str]) -> str:
    """Each cell has an output that is different in each notebook, as times and addresses are."""
    notebook = new_notebook()
    for source in cells:
        if source.startswith("# "):
            notebook.cells.append(new_markdown_cell(source))
            continue
        cell = new_code_cell(source, execution_count=1)
        cell.outputs = [new_output("stream", name="stdout", text=f"{datetime.now(UTC)}\n")]
        notebook.cells.append(cell)
    return str(nbformat.writes(notebook))


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
