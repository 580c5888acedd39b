"""Model cards on the site, of versions that an alias names; and the runbook beside them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from workbench.errors import WorkbenchError
from workbench.project import Project
from workbench.registry import aliases

__all__ = ["CardLink", "card_links", "runbook_address", "write_cards"]

_FOLDER = "cards"


@dataclass(frozen=True)
class CardLink:
    """A card that the index leads to."""

    version: int
    aliases: tuple[str, ...]
    address: str


def card_links(project: Project) -> list[CardLink]:
    """The cards that were written of versions with an alias, the champion's first; none when nobody knows."""
    folder = project.state / _FOLDER
    written = {path.name for path in folder.glob("v*.html")}
    named = _named(project) if written else {}
    place = _from_index(folder, project)
    return [
        CardLink(version, names, f"{place}/v{version}.html")
        for version, names in named.items()
        if f"v{version}.html" in written
    ]


def runbook_address(project: Project) -> str:
    """Where the runbook is, as seen from the index; empty when none was written."""
    page = project.state / _FOLDER / "runbook.html"
    return _from_index(page, project) if page.is_file() else ""


def write_cards(project: Project) -> int:
    """Write the card of each version that an alias names anew, and say how many."""
    from workbench.registry.card.writing import write_card

    named = _named(project)
    for version in named:
        write_card(project, version)
    return len(named)


def _named(project: Project) -> dict[int, tuple[str, ...]]:
    if project.config.model is None:
        return {}
    try:
        held = aliases.held(project)
    except (WorkbenchError, SQLAlchemyError):
        return {}  # reports are shown though the ledger is away
    named: dict[int, tuple[str, ...]] = {}
    for alias in sorted(held, key=lambda alias: (alias != aliases.CHAMPION, alias)):
        named[held[alias]] = (*named.get(held[alias], ()), alias)
    return named


def _from_index(path: Path, project: Project) -> str:
    return os.path.relpath(path, project.reports).replace(os.sep, "/")
