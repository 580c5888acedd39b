"""Cards written: one HTML and one Markdown file a version, whole or not at all."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from workbench.project import Project
from workbench.registry.card import sections_about as about
from workbench.registry.card import sections_record as record
from workbench.registry.card.document import Cell, Page, Pill
from workbench.registry.card.facts import CardFacts, gather
from workbench.registry.card.html import as_html
from workbench.registry.card.limits import limits
from workbench.registry.card.markdown import as_markdown
from workbench.registry.card.sections_evidence import evidence
from workbench.store.clock import Clock
from workbench.tracking.page import moment

__all__ = ["Card", "card_page", "cards_folder", "write_card", "write_whole"]


@dataclass(frozen=True)
class Card:
    """A card that was written: where it is, and what it came to."""

    version: int
    verdict: str
    html: Path
    markdown: Path
    limits: tuple[tuple[str, str], ...]
    page: Page


def cards_folder(project: Project) -> Path:
    """Where cards are written unless another folder is named."""
    return project.state / "cards"


def write_card(
    project: Project, version: int | str, *, folder: Path | None = None, clock: Clock | None = None
) -> Card:
    """Write the card of a version as ``v3.html`` and ``v3.md``.

    Both are put together from the stores at this moment, and replace what stood there before.

    Parameters
    ----------
    version : int or str
        Its number or an alias.
    folder : Path, optional
        Default: ``.workbench/cards``.

    Raises
    ------
    UnknownName
        There is no such version. Whatever else is missing is told on the card.
    """
    facts = gather(project, version, clock=clock)
    place = (folder or cards_folder(project)).resolve()
    found = limits(facts)
    page = card_page(facts, found, place)
    name = f"v{facts.version.version}"
    html, markdown = place / f"{name}.html", place / f"{name}.md"
    write_whole(html, as_html(page, index=_index(project, place)))
    write_whole(markdown, as_markdown(page))
    return Card(facts.version.version, facts.version.verdict, html, markdown, found, page)


def card_page(facts: CardFacts, limits: tuple[tuple[str, str], ...], place: Path) -> Page:
    """The card in parts; links are relative to the folder ``place``."""
    version, project = facts.version, facts.project
    byline: list[Cell] = [Pill(version.verdict)] if version.verdict else []
    byline += [Pill(alias) for alias in version.aliases]
    if owner := project.config.project.owner:
        byline.append(f"owner {owner}")
    byline.append(f"registered {moment(version.created_at)}")
    trouble = [f"It cannot be served: {facts.missing['answers']}"] if facts.answered is None else []
    return Page(
        title=f"{version} · model card",
        eyebrow=f"{project.name} / model card",
        heading=f"{project.config.project.title or project.name}: {version}",
        byline=tuple(byline),
        lead=about.lead(facts),
        trouble=tuple(trouble),
        sections=(
            about.purpose(facts),
            about.objective(facts),
            about.status(facts),
            record.known_limits(limits),
            about.data(facts),
            *evidence(facts),
            record.approvals(facts),
            record.ledger(facts),
            record.way_back(facts, place),
            record.loading(facts),
        ),
        footer=(
            f"Written {moment(facts.at)} from the stores; do not edit it: workbench models card "
            f"{version.version} writes it anew."
        ),
    )


def write_whole(path: Path, text: str) -> None:
    """Replace a file as a whole: whoever reads it meanwhile has the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            os.fchmod(file.fileno(), 0o644)
        os.replace(draft, path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


def _index(project: Project, place: Path) -> str:
    index = project.reports / "index.html"
    return os.path.relpath(index, place).replace(os.sep, "/") if index.is_file() else ""
