"""Rows of the run index: made from MLflow's runs, kept in the workbench database, read as `RunInfo`."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, Select, Table, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from workbench.store.tables import run_index as table

if TYPE_CHECKING:
    from mlflow.entities import Run

__all__ = [
    "PIPELINE",
    "TO_MLFLOW",
    "TRIAL",
    "RunInfo",
    "differing",
    "mark_deleted",
    "metric_of",
    "put",
    "read",
    "remove",
    "replace",
    "row_of",
    "select_runs",
    "table",
]

TRIAL = "workbench.trial"
PIPELINE = "pipeline"  # the phase of a pipeline run, which is the parent of those of its phases
TO_MLFLOW = {"finished": "FINISHED", "failed": "FAILED", "killed": "KILLED"}
_FROM_MLFLOW = {"RUNNING": "running", "SCHEDULED": "running"} | {
    there: here for here, there in TO_MLFLOW.items()
}
# Recorded by the runner as metrics, shown as what they are.
_COSTS = {
    "cpu_seconds": "workbench.cpu_seconds",
    "peak_memory_bytes": "workbench.peak_memory_bytes",
    "cost": "workbench.cost",
}


@dataclass(frozen=True)
class RunInfo:
    """One run as lists and panels show it; times are aware UTC.

    ``own`` is false for a run that the workbench did not start: plain MLflow in the same experiment.
    ``cpu_seconds``, ``peak_memory_bytes`` and ``cost`` are None where they were not recorded; ``trial`` is
    its number among those of its parent, a sweep.
    """

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
    cpu_seconds: float | None = None
    peak_memory_bytes: int | None = None
    cost: float | None = None
    own: bool = True
    trial: int | None = None

    @property
    def seconds(self) -> float | None:
        return (self.ended_at - self.started_at).total_seconds() if self.ended_at else None


_SHOWN = [field.name for field in fields(RunInfo)]


def row_of(run: Run, experiment: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The row of an MLflow run; ``params`` are those logged since it was read.

    Anybody can write into an experiment, so nothing is taken for granted about what stands in a run.
    """
    tags, metrics = run.data.tags, dict(run.data.metrics)
    costs = {name: _finite(metrics.pop(metric, None)) for name, metric in _COSTS.items()}
    peak = costs["peak_memory_bytes"]
    return {
        "run_id": run.info.run_id,
        "experiment": experiment,
        "phase": _text(tags.get("workbench.phase") or run.info.run_name)[:200],
        "status": _FROM_MLFLOW.get(run.info.status, run.info.status.lower())[:20],
        "started_at": _moment(run.info.start_time) or datetime.fromtimestamp(0, UTC),
        "ended_at": _moment(run.info.end_time),
        "parent_run_id": _text(tags.get("mlflow.parentRunId"))[:64],
        "draft": tags.get("workbench.draft") == "true",
        "own": "workbench.phase" in tags,
        "deleted": run.info.lifecycle_stage != "active",
        "who": _text(tags.get("mlflow.user")),
        "code_version": _text(tags.get("workbench.code_version")),
        "report": _text(tags.get("workbench.report")),
        "params": {**run.data.params, **{name: str(value) for name, value in (params or {}).items()}},
        "metrics": {name: _plain(value) for name, value in metrics.items()},
        "datasets": _versions(tags.get("workbench.datasets", "{}")),
        **costs,
        "trial": _number(tags.get(TRIAL)),
        "peak_memory_bytes": int(peak) if peak is not None and abs(peak) < 2**63 else None,
    }


def _moment(milliseconds: int | None) -> datetime | None:
    if not milliseconds:
        return None
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, ValueError, OSError):  # a year that no calendar has
        return None


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None


def _text(value: str | None) -> str:
    return (value or "").replace("\0", "")  # which PostgreSQL does not store


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def metric_of(value: float | str) -> float:
    """A metric as it was logged: for an infinity, MLflow's SQL store gives the largest number there is."""
    number = float(value)
    return math.copysign(math.inf, number) if abs(number) >= sys.float_info.max else number


def _plain(value: float) -> float | str:
    """JSON has no NaN and no infinity; a text holds them."""
    logged = metric_of(value)
    return logged if math.isfinite(logged) else str(logged)


def _versions(text: str) -> dict[str, int]:
    try:
        return {str(name): int(version) for name, version in json.loads(text).items()}
    except (ValueError, TypeError, AttributeError):
        return {}


def differing(connection: Connection, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those rows that are not in the index as they are."""
    by_id = {row["run_id"]: row for row in rows}
    present = {
        row.run_id: row._asdict()
        for chunk in _chunks(list(by_id))
        for row in connection.execute(select(table).where(table.c.run_id.in_(chunk)))
    }
    return [row for run_id, row in by_id.items() if present.get(run_id) != row]


def put(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Insert or replace rows of the index."""
    replace(connection, table, rows)


def replace(connection: Connection, target: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows, or replace those that have the same key."""
    dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
    key = [column.name for column in target.primary_key]
    new = dialect.insert(target)
    changed = {column.name: new.excluded[column.name] for column in target.c if column.name not in key}
    # In one order, or two who replace the same rows would wait for each other.
    ordered = sorted(rows, key=lambda row: [row[name] for name in key])
    connection.execute(new.on_conflict_do_update(index_elements=key, set_=changed), ordered)


def mark_deleted(connection: Connection, run_ids: Sequence[str]) -> None:
    """Say of rows that their runs were deleted."""
    for chunk in _chunks(run_ids):
        connection.execute(update(table).where(table.c.run_id.in_(chunk)).values(deleted=True))


def remove(connection: Connection, run_ids: Sequence[str]) -> None:
    """Take rows out, whose runs are not even among the deleted ones."""
    for chunk in _chunks(run_ids):
        connection.execute(delete(table).where(table.c.run_id.in_(chunk)))


def _chunks(items: Sequence[str], size: int = 500) -> Iterable[Sequence[str]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def select_runs(
    experiments: Sequence[str],
    *,
    phase: str = "",
    status: str = "",
    prefix: str = "",
    parent: str = "",
    trials: bool = True,
    limit: int | None = None,
) -> Select[Any]:
    """A query for runs that are not deleted, the newest first; without ``trials``, those of no sweep."""
    query = select(*(table.c[name] for name in _SHOWN)).where(
        table.c.experiment.in_(experiments), table.c.deleted.is_(False)
    )
    if phase:
        query = query.where(table.c.phase == phase)
    if status:
        query = query.where(table.c.status == status)
    if parent:
        query = query.where(table.c.parent_run_id == parent)
    if not trials:
        query = query.where(table.c.trial.is_(None))
    if prefix:
        # An id is hexadecimal: between the prefix and what follows all of its continuations, by the index.
        query = query.where(table.c.run_id >= prefix, table.c.run_id < prefix + "g")
    return query.order_by(table.c.started_at.desc(), table.c.run_id).limit(limit)


def read(connection: Connection, query: Select[Any]) -> list[RunInfo]:
    """What such a query finds."""
    return [_info(row) for row in connection.execute(query)]


def _info(row: Row[Any]) -> RunInfo:
    values = row._asdict()
    values["metrics"] = {name: metric_of(value) for name, value in values["metrics"].items()}
    return RunInfo(**values)
