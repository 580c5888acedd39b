"""Runs are MLflow runs: started, ended and listed here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from workbench.tracking import environment, store

if TYPE_CHECKING:
    from mlflow.entities import Run

    from workbench.data.tables import DatasetVersion
    from workbench.project import Project

__all__ = ["PIPELINE", "RunInfo", "end", "list_runs", "log_lineage", "start"]

PIPELINE = "pipeline"
_TO_MLFLOW = {"finished": "FINISHED", "failed": "FAILED", "killed": "KILLED"}
_FROM_MLFLOW = {"RUNNING": "running", "SCHEDULED": "running"} | {
    there: here for here, there in _TO_MLFLOW.items()
}
_PAGE = 1000


@dataclass(frozen=True)
class RunInfo:
    """One run as lists and panels show it; times are aware UTC."""

    run_id: str
    phase: str
    status: str
    started_at: datetime
    ended_at: datetime | None
    parent_run_id: str
    draft: bool
    who: str
    code_version: str
    report: str
    params: dict[str, str]
    metrics: dict[str, float]
    datasets: dict[str, int]

    @property
    def seconds(self) -> float | None:
        return (self.ended_at - self.started_at).total_seconds() if self.ended_at else None


def start(
    project: Project,
    phase: str,
    *,
    draft: bool = False,
    parent: str = "",
    params: dict[str, Any] | None = None,
) -> str:
    """Open a run and return its id; ``phase`` is :data:`PIPELINE` for the parent of a pipeline run."""
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
    run = client.create_run(store.experiment_id(project, draft=draft), tags=tags)
    run_id = str(run.info.run_id)
    if params:
        client.log_batch(run_id, params=[Param(key, str(value)) for key, value in params.items()])
    return run_id


def end(project: Project, run_id: str, status: str, *, report: str = "") -> None:
    """Close a run as ``finished``, ``failed`` or ``killed``."""
    client = store.client(project)
    if report:
        client.set_tag(run_id, "workbench.report", report)
    client.set_terminated(run_id, _TO_MLFLOW[status])


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


def list_runs(project: Project, *, drafts: bool = False, phase: str = "", limit: int = 100) -> list[RunInfo]:
    """The newest runs first, pipeline runs among them; drafts only when asked for."""
    client = store.client(project)
    experiments = [store.experiment_id(project, draft=False)]
    if drafts:
        experiments.append(store.experiment_id(project, draft=True))
    found: list[RunInfo] = []
    token: str | None = None
    while len(found) < limit:
        page = client.search_runs(
            experiments,
            filter_string=f"tags.`workbench.phase` = '{phase}'" if phase else "",
            max_results=min(_PAGE, limit - len(found)),
            order_by=["attributes.start_time DESC"],
            page_token=token,
        )
        found += [_info(run) for run in page]
        token = page.token
        if not token:
            break
    return found


def _info(run: Run) -> RunInfo:
    tags = run.data.tags
    ended = run.info.end_time
    return RunInfo(
        run_id=run.info.run_id,
        phase=tags.get("workbench.phase", run.info.run_name or ""),
        status=_FROM_MLFLOW.get(run.info.status, run.info.status.lower()),
        started_at=datetime.fromtimestamp(run.info.start_time / 1000, UTC),
        ended_at=datetime.fromtimestamp(ended / 1000, UTC) if ended else None,
        parent_run_id=tags.get("mlflow.parentRunId", ""),
        draft=tags.get("workbench.draft") == "true",
        who=tags.get("mlflow.user", ""),
        code_version=tags.get("workbench.code_version", ""),
        report=tags.get("workbench.report", ""),
        params=dict(run.data.params),
        metrics=dict(run.data.metrics),
        datasets=json.loads(tags.get("workbench.datasets", "{}")),
    )
