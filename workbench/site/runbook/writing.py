"""The runbook written: one HTML and one Markdown file, whole or not at all."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.project import Project
from workbench.registry.card.document import Cell, Page, Pill
from workbench.registry.card.html import as_html
from workbench.registry.card.markdown import as_markdown
from workbench.registry.card.writing import cards_folder, write_whole
from workbench.site.runbook import happened, places, purpose, served, watched
from workbench.site.runbook.facts import RunbookFacts, look_up
from workbench.store.clock import Clock
from workbench.tracking.page import moment

__all__ = ["NAME", "Runbook", "runbook_page", "write_runbook"]

NAME = "runbook"


@dataclass(frozen=True, eq=False)
class Runbook:
    """A runbook that was written: where it is, and what it was made from."""

    facts: RunbookFacts
    html: Path
    markdown: Path

    def to_dict(self) -> dict[str, Any]:
        """What operations may want to read by machine, as JSON can hold it."""
        facts, back = self.facts, self.facts.way_back
        return {
            "model": facts.project.model.name,
            "owner": facts.project.config.project.owner,
            "champion": facts.champion,
            "aliases": facts.held,
            "rollback": {"to": back.version, "answered": back.answered, "why": back.why} if back else None,
            "rules": [rule.model_dump() for rule in facts.project.config.monitoring.alerts],
            "alerts": [alert.to_dict() for alert in facts.open_alerts],
            "backlog": [item.to_dict() for item in facts.items],
            "limits": [{"about": about, "why": why} for about, why in facts.limits],
            "lately": [
                {"at": each.at.isoformat(), "what": each.what, "says": each.says, "who": each.who}
                for each in facts.lately
            ],
            "html": str(self.html),
            "markdown": str(self.markdown),
        }


def write_runbook(project: Project, *, folder: Path | None = None, clock: Clock | None = None) -> Runbook:
    """Write the runbook of the project's model as ``runbook.html`` and ``runbook.md``.

    Both are put together from the stores at this moment, and replace what stood there before.

    Parameters
    ----------
    folder : Path, optional
        Default: ``.workbench/cards``, beside the model cards.

    Raises
    ------
    ConfigError
        The project declares no model. Whatever else is missing is told on the page.
    """
    facts = look_up(project, clock=clock)
    place = (folder or cards_folder(project)).resolve()
    page = runbook_page(facts, place)
    html, markdown = place / f"{NAME}.html", place / f"{NAME}.md"
    index = project.reports / "index.html"
    reports = os.path.relpath(index, place).replace(os.sep, "/") if index.is_file() else ""
    write_whole(html, as_html(page, index=reports))
    write_whole(markdown, as_markdown(page))
    return Runbook(facts, html, markdown)


def runbook_page(facts: RunbookFacts, place: Path) -> Page:
    """The runbook in parts; links are relative to the folder ``place``."""
    project, model = facts.project, facts.project.model.name
    byline: list[Cell] = [Pill(f"champion v{facts.champion}")] if facts.champion else []
    byline += [Pill(severity) for severity in facts.standing.alerts]
    byline.append(f"owner {project.config.project.owner or 'unknown'}")
    return Page(
        title=f"{model} · runbook",
        eyebrow=f"{project.name} / runbook",
        heading=f"{project.config.project.title or project.name}: running {model}",
        byline=tuple(byline),
        lead=_lead(facts),
        trouble=tuple(_trouble(facts)),
        sections=(
            watched.open_now(facts, place),
            served.rolling_back(facts),
            served.served(facts),
            served.running(facts),
            watched.alerts(facts),
            watched.windows(facts),
            happened.baking(facts),
            happened.retraining(facts),
            happened.schedules(facts),
            happened.lately(facts),
            purpose.purpose(facts),
            purpose.limits(facts),
            places.places(facts, place),
        ),
        footer=(
            f"Written {moment(facts.at)} from the record; do not edit it: workbench models runbook writes it "
            "anew."
        ),
    )


def _lead(facts: RunbookFacts) -> str:
    entry = facts.crowned
    if facts.champion is None or entry is None:
        return "Nobody is champion yet, so there is nothing to serve: a version has to pass its gates first."
    said = [f"v{facts.champion} answers since {moment(entry.at)}."]
    if facts.standing.window is not None:
        said.append(f"Newest window: {facts.standing.window}.")
    count = len(facts.open_alerts)
    said.append(
        f"{count or 'No'} alert{'' if count == 1 else 's'} open, {len(facts.items) or 'nothing'} on the "
        "backlog."
    )
    return " ".join(said)


def _trouble(facts: RunbookFacts) -> list[str]:
    """What nobody on duty may overlook."""
    said = []
    if facts.card is not None and facts.card.answered is None:
        said.append(f"The champion cannot be served: {facts.card.missing['answers']}")
    if facts.missing:
        said.append(f"The champion cannot be looked up: {facts.missing}")
    if facts.way_back is not None and facts.way_back.answered is None:
        said.append(f"There is no way back: v{facts.way_back.version} would be refused: {facts.way_back.why}")
    return said
