"""What the stores said of the model when they were last read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from workbench.project import Project
from workbench.registry import aliases, succession
from workbench.registry.aliases import CHAMPION, LedgerEntry
from workbench.registry.versions import ModelVersion, list_versions
from workbench.tracking.asking import StoreAway, asking

if TYPE_CHECKING:
    from workbench.monitoring.baking import Baking

__all__ = ["Known", "read"]


@dataclass(frozen=True, eq=False)
class Known:
    """The model as it was then; aliases are as the ledger has them.

    Attributes
    ----------
    versions : tuple of ModelVersion
        The newest first.
    ledger : tuple of LedgerEntry
        All moves, the oldest first.
    baking : Baking or None
        The newest baking period.
    away : str
        Why the versions are those that were known before; empty when they were read.
    """

    versions: tuple[ModelVersion, ...] = ()
    ledger: tuple[LedgerEntry, ...] = ()
    baking: Baking | None = None
    away: str = ""

    @property
    def held(self) -> dict[str, int]:
        """Every alias that names a version, and that version; the champion first."""
        found = {entry.alias: entry.to_version for entry in self.ledger}
        names = sorted(found, key=lambda alias: (alias != CHAMPION, alias))
        return {alias: number for alias in names if (number := found[alias]) is not None}

    def aliases_of(self, version: int) -> list[str]:
        return [alias for alias, number in self.held.items() if number == version]

    def version(self, number: int | None) -> ModelVersion | None:
        return next((item for item in self.versions if item.version == number), None)

    def since(self, alias: str) -> LedgerEntry | None:
        """The newest move of an alias."""
        return next((entry for entry in reversed(self.ledger) if entry.alias == alias), None)

    @property
    def before(self) -> int | None:
        """The version that a rollback would lead to."""
        moves = [entry for entry in self.ledger if entry.alias == CHAMPION]
        reigns = [(entry.to_version, str(entry.evidence.get("action", ""))) for entry in moves]
        return succession.champion_before(reigns)

    def newer_than(self, before: Known) -> tuple[LedgerEntry, ...]:
        """The moves that were made since then, the oldest first."""
        return self.ledger[len(before.ledger) :]


def read(project: Project, before: Known) -> Known:
    """Read it; when the tracking store is away, with the versions that were known before.

    Raises
    ------
    ConfigError
        The project declares no model.
    SQLAlchemyError
        The workbench database does not answer.
    """
    from workbench.monitoring import baking

    known = replace(before, ledger=tuple(aliases.ledger(project)), baking=baking.find(project), away="")
    try:
        with asking(project):
            return replace(known, versions=tuple(list_versions(project)))
    except StoreAway as error:
        return replace(known, away=str(error))
