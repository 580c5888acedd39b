"""Everything that is known of one version, in one place."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from workbench.errors import RegistryError
from workbench.project import Project
from workbench.registry import aliases, approvals, loading, mirror, succession, versions
from workbench.registry.aliases import CHAMPION, LedgerEntry
from workbench.registry.approvals import Tally
from workbench.registry.versions import ModelVersion

if TYPE_CHECKING:
    from workbench.registry.lineage import Lineage

__all__ = ["About", "about"]


@dataclass(frozen=True)
class About:
    """A version with all that leads to it and from it.

    Attributes
    ----------
    validation : dict
        As the gates left it; empty when it cannot be read, and then ``missing`` says why.
    metrics : dict
        What it had when it was trained.
    ledger : tuple of LedgerEntry
        The moves to it and away from it, the oldest first.
    next : tuple of str
        Commands that make sense now, with what each does.
    """

    version: ModelVersion
    validation: dict[str, Any]
    missing: str
    metrics: dict[str, float]
    approvals: Tally
    ledger: tuple[LedgerEntry, ...]
    lineage: Lineage
    next: tuple[tuple[str, str], ...]

    @property
    def gates(self) -> list[dict[str, Any]]:
        return list(self.validation.get("gates", []))

    @property
    def verdict(self) -> str:
        return str(self.validation.get("verdict", "")) or self.version.verdict

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it, with times as ISO text."""
        chosen = self.version
        until = chosen.trained_until
        return {
            **asdict(chosen),
            "created_at": chosen.created_at.isoformat(),
            "trained_until": until.isoformat() if until else None,
            "verdict": self.verdict,
            "gates": self.gates,
            "missing": self.missing,
            "metrics": self.metrics,
            "datasets": chosen.datasets,
            "approvals": self.approvals.to_dict(),
            "ledger": [entry.to_dict() for entry in self.ledger],
            "lineage": self.lineage.to_dict(),
            "next": [{"command": command, "does": does} for command, does in self.next],
        }


def about(project: Project, version: int | str) -> About:
    """All of it.

    Raises
    ------
    UnknownName
        There is no such version.
    """
    from workbench.registry import lineage

    chosen = versions.get_version(project, version)
    try:
        validation, missing = loading.evidence(chosen, project), ""
    except (RegistryError, ValueError) as error:
        validation, missing = {}, str(error)
    votes = approvals.tally(project, chosen, CHAMPION)
    number = chosen.version
    moves = [entry for entry in aliases.ledger(project) if number in (entry.from_version, entry.to_version)]
    return About(
        version=chosen,
        validation=validation,
        missing=missing,
        metrics=dict(json.loads(chosen.tag("metrics") or "{}")),
        approvals=votes,
        ledger=tuple(moves),
        lineage=lineage.of(project, chosen),
        next=tuple(_next(project, chosen, votes)),
    )


def _next(project: Project, chosen: ModelVersion, votes: Tally) -> list[tuple[str, str]]:
    number, champion = chosen.version, aliases.current(project, CHAMPION)
    if number == champion:
        before = succession.champion_before(succession.champions(project))
        back = [("workbench rollback --reason …", f"makes {mirror.name(before)} champion again")]
        return [*(back if before is not None else []), ("workbench serve", "serves it")]
    steps = []
    if not votes.enough:
        steps.append((f"workbench approve {number} --note …", "shows its notebook's diff, and approves it"))
    steps.append((f"workbench promote {number} --dry-run", "says whether it may become champion"))
    steps.append((f"workbench promote {number} --reason …", "makes it champion"))
    if not any(map(aliases.is_shadow, chosen.aliases)):
        steps.append((f"workbench promote {number} --to shadow --reason …", "lets it answer in the shadow"))
    if chosen.aliases:
        steps.append((f"workbench retire {number} --reason …", f"takes {', '.join(chosen.aliases)} from it"))
    return steps
