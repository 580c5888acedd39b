"""Approvals: somebody other than the author has looked at a version, at exactly this evidence.

Like the ledger they are only ever added; the newest of a person on a version is their vote. Each is bound to
a hash over the version's validation, recorded cases, model files and training notebook: when one of them
changes, the approval has lapsed.
"""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, insert, select

from workbench.errors import PromotionRefused, RegistryError
from workbench.project import Project
from workbench.registry import aliases, loading, provenance
from workbench.registry.identity import Identity, identify
from workbench.registry.versions import ModelVersion, get_version
from workbench.store import tables
from workbench.store.clock import Clock, project_clock
from workbench.store.database import open_database
from workbench.store.hashing import hash_value
from workbench.tracking import environment, reports

if TYPE_CHECKING:
    from workbench.tracking.cell_diff import CellChange

__all__ = ["Approval", "Review", "Tally", "approvals", "approve", "evidence_hash", "review", "tally"]


@dataclass(frozen=True)
class Approval:
    """One person's vote on a version.

    Attributes
    ----------
    database_user : str or None
        Who the database authenticated; None on SQLite, where ``actor`` is all there is: a claim.
    evidence_hash : str
        Of what they looked at.
    against : int or None
        The champion whose notebook they were shown the difference from.
    lapsed : bool
        What they looked at is not what the version has now.
    """

    version: int
    at: datetime
    actor: str
    database_user: str | None
    note: str
    withdrawn: bool
    evidence_hash: str
    against: int | None
    lapsed: bool

    @property
    def who(self) -> Identity:
        return Identity(self.actor, self.database_user)

    @property
    def counts(self) -> bool:
        return not (self.withdrawn or self.lapsed)

    @property
    def state(self) -> str:
        """In a word: ``counts``, ``lapsed`` or ``withdrawn``."""
        return "withdrawn" if self.withdrawn else "lapsed" if self.lapsed else "counts"

    def to_dict(self) -> dict[str, Any]:
        who = {"who": str(self.who), "authenticated": self.who.authenticated}
        return {**asdict(self), "at": self.at.isoformat(), "state": self.state, **who}

    def __str__(self) -> str:
        why = ", since the evidence changed" if self.state == "lapsed" else ""
        state = "" if self.counts else f" ({self.state}{why})"
        return f"{self.at:%Y-%m-%d %H:%M} {self.who}: {self.note}{state}"


@dataclass(frozen=True)
class Tally:
    """How many approvals an alias asks for, and those that a version has."""

    alias: str = ""
    needed: int = 0
    found: tuple[Approval, ...] = ()

    @property
    def counted(self) -> tuple[Approval, ...]:
        return tuple(item for item in self.found if item.counts)

    @property
    def enough(self) -> bool:
        return len(self.counted) >= self.needed

    def refuse_if_short(self, version: str) -> None:
        """Raise :class:`PromotionRefused` when there are too few."""
        if self.enough:
            return
        lapsed = sum(item.state == "lapsed" for item in self.found)
        said = f"; {lapsed} lapsed since the evidence changed" if lapsed else ""
        number = version.rpartition(" v")[2]
        raise PromotionRefused(
            f"{version} has {len(self.counted)} of {self.needed} approvals that {self.alias} needs{said}: "
            f"somebody else than its author gives one: workbench approve {number} --note …",
            details="\n".join(map(str, self.found)),
        )

    def to_dict(self) -> dict[str, Any]:
        found = [item.to_dict() for item in self.found]
        return {"alias": self.alias, "needed": self.needed, "enough": self.enough, "found": found}


@dataclass(frozen=True)
class Review:
    """What an approver is shown.

    Attributes
    ----------
    against : int or None
        The champion; None before there is one.
    cells : tuple of CellChange
        In what the version's training notebook differs from the champion's.
    missing : str
        Why they could not be compared; empty if they were.
    evidence_hash : str
        What an approval is bound to.
    """

    version: ModelVersion
    against: int | None
    cells: tuple[CellChange, ...]
    missing: str
    evidence_hash: str = field(repr=False)


def review(project: Project, version: int | str) -> Review:
    """The training notebook of a version against the champion's, and the hash of its evidence.

    Raises
    ------
    UnknownName
        There is no such version.
    """
    from workbench.tracking import cell_diff

    chosen = get_version(project, version)
    champion = aliases.current(project, aliases.CHAMPION)
    cells: tuple[CellChange, ...] = ()
    missing = ""
    with tempfile.TemporaryDirectory(prefix="workbench-review-") as scratch:
        mine = _training_notebook(project, chosen, Path(scratch, "mine"))
        if champion is None:
            missing = "there is no champion yet, whose notebook it could be compared with"
        elif champion == chosen.version:
            missing = "it is the champion itself"
        elif mine is None:
            missing = "the run that trained it has no report"
        else:
            theirs = _training_notebook(project, get_version(project, champion), Path(scratch, "theirs"))
            if theirs is None:
                missing = f"the run that trained the champion, v{champion}, has no report any more"
            else:
                try:
                    cells = cell_diff.diff_notebooks(theirs, mine)
                except (OSError, ValueError) as error:
                    missing = f"the notebooks cannot be read: {error}"
        return Review(chosen, champion, cells, missing, _hash(project, chosen, mine))


def approve(
    project: Project,
    version: int | str | Review,
    *,
    note: str,
    withdraw: bool = False,
    actor: str | None = None,
    clock: Clock | None = None,
) -> Approval:
    """Approve a version, or take one's approval back.

    Parameters
    ----------
    version : int, str or Review
        Best the :class:`Review` that the person was shown: what changed since then lapses the approval.
    note : str
        What was looked at, and found.

    Raises
    ------
    RegistryError
        By its author, without a note, or nothing was there to withdraw. Nothing was recorded.
    """
    if not note.strip():
        raise RegistryError("an approval needs a note: what was looked at, and found")
    seen = version if isinstance(version, Review) else review(project, version)
    chosen, authors = seen.version, _authors(project, seen.version)
    database = open_database(project)
    try:
        with database.write() as connection:
            who = identify(connection, actor)
            voted = _newest(connection, chosen).get(who.person)
            if withdraw and (voted is None or voted.withdrawn):
                raise RegistryError(f"{who} has not approved {chosen}: there is nothing to withdraw")
            if not withdraw:
                _refuse_author(chosen, who, authors)
            row = {
                "version": chosen.version,
                "at": (clock or project_clock()).now(),
                **asdict(who),
                "note": note.strip(),
                "withdrawn": withdraw,
                "evidence_hash": seen.evidence_hash,
                "against": seen.against,
            }
            connection.execute(insert(tables.approvals), {"model": chosen.model, **row})
    finally:
        database.close()
    return Approval(**row, lapsed=False)


def approvals(project: Project, version: int | str | ModelVersion) -> tuple[Approval, ...]:
    """Each person's newest vote on a version, the oldest first."""
    chosen = version if isinstance(version, ModelVersion) else get_version(project, version)
    database = open_database(project)
    try:
        with database.read() as connection:
            votes = _newest(connection, chosen)
    finally:
        database.close()
    if not votes:
        return ()
    now = evidence_hash(project, chosen)
    return tuple(
        Approval(
            version=row.version,
            at=row.at,
            actor=row.actor,
            database_user=row.database_user,
            note=row.note,
            withdrawn=row.withdrawn,
            evidence_hash=row.evidence_hash,
            against=row.against,
            lapsed=row.evidence_hash != now,
        )
        for row in sorted(votes.values(), key=lambda row: row.id)
    )


def tally(project: Project, version: ModelVersion, alias: str) -> Tally:
    """The approvals that a version has, against what the project asks for that alias."""
    asked = project.config.approvals
    needed = {"champion": asked.champion, "canary": asked.champion, "shadow": asked.shadow}.get(alias, 0)
    return Tally(alias, needed, approvals(project, version))


def evidence_hash(project: Project, version: ModelVersion) -> str:
    """SHA-256 over all that an approver relies on, read anew."""
    with tempfile.TemporaryDirectory(prefix="workbench-review-") as scratch:
        return _hash(project, version, _training_notebook(project, version, Path(scratch)))


def _hash(project: Project, version: ModelVersion, notebook: Path | None) -> str:
    try:
        validation = loading.evidence(version, project)
    except (RegistryError, ValueError):
        validation = {}
    told = provenance.hashes(version, validation)
    try:
        told["notebook"] = environment.notebook_hash(notebook) if notebook else ""
    except (OSError, ValueError):
        told["notebook"] = ""
    return hash_value({"model": version.model, "version": version.version, "run": version.run_id, **told})


def _training_notebook(project: Project, version: ModelVersion, into: Path) -> Path | None:
    """The executed notebook of the run that trained it; MLflow's copy when the report is not here."""
    from workbench.execution.rerun import record

    into.mkdir(exist_ok=True)
    found = record.of_run(project, version.run_id, into) if version.run_id else None
    return found.report / reports.NOTEBOOK if found else None


def _newest(connection: Connection, version: ModelVersion) -> dict[str, Row[Any]]:
    """The newest vote of each person, by who they are."""
    table = tables.approvals
    query = select(table).where(table.c.model == version.model, table.c.version == version.version)
    rows = connection.execute(query.order_by(table.c.id))
    return {Identity(row.actor, row.database_user).person: row for row in rows}


def _authors(project: Project, version: ModelVersion) -> list[Identity]:
    """Who registered it, as the ledger knows them, and who trained it, which only the run claims."""
    table = tables.ledger
    query = select(table.c.actor, table.c.database_user).where(
        table.c.model == version.model, table.c.to_version == version.version
    )
    database = open_database(project)
    try:
        with database.read() as connection:
            first = connection.execute(query.order_by(table.c.id).limit(1)).first()
    finally:
        database.close()
    authors = [Identity(first.actor, first.database_user)] if first else []
    trainers = {facts.get("who", "") for facts in provenance.runs_of(project, version).values()}
    # Where everybody has the same login name (as in a container), the database tells people apart: a
    # trainer of the registrar's name is the registrar.
    known = {author.actor for author in authors}
    return authors + [Identity(name) for name in sorted(trainers - known) if name]


def _refuse_author(version: ModelVersion, who: Identity, authors: list[Identity]) -> None:
    for author in authors:
        known = author.authenticated
        if who.database_user == author.database_user if known else who.actor == author.actor:
            raise RegistryError(
                f"{version} was trained or registered by {author}: an approval is somebody else's to give"
            )
