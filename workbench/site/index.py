"""One page that lists all reports: by phase, the newest first, the latest pipeline run on top.

It is derived from the manifests beside the reports and can be written anew at any time.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from filelock import FileLock
from sqlalchemy.exc import SQLAlchemyError

from workbench.errors import WorkbenchError
from workbench.project import Project
from workbench.registry.reviews import summaries
from workbench.site.cards import card_links, runbook_address
from workbench.tracking import reports
from workbench.tracking.page import environment
from workbench.tracking.reports import Manifest

__all__ = ["INDEX", "build_index"]

INDEX = "index.html"
_TEMPLATE = environment(Path(__file__).parent / "templates").get_template("index.html.j2")
_SHOWN_PER_PHASE = 20
_WAIT_SECONDS = 60


@dataclass(frozen=True)
class Entry:
    """A report as the page lists it; ``manifest`` is None where it cannot be read.

    ``review`` says in short who signed it off and how much was said of it.
    """

    folder: str
    files: frozenset[str]
    manifest: Manifest | None
    review: str = ""

    @property
    def status(self) -> str:
        return self.manifest.status if self.manifest else "unreadable"

    @property
    def page(self) -> str:
        return self._address(reports.HTML)

    @property
    def notebook(self) -> str:
        return self._address(reports.NOTEBOOK)

    @property
    def told(self) -> str:
        """What it came to in one line: the error that ended it, or the summary that it noted."""
        if self.manifest is None:
            return f"The manifest in {self.folder} cannot be read; the files beside it may still open."
        if self.manifest.error is not None:
            return self.manifest.error.message
        return str(self.manifest.notes.get("summary", ""))

    def _address(self, name: str) -> str:
        return quote(f"{self.folder}/{name}") if name in self.files else ""


@dataclass(frozen=True)
class History:
    """All reports of one phase, the newest first."""

    phase: str
    entries: tuple[Entry, ...]

    @property
    def shown(self) -> tuple[Entry, ...]:
        return self.entries[:_SHOWN_PER_PHASE]

    @property
    def older(self) -> tuple[Entry, ...]:
        return self.entries[_SHOWN_PER_PHASE:]


@dataclass(frozen=True)
class Step:
    """A phase in the latest pipeline run; ``earlier`` when its report is from a run before."""

    phase: str
    entry: Entry | None
    earlier: bool


def build_index(project: Project) -> Path:
    """Write ``index.html`` beside the reports and return its path.

    The page is replaced as a whole. Commands that end at the same time take turns, so that the last
    one to write has seen the reports of all.
    """
    project.reports.mkdir(parents=True, exist_ok=True)
    target = project.reports / INDEX
    with FileLock(project.state / "index.lock", timeout=_WAIT_SECONDS):
        draft = target.with_name(f".{INDEX}.new")
        try:
            draft.write_text(_page(project), encoding="utf-8")
            os.replace(draft, target)
        finally:
            draft.unlink(missing_ok=True)
    return target


def _page(project: Project) -> str:
    histories = _histories(project)
    entries = [entry for history in histories for entry in history.entries]
    newest = _newest(entry.manifest for entry in entries)
    return _TEMPLATE.render(
        title=f"{project.name} · reports",
        project=project.config.project,
        objective=project.config.objective,
        count=len(entries),
        newest=newest,
        steps=_steps(histories, newest, list(project.config.phases)),
        histories=histories,
        cards=card_links(project),
        runbook=runbook_address(project),
        written=datetime.now(UTC),
    )


def _histories(project: Project) -> list[History]:
    """Each phase's reports, phases in the project's order; those it has no more come last."""
    found: dict[str, list[Entry]] = {phase: [] for phase in project.config.phases}
    every = list(reports.all_manifests(project))
    said = _reviews(project, {manifest.run_id: folder for folder, manifest in every if manifest})
    for folder, manifest in every:
        entry = Entry(
            folder.relative_to(project.reports).as_posix(),
            frozenset(file.name for file in folder.iterdir()),
            manifest,
            said.get(manifest.run_id, "") if manifest else "",
        )
        found.setdefault(folder.parent.name, []).append(entry)
    return [History(phase, tuple(entries)) for phase, entries in found.items() if entries]


def _reviews(project: Project, folders: dict[str, Path]) -> dict[str, str]:
    """What was said of reports, by run; reports are listed though the database is away."""
    try:
        return {run_id: str(each) for run_id, each in summaries(project, folders).items()}
    except (WorkbenchError, SQLAlchemyError, OSError):
        return {}


def _newest(manifests: Iterable[Manifest | None]) -> Manifest | None:
    """The manifest that started last in the newest pipeline run; nested runs do not count."""
    candidates = [manifest for manifest in manifests if manifest is not None and manifest.default]
    return max(candidates, key=lambda manifest: manifest.started_at, default=None)


def _steps(histories: Sequence[History], newest: Manifest | None, phases: Sequence[str]) -> list[Step]:
    """Every phase with its report in the latest pipeline run, else with the newest before it."""
    if newest is None:
        return []
    by_phase = {history.phase: history.entries for history in histories}
    steps = []
    for phase in phases:
        usable = [entry for entry in by_phase.get(phase, ()) if entry.manifest and entry.manifest.default]
        within = [
            entry
            for entry in usable
            if entry.manifest and entry.manifest.pipeline_run_id == newest.pipeline_run_id
        ]
        chosen = next(iter(within or usable), None)
        steps.append(Step(phase, chosen, earlier=not within))
    return steps
