"""What was said of a report, what became of it, and who stands by the report as it is now."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection, select

from workbench.execution.rerun import record
from workbench.project import Project
from workbench.registry.identity import Identity
from workbench.store import reviews, tables
from workbench.store.database import open_database
from workbench.store.hashing import hash_file, hash_value
from workbench.store.reviews import Remark, SignOff
from workbench.tracking import reports
from workbench.tracking.reports import Manifest

__all__ = [
    "ReportRemark",
    "ReportReview",
    "ReportSignOff",
    "Summary",
    "identity",
    "look",
    "of_record",
    "summaries",
]

State = Literal["counts", "lapsed", "withdrawn"]


@dataclass(frozen=True)
class ReportRemark:
    """A remark, and what became of what it asks for.

    Attributes
    ----------
    became : str
        ``open``, ``open, for grace`` or ``closed by grace: why``; empty when it asks for nothing.
    """

    said: Remark
    became: str = ""

    @property
    def who(self) -> Identity:
        return Identity(self.said.actor, self.said.database_user)

    def to_dict(self) -> dict[str, Any]:
        said = self.said
        return {
            "at": said.at.isoformat(),
            **_who(self.who),
            "cell": said.cell,
            "text": said.text,
            "item": said.item,
            "became": self.became,
        }


@dataclass(frozen=True)
class ReportSignOff:
    """A person's newest word on whether they stand by a report.

    Attributes
    ----------
    state : str
        ``counts``; ``lapsed``, since the report is another now; or ``withdrawn``.
    """

    signed: SignOff
    state: State

    @property
    def who(self) -> Identity:
        return Identity(self.signed.actor, self.signed.database_user)

    def to_dict(self) -> dict[str, Any]:
        return {"at": self.signed.at.isoformat(), **_who(self.who), "state": self.state}


@dataclass(frozen=True)
class ReportReview:
    """A run's report with all that was said of it.

    Attributes
    ----------
    folder : Path
        Of the report; of a copy, which is gone by now, when only MLflow has it (then ``kept`` is false).
    identity : str
        Of the report as it was looked at, which is what a sign-off is bound to.
    cells : int
        How many it has, as it counts them.
    remarks : tuple of ReportRemark
        The oldest first.
    sign_offs : tuple of ReportSignOff
        One of each person.
    history : tuple of SignOff
        Each time that somebody signed or took it back, the oldest first.
    """

    manifest: Manifest
    folder: Path
    kept: bool
    identity: str
    cells: int
    remarks: tuple[ReportRemark, ...] = ()
    sign_offs: tuple[ReportSignOff, ...] = ()
    history: tuple[SignOff, ...] = field(default=(), repr=False)

    @property
    def run_id(self) -> str:
        return self.manifest.run_id

    @property
    def name(self) -> str:
        """Such as ``report of train 4f2a91c0``."""
        return f"report of {self.manifest.phase} {self.run_id[:8]}"

    @property
    def signed(self) -> tuple[ReportSignOff, ...]:
        """Those that count."""
        return tuple(each for each in self.sign_offs if each.state == "counts")

    def is_authors(self, signed: ReportSignOff) -> bool:
        """Whether it is by the one who ran it, as far as names tell: a weaker word than somebody else's."""
        return signed.who.actor == self.manifest.who

    def to_dict(self) -> dict[str, Any]:
        return {
            "run_id": self.run_id,
            "phase": self.manifest.phase,
            "ran_by": self.manifest.who,
            "report": str(self.folder) if self.kept else "",
            "identity": self.identity,
            "remarks": [each.to_dict() for each in self.remarks],
            "sign_offs": [each.to_dict() | {"author": self.is_authors(each)} for each in self.sign_offs],
            "history": [
                {
                    "at": each.at.isoformat(),
                    **_who(Identity(each.actor, each.database_user)),
                    "what": "withdrawn" if each.withdrawn else "signed off",
                    "identity": each.report,
                }
                for each in self.history
            ],
        }


@dataclass(frozen=True)
class Summary:
    """What a list of reports says of one: how many remarks, how many of them ask in vain, who signed."""

    remarks: int
    asks: int
    signed: tuple[str, ...]

    def __str__(self) -> str:
        said = [f"signed off by {', '.join(self.signed)}"] if self.signed else []
        if self.remarks:
            said.append(f"{self.remarks} remark{'s' * (self.remarks != 1)}")
        if self.asks:
            said.append(f"{self.asks} still open")
        return " · ".join(said)


def identity(folder: Path) -> str:
    """SHA-256 over a report's manifest and its executed notebook; its page is derived from both."""
    return hash_value([hash_file(folder / name) for name in (reports.MANIFEST, reports.NOTEBOOK)])


def look(project: Project, named: str) -> ReportReview:
    """The review of a run's report.

    Parameters
    ----------
    named : str
        The run's id or the beginning of it, the folder of its report, or a phase: its newest finished run.

    Raises
    ------
    UnknownName
        There is no such run, or there are several.
    UsageError
        It has no report.
    """
    with tempfile.TemporaryDirectory(prefix="workbench-review-") as scratch:
        found = record.find(project, named, Path(scratch))
        return of_record(project, found)


def of_record(project: Project, found: record.Recorded) -> ReportReview:
    """The review of a report that was found."""
    run_id, now = found.manifest.run_id, identity(found.report)
    with open_database(project).read() as connection:
        said = reviews.remarks(connection, project.name, [run_id])
        became = _became(connection, said)
        history = reviews.sign_offs(connection, project.name, [run_id])
    return ReportReview(
        manifest=found.manifest,
        folder=found.report,
        kept=found.state == "kept",
        identity=now,
        cells=_cells(found.report),
        remarks=tuple(ReportRemark(each, became.get(each.item or 0, "")) for each in said),
        sign_offs=tuple(_standing(history, now)),
        history=tuple(history),
    )


def summaries(project: Project, folders: dict[str, Path]) -> dict[str, Summary]:
    """What was said of these reports, by run, in one look; those of which nothing was are left out.

    Parameters
    ----------
    folders : dict
        Run to the folder of its report.
    """
    with open_database(project).read() as connection:
        runs = [run_id for run_id in reviews.reviewed(connection, project.name) if run_id in folders]
        if not runs:
            return {}
        said = reviews.remarks(connection, project.name, runs)
        became = _became(connection, said)
        signed = reviews.sign_offs(connection, project.name, runs)
    found = {}
    for run_id in runs:
        mine = [each for each in said if each.run_id == run_id]
        history = [each for each in signed if each.run_id == run_id]
        standing = _standing(history, identity(folders[run_id])) if history else []
        found[run_id] = Summary(
            remarks=len(mine),
            asks=len({each.item for each in mine if became.get(each.item or 0, "").startswith("open")}),
            signed=tuple(each.signed.person for each in standing if each.state == "counts"),
        )
    return {run_id: summary for run_id, summary in found.items() if str(summary)}


def _standing(history: Iterable[SignOff], now: str) -> list[ReportSignOff]:
    """The newest word of each person, in the order in which they were given."""
    newest: dict[str, SignOff] = {}
    for each in history:
        newest.pop(each.person, None)
        newest[each.person] = each
    return [
        ReportSignOff(each, "withdrawn" if each.withdrawn else "counts" if each.report == now else "lapsed")
        for each in newest.values()
    ]


def _became(connection: Connection, said: Iterable[Remark]) -> dict[int, str]:
    """What became of the items that remarks are on the backlog as, by their numbers."""
    table, numbers = tables.backlog, {each.item for each in said if each.item is not None}
    if not numbers:
        return {}
    columns = (table.c.id, table.c.status, table.c.assignee, table.c.closed_by, table.c.closed_why)
    rows = connection.execute(select(*columns).where(table.c.id.in_(sorted(numbers))))
    return {
        row.id: f"closed by {row.closed_by}: {row.closed_why}"
        if row.status == "closed"
        else f"open, for {row.assignee}"
        if row.assignee
        else "open"
        for row in rows
    }


def _cells(folder: Path) -> int:
    """How many cells the report of that folder has; 0 when its notebook cannot be read."""
    import nbformat

    from workbench.tracking.cells import numbers

    try:
        notebook = nbformat.read(folder / reports.NOTEBOOK, as_version=4)
    except Exception:  # whatever it holds
        return 0
    return max((number or 0 for number in numbers(notebook)), default=0)


def _who(who: Identity) -> dict[str, Any]:
    return {"who": str(who), "authenticated": who.authenticated}
