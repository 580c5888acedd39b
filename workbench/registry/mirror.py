"""MLflow's aliases, which follow the ledger and are put back when somebody moved one by hand."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from workbench.errors import RegistryError
from workbench.project import Project
from workbench.store import ledger as ledgers
from workbench.store.database import Database
from workbench.tracking import store

__all__ = ["follow", "name", "repair"]

_TRIES = 5
_FINAL = {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}


def name(version: int | None) -> str:
    """A version in a sentence."""
    return "no version" if version is None else f"v{version}"


def follow(project: Project, database: Database, moved: Mapping[str, int | None]) -> None:
    """Set MLflow's aliases to what the ledger says, until it says the same after they were set.

    Of two that do this at once, the later to set has looked at the ledger after setting, so that the alias
    ends where the ledger does, without a lock around two databases.

    Raises
    ------
    RegistryError
        MLflow refuses or is away. The ledger stands.
    """
    from mlflow.exceptions import MlflowException

    wanted = dict(moved)
    while wanted:
        for alias, version in wanted.items():
            try:
                _set(project, alias, version)
            except (MlflowException, SQLAlchemyError) as error:
                raise RegistryError(
                    f"{alias} is {name(version)} now, as the ledger says, but MLflow's alias could not "
                    "follow; it will with the next command",
                    details=str(error),
                ) from error
        now = _held(project, database)
        wanted = {alias: now.get(alias) for alias, version in wanted.items() if now.get(alias) != version}


def repair(project: Project, database: Database, ours: Callable[[str], bool]) -> list[str]:
    """Put MLflow's aliases back to where the ledger has them; a sentence for each that was elsewhere.

    ``ours`` tells which aliases are the ledger's although it has no entry of them.
    """
    found, wanted = _in_mlflow(project), _held(project, database)
    with database.read() as connection:
        last = {
            alias: ledgers.last_entry(connection, project.model.name, alias)
            for alias in sorted({*found, *wanted})
            if found.get(alias) != wanted.get(alias)
        }
    said = []
    for alias, entry in last.items():
        if entry is None and not ours(alias):
            continue  # somebody's own alias
        present, ledger = found.get(alias), wanted.get(alias)
        differs = f"MLflow's alias {alias} named {name(present)}, the ledger says {name(ledger)}"
        end = _put_back(project, database, alias, ledger)
        if entry is not None and present == entry.from_version and end.startswith(":"):
            end += " (somebody moved it, or a move was cut short)"
        said.append(differs + end)
    return said


def _put_back(project: Project, database: Database, alias: str, version: int | None) -> str:
    try:
        follow(project, database, {alias: version})
    except RegistryError as error:
        if getattr(error.__cause__, "error_code", "") == "RESOURCE_DOES_NOT_EXIST":
            return ", which was deleted from MLflow: roll back, or promote another version"
        return ", and could not be set back to that"
    return ": set back to that"


def _held(project: Project, database: Database) -> dict[str, int]:
    with database.read() as connection:
        return ledgers.held(connection, project.model.name)


def _set(project: Project, alias: str, version: int | None) -> None:
    from mlflow.exceptions import MlflowException

    client, model = store.client(project), project.model.name
    for left in reversed(range(_TRIES)):
        try:
            if version is None:
                client.delete_registered_model_alias(model, alias)
            else:
                client.set_registered_model_alias(model, alias, str(version))
            return
        except MlflowException as error:
            # Two who set it for the first time at once: the row is there when the second tries again.
            if error.error_code in _FINAL or not left:
                raise


def _in_mlflow(project: Project) -> dict[str, int]:
    """The aliases as MLflow has them; of its file they are read without importing it, which takes seconds."""
    model, uri = project.model.name, project.tracking_uri
    if uri.startswith("sqlite:///"):
        path = Path(uri.removeprefix("sqlite:///"))
        if not path.is_file():
            return {}
        query = "SELECT alias, version FROM registered_model_aliases WHERE name = ?"
        try:
            with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as opened:
                return {alias: int(version) for alias, version in opened.execute(query, (model,))}
        except sqlite3.Error:
            pass  # a layout of another MLflow: it knows how to read its own
    from mlflow.exceptions import MlflowException

    try:
        aliases = store.client(project).get_registered_model(model).aliases
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return {}
    return {alias: int(version) for alias, version in aliases.items()}
