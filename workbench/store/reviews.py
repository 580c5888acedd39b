"""Remarks on reports, and who signed them off.

Both are only ever added. A sign-off is bound to what the report was: of a person the newest entry counts, and
it may take an earlier one back. A remark that asks for something names the item of the backlog that it
became. All functions work on a connection.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select

from workbench.errors import UsageError
from workbench.store import backlog
from workbench.store import review_tables as tables
from workbench.store.texts import storable

__all__ = [
    "Remark",
    "SignOff",
    "add_remark",
    "add_sign_off",
    "remarks",
    "reviewed",
    "runs_of",
    "sign_offs",
    "standing",
]

_REMARKS, _SIGN_OFFS = tables.report_remarks, tables.sign_offs
_LONGEST_NAME, _LONGEST_TEXT, _LONGEST_TITLE = 200, 10_000, 200


@dataclass(frozen=True)
class Remark:
    """What somebody said of a report.

    Attributes
    ----------
    report : str
        The report's identity when it was said.
    cell : int or None
        The cell that it is about, as the report counts them.
    item : int or None
        The item of the backlog, if it asks for something.
    actor, database_user
        As in the ledger: a claim, and who PostgreSQL knows.
    """

    id: int
    run_id: str
    report: str
    cell: int | None
    text: str
    item: int | None
    at: datetime
    actor: str
    database_user: str | None


@dataclass(frozen=True)
class SignOff:
    """That somebody stands by a report, or does no longer (``withdrawn``); attributes as of a remark."""

    id: int
    run_id: str
    report: str
    withdrawn: bool
    at: datetime
    actor: str
    database_user: str | None

    @property
    def person(self) -> str:
        """What tells two people apart."""
        return self.database_user or self.actor


def add_remark(
    connection: Connection,
    project: str,
    run_id: str,
    text: str,
    *,
    report: str,
    by: str,
    at: datetime,
    cell: int | None = None,
    asks: bool = False,
    subject: str = "",
) -> Remark:
    """Keep a remark; one that ``asks`` for something is on the backlog in the same moment.

    What is asked for again is the same item, which is opened again if it was closed.

    Raises
    ------
    UsageError
        It says nothing.
    """
    said = storable(text.strip(), _LONGEST_TEXT)
    if not said:
        raise UsageError("a remark needs words: what should others know of this report?")
    item = None
    if asks:
        where = f", cell {cell}" if cell is not None else ""
        item = _ask(connection, project, run_id, f"{subject or 'report'}{where}", said, cell, by, at)
    values = {
        "project": project,
        "run_id": run_id,
        "report": report,
        "cell": cell,
        "text": said,
        "item": item,
        "at": at,
        "actor": storable(by, _LONGEST_NAME),
    }
    return _remark(connection.execute(insert(_REMARKS).returning(_REMARKS), values).one())


def _ask(
    connection: Connection,
    project: str,
    run_id: str,
    about: str,
    said: str,
    cell: int | None,
    by: str,
    at: datetime,
) -> int:
    """The item of the backlog that a remark becomes."""
    item = backlog.add(
        connection,
        project,
        storable(said.splitlines()[0], _LONGEST_TITLE),
        by=by,
        at=at,
        kind="review",
        subject=about,
        links=(f"run {run_id}", f"workbench review {run_id[:8]}"),
        once=("remark", run_id, cell or 0, said),
    )
    if item.status == "closed":
        backlog.reopen(connection, item, "asked for again", by=by, at=at)
    return item.id


def add_sign_off(
    connection: Connection,
    project: str,
    run_id: str,
    *,
    report: str,
    by: str,
    at: datetime,
    withdraw: bool = False,
) -> SignOff:
    """Sign a report off as it is now, or take one's own sign-off back."""
    values = {
        "project": project,
        "run_id": run_id,
        "report": report,
        "withdrawn": withdraw,
        "at": at,
        "actor": storable(by, _LONGEST_NAME),
    }
    return _sign_off(connection.execute(insert(_SIGN_OFFS).returning(_SIGN_OFFS), values).one())


def remarks(connection: Connection, project: str, run_ids: Iterable[str]) -> list[Remark]:
    """The remarks on these runs' reports, the oldest first."""
    about = (_REMARKS.c.project == project) & _REMARKS.c.run_id.in_(list(run_ids))
    return [_remark(row) for row in connection.execute(select(_REMARKS).where(about).order_by(_REMARKS.c.id))]


def runs_of(connection: Connection, project: str, item: int) -> list[str]:
    """The runs of whose reports something was said that this item of the backlog is about."""
    about = (_REMARKS.c.project == project) & (_REMARKS.c.item == item)
    return list(connection.execute(select(_REMARKS.c.run_id).where(about).distinct()).scalars())


def sign_offs(connection: Connection, project: str, run_ids: Iterable[str]) -> list[SignOff]:
    """All that was signed off and withdrawn of these runs' reports, the oldest first."""
    about = (_SIGN_OFFS.c.project == project) & _SIGN_OFFS.c.run_id.in_(list(run_ids))
    query = select(_SIGN_OFFS).where(about).order_by(_SIGN_OFFS.c.id)
    return [_sign_off(row) for row in connection.execute(query)]


def standing(connection: Connection, project: str) -> dict[str, str]:
    """The runs of whose reports somebody's sign-off was not withdrawn, and who that is; lapsed ones count."""
    query = select(_SIGN_OFFS).where(_SIGN_OFFS.c.project == project).order_by(_SIGN_OFFS.c.id)
    newest: dict[tuple[str, str], SignOff] = {}
    for signed in map(_sign_off, connection.execute(query)):
        newest[signed.run_id, signed.person] = signed
    return {run_id: person for (run_id, person), signed in newest.items() if not signed.withdrawn}


def reviewed(connection: Connection, project: str) -> dict[str, datetime]:
    """The runs of whose reports anything was said or signed, and when that was last."""
    found: dict[str, datetime] = {}
    for table in (_REMARKS, _SIGN_OFFS):
        query = (
            select(table.c.run_id, func.max(table.c.at).label("last"))
            .where(table.c.project == project)
            .group_by(table.c.run_id)
        )
        for row in connection.execute(query):
            found[row.run_id] = max(row.last, found.get(row.run_id, row.last))
    return found


def _remark(row: Row[Any]) -> Remark:
    return Remark(**_without_project(row))


def _sign_off(row: Row[Any]) -> SignOff:
    return SignOff(**_without_project(row))


def _without_project(row: Row[Any]) -> dict[str, Any]:
    return {name: value for name, value in row._mapping.items() if name != "project"}
