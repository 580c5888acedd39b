"""Asking the tracking store for something that can be done without: soon, or not at all.

MLflow repeats a request for minutes, and the connection to a database for longer. That is right for
what a run records, and wrong for a command that has an index to answer from.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from workbench.tracking import store
from workbench.tracking.collecting import no_collection

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from workbench.project import Project

__all__ = ["StoreAway", "asking"]

_CONNECT_SECONDS = 3
# Once it has answered, a large page may take its time.
_FIRST = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": str(_CONNECT_SECONDS)}
_LATER = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "30"}


class StoreAway(Exception):
    """The tracking store does not answer; the message is why, in one line."""


@contextmanager
def asking(project: Project) -> Iterator[MlflowClient]:
    """MLflow's client on the project's store, which has just answered; for reading many runs.

    Raises
    ------
    StoreAway
        Also for what the block asks the store.
    """
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with _environment(_FIRST):
            _reach(project.tracking_uri)
            client = store.client(project)
            client.search_experiments(max_results=1)
    except (MlflowException, SQLAlchemyError, OSError) as error:
        raise StoreAway(_first_line(error)) from error
    try:
        with _environment(_LATER), no_collection():
            yield client
    except MlflowException as error:
        raise StoreAway(_first_line(error)) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def _reach(uri: str) -> None:
    """Connect to a database once, since MLflow would try for minutes."""
    if not uri.startswith(("postgresql", "mysql")):
        return
    from sqlalchemy import create_engine

    engine = create_engine(uri, connect_args={"connect_timeout": _CONNECT_SECONDS})
    try:
        engine.connect().close()
    finally:
        engine.dispose()


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """MLflow reads these at each request; what a person has set stays."""
    before = {name: os.environ.get(name) for name in values}
    free = {name for name, value in before.items() if value is None or name in store.CHOSEN}
    os.environ.update({name: values[name] for name in free})
    try:
        yield
    finally:
        for name in free:
            os.environ.pop(name, None)
            if (value := before[name]) is not None:
                os.environ[name] = value
