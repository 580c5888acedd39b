"""Where everything is: pages, logs and stores, as links where they lead somewhere."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote, urlsplit

from workbench.project import Project
from workbench.registry.card.document import Cell, Facts, Link, Section
from workbench.registry.card.writing import cards_folder
from workbench.site.runbook.facts import RunbookFacts
from workbench.tracking import reports

__all__ = ["address", "places", "report_of"]


def places(facts: RunbookFacts, place: Path) -> Section:
    """Pages, logs and stores; passwords are left out of their addresses."""
    project = facts.project
    pairs: list[tuple[str, Cell]] = [("reports", _page(project.reports / "index.html", place))]
    if facts.champion is not None:
        card = cards_folder(project) / f"v{facts.champion}.html"
        pairs.append(("model card", _page(card, place, f"workbench models card {facts.champion}")))
    for name, page in _monitor_pages(project):
        pairs.append((f"monitor: {name}", _page(page, place)))
    pairs += [
        ("prediction log", facts.standing.log or "nothing was looked at yet"),
        ("runs and versions", address(project.tracking_uri, project)),
        ("datasets", address(project.data_uri, project)),
        ("ledger, alerts, backlog", address(project.database_url, project)),
        ("what the server says", "its standard error: where that goes is up to what starts it"),
    ]
    return Section("Where everything is", (Facts(tuple(pairs)),))


def address(uri: str, project: Project) -> str:
    """An address without its password, and without this machine's folders."""
    parts = urlsplit(uri)
    if "@" in parts.netloc:
        uri = parts._replace(netloc=f"USER:PASSWORD@{parts.netloc.rpartition('@')[2]}").geturl()
    return uri.replace(str(project.state), ".workbench")


def _page(page: Path, place: Path, command: str = "workbench site") -> Cell:
    if not page.is_file():
        return f"not written yet: {command}"
    return Link("open it", _relative(page, place))


def _relative(page: Path, place: Path) -> str:
    return quote(os.path.relpath(page, place).replace(os.sep, "/"))


def _monitor_pages(project: Project) -> list[tuple[str, Path]]:
    found = sorted((project.state / "monitor").glob("*/index.html"))
    return [(page.parent.name, page) for page in found] or [
        ("page", project.state / "monitor" / "index.html")
    ]


def report_of(project: Project, run_id: str, place: Path) -> str:
    """The address of a run's page, relative to the folder ``place``; empty if it left none here."""
    for page in project.reports.glob(f"*/*-{run_id[:8]}/{reports.HTML}"):
        manifest = reports.read(page.parent)
        if manifest is not None and manifest.run_id == run_id:
            return _relative(page, place)
    return ""
