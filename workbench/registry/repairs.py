"""MLflow's aliases are put back before anybody acts on what the registry shows."""

from __future__ import annotations

from workbench.project import Project
from workbench.registry import aliases
from workbench.store import trouble

__all__ = ["repaired"]


def repaired(project: Project) -> list[str]:
    """Put back MLflow's aliases that differ from the ledger; a sentence for each.

    A store that is away keeps nobody from reading the ledger: then the sentence says that it is.
    """
    try:
        return aliases.repair(project)
    except Exception as error:
        known = trouble.in_words(error, project.state)
        if known is None:
            raise
        return [f"MLflow's aliases were not looked at: {known.message}"]
