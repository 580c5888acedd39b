"""The MLflow store of a project: opened once, quietly, and migrated by one process at a time."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from workbench.project import Project

__all__ = ["CHOSEN", "DRAFTS_SUFFIX", "client", "environment", "experiment_id"]

DRAFTS_SUFFIX = "-drafts"
#: Settings of MLflow's that are ours and not the user's.
CHOSEN: set[str] = set()
_WAIT_FOR_MIGRATION_SECONDS = 120
_clients: dict[str, MlflowClient] = {}
_experiments: dict[tuple[str, str, str], str] = {}
# MLflow repeats a request for four minutes. A command should say within seconds that a server is away,
# and can tell it of an end later; in a notebook the work of hours may hang on it: there, half a minute.
_PATIENCE = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}
_IN_NOTEBOOKS = _PATIENCE | {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "5"}


def client(project: Project) -> MlflowClient:
    """MLflow's client on the project's tracking store and registry."""
    _be_patient()
    uri = project.tracking_uri
    if uri not in _clients:
        _clients[uri] = _client(uri, _alone(project))
    return _clients[uri]


def _client(uri: str, alone: FileLock) -> MlflowClient:
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    for name in ("alembic", "mlflow.tracking.fluent"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # It prints the traceback of what it also raises, and that is said in words.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    from mlflow import MlflowClient

    # The first use of an empty database migrates it; two at once would break it.
    with alone:
        _make_whole(uri)
        opened = MlflowClient(tracking_uri=uri, registry_uri=uri)
        opened.search_experiments(max_results=1)
    return opened


def _be_patient() -> None:
    for name, value in _PATIENCE.items():
        if name not in os.environ:
            os.environ[name] = value
            CHOSEN.add(name)


def _file(uri: str) -> Path | None:
    """Where a store of SQLite's lies; None for any other."""
    path = Path(uri.removeprefix("sqlite:///").partition("?")[0])
    return path if uri.startswith("sqlite:///") and path.is_absolute() and path.name else None


def _alone(project: Project) -> FileLock:
    """A lock under which the store is made. Projects, and people, may have one in common: it lies beside it.

    Where nothing can be written there, nobody makes a store.
    """
    path = _file(project.tracking_uri)
    beside = path is not None and path.parent.is_dir() and os.access(path.parent, os.W_OK)
    lock = path.resolve().with_suffix(".lock") if path and beside else project.state / "mlflow.lock"
    return FileLock(lock, timeout=_WAIT_FOR_MIGRATION_SECONDS, mode=0o666)


def _make_whole(uri: str) -> None:
    """Make a new SQLite store beside its place, and put it there: a kill or a full disk leaves no half."""
    path = _file(uri)
    if path is None or path.exists():
        return
    from mlflow import MlflowClient

    folder = path.with_name(f".{path.name}-new")
    shutil.rmtree(folder, ignore_errors=True)  # of somebody who was killed: we hold the lock
    folder.mkdir()
    try:
        made, copied = folder / "made.db", folder / "copied.db"
        MlflowClient(tracking_uri=f"sqlite:///{made}").search_experiments(max_results=1)
        # MLflow keeps the first open: what is put in place is a copy that nobody has.
        with closing(sqlite3.connect(made)) as source, closing(sqlite3.connect(copied)) as copy:
            source.backup(copy)
        os.replace(copied, path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def experiment_id(project: Project, *, draft: bool) -> str:
    """The project's experiment; drafts have one of their own. Made when first asked for."""
    name = project.name + (DRAFTS_SUFFIX if draft else "")
    key = (project.tracking_uri, str(project.state), name)
    if key not in _experiments:
        _experiments[key] = _experiment_id(project, name)
    return _experiments[key]


def _experiment_id(project: Project, name: str) -> str:
    from mlflow.exceptions import MlflowException

    store = client(project)
    with _alone(project):
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
        **{name: value for name, value in _IN_NOTEBOOKS.items() if name in CHOSEN or name not in os.environ},
    }
