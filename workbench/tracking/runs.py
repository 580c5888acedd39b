"""Runs are MLflow runs: started, ended and listed here."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from workbench.tracking import environment, index, store
from workbench.tracking.rows import PIPELINE, TO_MLFLOW, TRIAL, RunInfo

if TYPE_CHECKING:
    from workbench.data.tables import DatasetVersion
    from workbench.project import Project

__all__ = [
    "PIPELINE",
    "SCHEDULED",
    "RunInfo",
    "dataset_tag",
    "end",
    "find",
    "list_runs",
    "log_lineage",
    "metrics_of",
    "scheduled",
    "start",
    "with_token",
]

#: In the environment of a process that a schedule started: which scheduled time, and which attempt.
SCHEDULED = "WORKBENCH_SCHEDULED"
_TOKEN = "workbench.work"
_SCHEDULED_TAG = "workbench.scheduled"


def start(
    project: Project,
    phase: str,
    *,
    draft: bool = False,
    parent: str = "",
    params: dict[str, Any] | None = None,
    token: str = "",
    trial: int | None = None,
) -> str:
    """Open a run and return its id; ``phase`` is :data:`PIPELINE` for the parent of a pipeline run.

    By its ``token`` a run is found again when the process was killed before it had noted the id;
    ``trial`` is its number in a sweep.
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
    elif mark := os.environ.get(SCHEDULED):
        tags[_SCHEDULED_TAG] = mark
    if token:
        tags[_TOKEN] = token
    if trial is not None:
        tags[TRIAL] = str(trial)
    run = client.create_run(store.experiment_id(project, draft=draft), tags=tags)
    run_id = str(run.info.run_id)
    if params:
        client.log_batch(run_id, params=[Param(key, str(value)) for key, value in params.items()])
    if trial is None:  # of the others there are many: who looks for them fetches them all at once
        index.note_started(project, run, params)
    return run_id


def with_token(project: Project, token: str) -> list[str]:
    """The runs that were opened with this token, drafts among them: one or none."""
    return _tagged(project, _TOKEN, token)


def scheduled(project: Project, mark: str) -> list[str]:
    """The runs of a scheduled time, as its process knew it by :data:`SCHEDULED`: one or none."""
    return _tagged(project, _SCHEDULED_TAG, mark)


def _tagged(project: Project, tag: str, value: str) -> list[str]:
    client = store.client(project)
    experiments = [store.experiment_id(project, draft=draft) for draft in (False, True)]
    found = client.search_runs(experiments, f"tags.`{tag}` = '{value}'")
    return [str(run.info.run_id) for run in found]


def end(
    project: Project,
    run_id: str,
    status: str,
    *,
    metrics: Mapping[str, float] | None = None,
    tags: Mapping[str, str] | None = None,
    noted: bool = True,
) -> None:
    """Close a run as ``finished``, ``failed`` or ``killed``, with what is known of it at its end.

    ``noted`` writes it into the run index; else whoever looks there next fetches it.
    """
    from mlflow.entities import Metric, RunTag

    client = store.client(project)
    if metrics or tags:
        now = int(datetime.now(UTC).timestamp() * 1000)
        client.log_batch(
            run_id,
            metrics=[Metric(key, value, now, 0) for key, value in (metrics or {}).items()],
            tags=[RunTag(key, value) for key, value in (tags or {}).items()],
        )
    client.set_terminated(run_id, TO_MLFLOW[status])
    if noted:
        index.note_ended(project, run_id)


def metrics_of(project: Project, run_id: str) -> dict[str, float]:
    """What a notebook logged with MLflow's own calls; empty when the store is away."""
    try:
        return dict(store.client(project).get_run(run_id).data.metrics)
    except Exception:
        return {}


def dataset_tag(versions: Iterable[DatasetVersion]) -> dict[str, str]:
    """The tag that tells which dataset versions a run read and wrote."""
    return {"workbench.datasets": json.dumps({item.name: item.version for item in versions}, sort_keys=True)}


def log_lineage(project: Project, run_id: str, reads: list[DatasetVersion]) -> None:
    """Record the dataset versions that a run read as MLflow dataset inputs."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

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
        store.client(project).log_inputs(run_id, inputs)


def list_runs(
    project: Project,
    *,
    drafts: bool = False,
    phase: str = "",
    status: str = "",
    sweep: str = "",
    limit: int = 100,
) -> list[RunInfo]:
    """The newest runs first, pipeline runs among them; drafts and a sweep's trials only when asked for.

    They come from the run index, which catches up with MLflow first.
    """
    with index.opened(project) as opened:
        return opened.list_runs(drafts=drafts, phase=phase, status=status, sweep=sweep, limit=limit)


def find(project: Project, prefix: str) -> RunInfo:
    """The run whose id begins like that, drafts among them.

    Raises
    ------
    UnknownName
        There is none, or there are several.
    """
    with index.opened(project) as opened:
        return opened.find(prefix)
