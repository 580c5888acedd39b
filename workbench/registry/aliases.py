"""Aliases and their ledger: who is champion, since when, why, and what came before.

The ledger, in the workbench database, is the truth; MLflow's alias of the same name follows it. Entries are
only ever added. An alias moves by compare-and-set: whoever moves it says from which version, and when
two do so at once, one succeeds and the other is told. Aliases are ``champion``, ``canary`` (which answers a
share of the traffic), ``challenger`` and any number of shadows: ``shadow-1``, ``shadow-2`` and so on.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from workbench.errors import AliasMoved, RegistryError
from workbench.project import Project
from workbench.registry import mirror, shared
from workbench.registry.gates.validation import plain
from workbench.registry.identity import Identity, identify
from workbench.store import ledger as ledgers
from workbench.store import tables
from workbench.store.clock import Clock, project_clock
from workbench.store.database import Database, open_database
from workbench.tracking.context import RunContext

__all__ = [
    "CANARY",
    "CHALLENGER",
    "CHAMPION",
    "SHADOW",
    "LedgerEntry",
    "Move",
    "current",
    "free_shadow",
    "held",
    "is_shadow",
    "ledger",
    "move",
    "repair",
    "set_alias",
]

CHAMPION = "champion"
CANARY = "canary"
CHALLENGER = "challenger"
SHADOW = "shadow"
_SHADOW = re.compile(rf"{SHADOW}-[1-9]\d*")


@dataclass(frozen=True)
class LedgerEntry:
    """One move of one alias.

    Attributes
    ----------
    position : int
        Counts the moves of this alias from 1.
    actor : str
        The login name of who moved it, which is a claim.
    evidence : dict
        What it was moved on: gates, hashes, dataset versions, and the runs that trained and validated the
        version, each with its notebook, code version and report.
    database_user : str or None
        Who PostgreSQL authenticated; None on SQLite, which authenticates nobody.
    """

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
    database_user: str | None = None

    @property
    def who(self) -> Identity:
        return Identity(self.actor, self.database_user)

    def to_dict(self) -> dict[str, Any]:
        who = {"who": str(self.who), "authenticated": self.who.authenticated}
        return {**asdict(self), "at": self.at.isoformat(), **who}

    def __str__(self) -> str:
        moved = f"{mirror.name(self.from_version)} → {mirror.name(self.to_version)}"
        return f"{self.at:%Y-%m-%d %H:%M} {self.alias}: {moved} by {self.who}: {self.reason}"


@dataclass(frozen=True)
class Move:
    """One alias to move: from the version that was read to another; None is no version.

    With a ``position`` it moves only if it has not moved since that move, not even there and back.
    """

    alias: str
    expected_from: int | None
    to_version: int | None
    position: int | None = None


def current(project: Project, alias: str) -> int | None:
    """The version that the alias names, or None."""
    return ledgers.current(project, project.model.name, alias)


def held(project: Project) -> dict[str, int]:
    """Every alias that names a version now, and that version."""
    with _database(project) as database, database.read() as connection:
        return ledgers.held(connection, project.model.name)


def is_shadow(alias: str) -> bool:
    """Whether it is ``shadow-1``, ``shadow-2`` and so on."""
    return _SHADOW.fullmatch(alias) is not None


def free_shadow(taken: Collection[str]) -> str:
    """The first of the shadows' aliases that is not among those that are taken."""
    return next(alias for number in range(1, len(taken) + 2) if (alias := f"{SHADOW}-{number}") not in taken)


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
    """Move one alias, if it still names ``expected_from``; the entry tells what the version came from.

    Raises
    ------
    AliasMoved
        It names another version by now. Nothing was changed.
    UnknownName
        There is no such version.
    RegistryError
        No reason was given.
    """
    from workbench.registry import provenance

    entries = move(
        project,
        [Move(alias, expected_from, to_version)],
        reason=reason,
        actor=actor,
        run_id=run_id,
        evidence=(provenance.of(project, to_version) if to_version is not None else {}) | (evidence or {}),
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
    """Move several aliases, all or none of them, to versions that are known to be there.

    Raises as :func:`set_alias`, but for the version, which is the caller's to look up.
    """
    if not reason.strip():
        raise RegistryError("moving an alias needs a reason: it is what the ledger is read for")
    shared.refuse_apart(project)
    _refuse_in_draft()
    common: dict[str, Any] = {
        "model": project.model.name,
        "at": (clock or project_clock()).now(),
        "reason": reason.strip(),
        "run_id": run_id,
        "evidence": plain(evidence or {}),
    }
    with _database(project) as database:
        try:
            with database.write() as connection:
                who = identify(connection, actor)
                # In one order, or two who move the same aliases would wait for each other.
                done = {
                    item.alias: _append(connection, item, {**common, **asdict(who)})
                    for item in sorted(moves, key=lambda item: item.alias)
                }
                entries = [done[item.alias] for item in moves]
        except IntegrityError as error:
            # On PostgreSQL two can read the same last entry; the unique position lets one of them through.
            names = " and ".join(item.alias for item in moves)
            raise AliasMoved(
                f"{names} moved in this very moment; nothing was changed; look and try again"
            ) from error
        mirror.follow(project, database, {item.alias: item.to_version for item in entries})
    return entries


def repair(project: Project) -> list[str]:
    """Make MLflow's aliases follow the ledger again; one sentence for each that did not.

    They differ when somebody moved one by hand, or a process was killed between ledger and alias.
    """
    with _database(project) as database:
        return mirror.repair(project, database, _is_ours)


def _is_ours(alias: str) -> bool:
    return alias in (CHAMPION, CHALLENGER) or is_shadow(alias)


def _refuse_in_draft() -> None:
    """A run that is a draft, such as one that repeats another, changes nothing that anybody uses."""
    here = RunContext.from_environment()
    if here is not None and here.draft:
        raise RegistryError(f"run {here.run_id[:8]} is a draft, and a draft moves no alias; a plain run may")


def _append(connection: Connection, item: Move, common: dict[str, Any]) -> LedgerEntry:
    model = common["model"]
    last = _last(connection, model, item.alias)
    present = last.to_version if last else None
    moved_since = item.position is not None and (last is None or last.position != item.position)
    if present != item.expected_from or moved_since:
        since = f" since {last.at:%Y-%m-%d %H:%M:%S} by {last.who}" if last else ""
        raise AliasMoved(
            f"{item.alias} of {model} is {mirror.name(present)}{since}, "
            f"not {mirror.name(item.expected_from)}: nothing was changed; look at it and try again"
        )
    entry = LedgerEntry(
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


@contextmanager
def _database(project: Project) -> Iterator[Database]:
    database = open_database(project)
    try:
        yield database
    finally:
        database.close()
