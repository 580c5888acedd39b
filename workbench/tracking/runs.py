"""Runs are MLflow runs: started, ended and listed here."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from workbench.tracking import environment, index, store
from workbench.tracking.rows import PIPELINE, TO_MLFLOW, RunInfo

if TYPE_CHECKING:
    from workbench.data.tables import DatasetVersion
    from workbench.project import Project

__all__ = ["PIPELINE", "RunInfo", "end", "find", "list_runs", "log_lineage", "start", "with_token"]

_TOKEN = "workbench.work"


def start(
    project: Project,
    phase: str,
    *,
    draft: bool = False,
    parent: str = "",
    params: dict[str, Any] | None = None,
    token: str = "",
) -> str:
    """Open a run and return its id; ``phase`` is :data:`PIPELINE` for the parent of a pipeline run.

    By its ``token`` a run is found again when the process was killed before it had noted the id.
    """
    from mlflow.entities import Param

    client = store.client(project)
    tags = {
        "mlflow.runName": phase,
        "mlflow.user": environment.who(),
        "mlflow.source.type": "NOTEBOOK" if phase in project.config.phases else "PROJECT",
        "workbench.phase": phase,
        "workbench.draft": "true" if draft else "false",
        "workbench.code_version": environment.code_version(project.root),
    }
    if parent:
        tags["mlflow.parentRunId"] = parent
    if token:
        tags[_TOKEN] = token
    run = client.create_run(store.experiment_id(project, draft=draft), tags=tags)
    run_id = str(run.info.run_id)
    if params:
        client.log_batch(run_id, params=[Param(key, str(value)) for key, value in params.items()])
    index.note_started(project, run, params)
    return run_id


def with_token(project: Project, token: str) -> list[str]:
    """The runs that were opened with this token, drafts among them: one or none."""
    client = store.client(project)
    experiments = [store.experiment_id(project, draft=draft) for draft in (False, True)]
    found = client.search_runs(experiments, f"tags.`{_TOKEN}` = '{token}'")
    return [str(run.info.run_id) for run in found]


def end(project: Project, run_id: str, status: str, *, report: str = "") -> None:
    """Close a run as ``finished``, ``failed`` or ``killed``."""
    client = store.client(project)
    if report:
        client.set_tag(run_id, "workbench.report", report)
    client.set_terminated(run_id, TO_MLFLOW[status])
    index.note_ended(project, run_id)


def log_lineage(
    project: Project, run_id: str, reads: list[DatasetVersion], writes: list[DatasetVersion]
) -> None:
    """Record dataset versions as MLflow dataset inputs (reads) and as a tag (reads and writes)."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    client = store.client(project)
    inputs = [
        DatasetInput(
            Dataset(
                name=item.name,
                digest=f"v{item.version}-{item.content[:8]}",
                source_type="delta_table",
                source=json.dumps({"path": item.uri, "delta_table_version": item.version}),
                profile=json.dumps({"num_rows": item.rows}),
            ),
            [InputTag("mlflow.data.context", "read")],
        )
        for item in {(item.name, item.version): item for item in reads}.values()
    ]
    if inputs:
        client.log_inputs(run_id, inputs)
    versions = {item.name: item.version for item in [*reads, *writes]}
    client.set_tag(run_id, "workbench.datasets", json.dumps(versions, sort_keys=True))


def list_runs(
    project: Project, *, drafts: bool = False, phase: str = "", status: str = "", limit: int = 100
) -> list[RunInfo]:
    """The newest runs first, pipeline runs among them; drafts only when asked for.

    They come from the run index, which catches up with MLflow first.
    """
    with index.opened(project) as opened:
        return opened.list_runs(drafts=drafts, phase=phase, status=status, limit=limit)


def find(project: Project, prefix: str) -> RunInfo:
    """The run whose id begins like that, drafts among them.

    Raises
    ------
    UnknownName
        There is none, or there are several.
    """
    with index.opened(project) as opened:
        return opened.find(prefix)
