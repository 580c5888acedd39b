"""The MLflow store of a project: opened once, quietly, and migrated by one process at a time."""

from __future__ import annotations

import logging
import os
from functools import cache
from typing import TYPE_CHECKING

from filelock import FileLock

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from workbench.project import Project

__all__ = ["DRAFTS_SUFFIX", "client", "environment", "experiment_id"]

DRAFTS_SUFFIX = "-drafts"
_WAIT_FOR_MIGRATION_SECONDS = 120


def client(project: Project) -> MlflowClient:
    """MLflow's client on the project's tracking store and registry."""
    return _client(project.tracking_uri, str(project.state / "mlflow.lock"))


@cache
def _client(uri: str, lock: str) -> MlflowClient:
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    for name in ("alembic", "mlflow.store.db.utils", "mlflow.tracking.fluent"):
        logging.getLogger(name).setLevel(logging.WARNING)
    from mlflow import MlflowClient

    # The first use of an empty database migrates it; two at once would break it.
    with FileLock(lock, timeout=_WAIT_FOR_MIGRATION_SECONDS):
        opened = MlflowClient(tracking_uri=uri, registry_uri=uri)
        opened.search_experiments(max_results=1)
    return opened


def experiment_id(project: Project, *, draft: bool) -> str:
    """The project's experiment; drafts have one of their own. Made when first asked for."""
    from mlflow.exceptions import MlflowException

    store = client(project)
    name = project.name + (DRAFTS_SUFFIX if draft else "")
    with FileLock(str(project.state / "mlflow.lock"), timeout=_WAIT_FOR_MIGRATION_SECONDS):
        found = store.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        local = project.tracking_uri.startswith("sqlite")
        place = (project.state / "artifacts").as_uri() if local else None
        try:
            return str(store.create_experiment(name, artifact_location=place))
        except MlflowException:  # made by another machine at the same moment
            found = store.get_experiment_by_name(name)
            if found is None:
                raise
            return str(found.experiment_id)


def environment(project: Project, run_id: str, experiment: str) -> dict[str, str]:
    """What makes MLflow's own fluent calls in a notebook land in the given run."""
    return {
        "MLFLOW_TRACKING_URI": project.tracking_uri,
        "MLFLOW_REGISTRY_URI": project.tracking_uri,
        "MLFLOW_RUN_ID": run_id,
        "MLFLOW_EXPERIMENT_ID": experiment,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "1",
    }
