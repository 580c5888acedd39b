"""Baking periods as they are kept in the workbench database, one for each promotion of a champion.

What became of one follows from the ledger: the move after its promotion says whether it was rolled back for
a guard, or taken over by somebody. So whoever looks next finishes what a process that was killed left.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, select, update
from sqlalchemy.dialects import postgresql, sqlite

from workbench.monitoring.baking.evidence import Evidence
from workbench.monitoring.findings.documents import from_document, to_document
from workbench.project import Project
from workbench.registry.aliases import CHAMPION
from workbench.store import baking, tables
from workbench.store.database import open_database

__all__ = ["ACTOR", "Baking", "Status", "find", "keep", "newest", "open_newest", "successor", "unfinished"]

#: ``failed``: a guard was violated, and there was no way back; ``inconclusive``: none could be judged.
Status = Literal["baking", "passed", "inconclusive", "rolled_back", "superseded", "failed"]
#: Who the ledger says it was.
ACTOR = "baking period"

_TABLE = tables.baking
_LEDGER = tables.ledger


@dataclass(frozen=True)
class Baking:
    """The baking period of one promotion.

    Attributes
    ----------
    version, previous : int, int or None
        The champion, and the one before it.
    position : int
        Of the promotion among the moves of the alias ``champion``.
    status : str
        ``baking``, and then ``passed``, ``inconclusive`` (no guard could be judged), ``rolled_back``,
        ``superseded`` (somebody moved the alias), or ``failed`` (a guard was violated, and there was no way
        back).
    checked_at : datetime or None
        When anybody looked last.
    """

    id: int
    model: str
    version: int
    previous: int | None
    position: int
    started_at: datetime
    until: datetime
    status: Status
    checked_at: datetime | None
    evidence: Evidence

    @property
    def subject(self) -> str:
        return f"{self.model} v{self.version}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return to_document(self)

    def __str__(self) -> str:
        found, until = self.evidence, f"{self.until:%Y-%m-%d %H:%M} UTC"
        if self.status != "baking":
            return f"v{self.version} {_ENDED[self.status]}{f': {found.ended}' if found.ended else ''}"
        answers = sum(each.rows for each in found.seen)
        says = f"v{self.version} is baking until {until}, {answers:,} answers so far"
        if found.violation is None:
            return f"{says}, no guard violated"
        return (
            f"{says}; {found.violation.says}{f'; not rolled back: {found.refused}' if found.refused else ''}"
        )


_ENDED: dict[str, str] = {
    "passed": "passed its baking period",
    "inconclusive": "could not be judged in its baking period",
    "rolled_back": "was rolled back while baking",
    "superseded": "was superseded while baking",
    "failed": "failed its baking period and is still champion",
}


def find(project: Project) -> Baking | None:
    """The newest baking period of the project's model as it is recorded, or None before the first."""
    database = open_database(project)
    try:
        with database.read() as connection:
            return newest(connection, project.model.name)
    finally:
        database.close()


def newest(connection: Connection, model: str) -> Baking | None:
    """The newest baking period of a model."""
    query = select(_TABLE).where(_TABLE.c.model == model)
    row = connection.execute(query.order_by(_TABLE.c.ledger_position.desc()).limit(1)).first()
    return _baking(row) if row else None


def unfinished(connection: Connection, model: str) -> list[Baking]:
    """Those that go on, by what is recorded; nobody else changes them before the transaction ends."""
    query = select(_TABLE).where(_TABLE.c.model == model, _TABLE.c.status == "baking")
    return [_baking(row) for row in connection.execute(query.order_by(_TABLE.c.id).with_for_update())]


def open_newest(connection: Connection, project: Project, log: str, now: datetime) -> None:
    """Open the period of the newest promotion, once; those in the past have none."""
    period = project.config.baking.period
    move = baking.promotion(connection, project.model.name, now, period)
    if move is None:
        return
    dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
    connection.execute(
        dialect.insert(_TABLE).on_conflict_do_nothing(),
        {
            "model": project.model.name,
            "version": move.to_version,
            "previous": move.from_version,
            "ledger_position": move.position,
            "started_at": move.at,
            "until": move.at + period,
            "status": "baking",
            "evidence": to_document(Evidence(log=log)),
        },
    )


def successor(connection: Connection, baking: Baking) -> Row[Any] | None:
    """The move of the alias after the promotion, which took the version from it."""
    about = (_LEDGER.c.model == baking.model, _LEDGER.c.alias == CHAMPION)
    query = select(_LEDGER).where(*about, _LEDGER.c.position == baking.position + 1)
    return connection.execute(query).first()


def keep(connection: Connection, baking: Baking, seen: Baking) -> bool:
    """Write what was found, unless the period is not as it was ``seen`` any more; whether it was written."""
    query = select(_TABLE).where(_TABLE.c.id == seen.id).with_for_update()
    if _baking(connection.execute(query).one()).to_dict() != seen.to_dict():
        return False
    values: dict[str, Any] = {"status": baking.status, "checked_at": baking.checked_at}
    if baking.evidence != seen.evidence:
        values["evidence"] = to_document(baking.evidence)
    connection.execute(update(_TABLE).where(_TABLE.c.id == seen.id).values(values))
    return True


def _baking(row: Row[Any]) -> Baking:
    values = dict(row._mapping)
    evidence = from_document(Evidence, values.pop("evidence"))
    return Baking(position=values.pop("ledger_position"), evidence=evidence, **values)
