"""Aliases and their ledger: who is champion, since when, why, and what came before.

The ledger, in the workbench database, is the truth; MLflow's alias of the same name follows it. Entries are
only ever added. An alias moves by compare-and-set: whoever moves it says from which version, and when
two do so at once, one succeeds and the other is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from workbench.errors import AliasMoved, RegistryError, UnknownName
from workbench.project import Project
from workbench.registry.gates.validation import plain
from workbench.store import ledger as ledgers
from workbench.store import tables
from workbench.store.clock import Clock, SystemClock
from workbench.store.database import Database, open_database
from workbench.tracking import environment, store

__all__ = [
    "CHALLENGER",
    "CHAMPION",
    "LedgerEntry",
    "Move",
    "current",
    "ledger",
    "move",
    "repair",
    "set_alias",
]

CHAMPION = "champion"
CHALLENGER = "challenger"


@dataclass(frozen=True)
class LedgerEntry:
    """One move of one alias. ``position`` counts the moves of this alias from 1."""

    model: str
    alias: str
    position: int
    from_version: int | None
    to_version: int | None
    at: datetime
    actor: str
    reason: str
    run_id: str | None
    evidence: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "at": self.at.isoformat()}

    def __str__(self) -> str:
        return (
            f"{self.at:%Y-%m-%d %H:%M} {self.alias}: {_name(self.from_version)} → {_name(self.to_version)} "
            f"by {self.actor}: {self.reason}"
        )


@dataclass(frozen=True)
class Move:
    """One alias to move: from the version that was read to another; None is no version."""

    alias: str
    expected_from: int | None
    to_version: int | None


def current(project: Project, alias: str) -> int | None:
    """The version that the alias names, or None."""
    return ledgers.current(project, project.model.name, alias)


def ledger(project: Project, alias: str | None = None) -> list[LedgerEntry]:
    """All moves of the project's model, of one alias or of all, the oldest first."""
    table = tables.ledger
    query = select(table).where(table.c.model == project.model.name).order_by(table.c.id)
    if alias is not None:
        query = query.where(table.c.alias == alias)
    with _database(project) as database, database.read() as connection:
        return [_entry(row) for row in connection.execute(query)]


def set_alias(
    project: Project,
    alias: str,
    to_version: int | None,
    *,
    expected_from: int | None,
    reason: str,
    actor: str | None = None,
    run_id: str | None = None,
    evidence: dict[str, Any] | None = None,
    clock: Clock | None = None,
) -> LedgerEntry:
    """Move one alias, if it still names ``expected_from``.

    Raises
    ------
    AliasMoved
        It names another version by now. Nothing was changed.
    UnknownName
        There is no such version.
    RegistryError
        No reason was given.
    """
    entries = move(
        project,
        [Move(alias, expected_from, to_version)],
        reason=reason,
        actor=actor,
        run_id=run_id,
        evidence=evidence,
        clock=clock,
    )
    return entries[0]


def move(
    project: Project,
    moves: list[Move],
    *,
    reason: str,
    actor: str | None = None,
    run_id: str | None = None,
    evidence: dict[str, Any] | None = None,
    clock: Clock | None = None,
) -> list[LedgerEntry]:
    """Move several aliases, all or none of them; like :func:`set_alias` otherwise."""
    if not reason.strip():
        raise RegistryError("moving an alias needs a reason: it is what the ledger is read for")
    common: dict[str, Any] = {
        "at": (clock or SystemClock()).now(),
        "actor": actor or environment.who(),
        "reason": reason.strip(),
        "run_id": run_id,
        "evidence": plain(evidence or {}),
    }
    from mlflow.exceptions import MlflowException

    model = project.model.name
    for item in moves:
        _must_exist(project, item.to_version)
    with _database(project) as database:
        try:
            with database.write() as connection:
                entries = [_append(connection, model, item, common) for item in moves]
        except IntegrityError as error:
            # On PostgreSQL two can read the same last entry; the unique position lets one of them through.
            names = " and ".join(item.alias for item in moves)
            raise AliasMoved(
                f"{names} moved in this very moment; nothing was changed; look and try again"
            ) from error
    for entry in entries:
        try:
            _follow(project, entry.alias)
        except (MlflowException, SQLAlchemyError) as error:
            now = f"{entry.alias} is {_name(entry.to_version)} now, as the ledger says"
            raise RegistryError(
                f"{now}, but MLflow's alias could not follow; it will with the next move", details=str(error)
            ) from error
    return entries


def repair(project: Project) -> list[str]:
    """Make MLflow's aliases follow the ledger again; one sentence for each that did not.

    They differ when somebody moved one by hand, or a process was killed between ledger and alias.
    """
    said = []
    for alias in dict.fromkeys(entry.alias for entry in ledger(project)):
        found, wanted = _mlflow_alias(project, alias), current(project, alias)
        if found == wanted:
            continue
        differs = f"MLflow's alias {alias} named {_name(found)}, the ledger says {_name(wanted)}"
        try:
            _follow(project, alias)
            said.append(f"{differs}: set back to that")
        except UnknownName:
            said.append(f"{differs}, which was deleted from MLflow: roll back, or promote another version")
    return said


def _append(connection: Connection, model: str, item: Move, common: dict[str, Any]) -> LedgerEntry:
    last = _last(connection, model, item.alias)
    present = last.to_version if last else None
    if present != item.expected_from:
        since = f" since {last.at:%Y-%m-%d %H:%M:%S} by {last.actor}" if last else ""
        raise AliasMoved(
            f"{item.alias} of {model} is {_name(present)}{since}, not {_name(item.expected_from)}: "
            "nothing was changed; look at it and try again"
        )
    entry = LedgerEntry(
        model=model,
        alias=item.alias,
        position=last.position + 1 if last else 1,
        from_version=present,
        to_version=item.to_version,
        **common,
    )
    connection.execute(insert(tables.ledger), asdict(entry))
    return entry


def _last(connection: Connection, model: str, alias: str) -> LedgerEntry | None:
    row = ledgers.last_entry(connection, model, alias)
    return _entry(row) if row else None


def _entry(row: Any) -> LedgerEntry:
    values = dict(row._mapping)
    values.pop("id")
    return LedgerEntry(**values)


def _follow(project: Project, alias: str) -> None:
    """Set MLflow's alias to what the ledger says, until the ledger says the same after it was set.

    Of two that do this at once, the later to set has looked at the ledger after setting, so that the
    alias ends where the ledger does, without a lock around two databases.
    """
    client, model = store.client(project), project.model.name
    _must_exist(project, current(project, alias))
    while True:
        wanted = current(project, alias)
        if wanted is None:
            client.delete_registered_model_alias(model, alias)
        else:
            client.set_registered_model_alias(model, alias, str(wanted))
        if current(project, alias) == wanted:
            return


def _must_exist(project: Project, version: int | None) -> None:
    from mlflow.exceptions import MlflowException

    if version is None:
        return
    client, model = store.client(project), project.model.name
    try:
        client.get_model_version(model, str(version))
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        known = [str(item.version) for item in client.search_model_versions(f"name = '{model}'")]
        raise UnknownName("model version", str(version), known, where=model) from error


def _mlflow_alias(project: Project, alias: str) -> int | None:
    found = store.client(project).get_registered_model(project.model.name).aliases.get(alias)
    return int(found) if found is not None else None


def _name(version: int | None) -> str:
    return "no version" if version is None else f"v{version}"


@contextmanager
def _database(project: Project) -> Iterator[Database]:
    database = open_database(project)
    try:
        yield database
    finally:
        database.close()
