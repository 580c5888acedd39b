"""What became of a version apart from its retraining: by a person, another retraining, or a killed call."""

from __future__ import annotations

from collections.abc import Sequence

from workbench import registry
from workbench.monitoring.retraining.record import Retraining
from workbench.project import Project
from workbench.registry import LedgerEntry, ModelVersion
from workbench.registry.aliases import CHAMPION, held, is_shadow

__all__ = ["is_in_shadow", "made_champion", "made_shadow", "taken_away", "why_not_newer"]


def made_champion(project: Project, version: int) -> LedgerEntry | None:
    """The newest entry of the ledger that made it champion."""
    entries = reversed(registry.ledger(project, CHAMPION))
    return next((entry for entry in entries if entry.to_version == version), None)


def made_shadow(project: Project, version: int) -> LedgerEntry | None:
    """The newest entry of the ledger that made it a shadow."""
    entries = reversed(registry.ledger(project))
    return next((each for each in entries if each.to_version == version and is_shadow(each.alias)), None)


def is_in_shadow(project: Project, version: int) -> bool:
    """Whether it is a shadow now."""
    return any(number == version and is_shadow(alias) for alias, number in held(project).items())


def taken_away(project: Project, version: int) -> LedgerEntry | None:
    """The newest entry by which somebody retired it or took it out of the shadow; None if it is a shadow."""
    if is_in_shadow(project, version):
        return None
    for entry in reversed(registry.ledger(project)):
        retired = is_shadow(entry.alias) or entry.evidence.get("action") == "retire"
        if entry.from_version == version and retired:
            return entry
    return None


def why_not_newer(
    project: Project, item: Retraining, others: Sequence[Retraining], version: ModelVersion
) -> str:
    """Why a version that its phases led to is nothing new to judge; empty when it is.

    Phases that are up to date lead to what they registered then, which may long have been decided about.
    """
    number = version.version
    if number == item.champion:
        return f"they made {version}, which is the champion"
    for other in others:
        if other.id != item.id and other.version == number:
            return f"they made {version} for retraining {other.id}, which was {other.decision}"
    entry = made_champion(project, number)
    if entry is not None and entry.at < item.started_at:
        return f"they made {version}, which became champion on {entry.at:%Y-%m-%d} and is it no longer"
    return ""
