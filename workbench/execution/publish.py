"""A run's end made known: the report on disk first, whole or not at all, then in the tracking store.

The store may be away. The report is safe by then; a note in ``.workbench/outbox`` says that it has not
been told yet, and the next command tells it.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import DiskFull, WorkbenchError
from workbench.project import Project
from workbench.store import trouble
from workbench.tracking import reports, runs, secrets, store
from workbench.tracking.context import RunContext
from workbench.tracking.reports import Manifest

if TYPE_CHECKING:
    from nbformat import NotebookNode

__all__ = ["deliver", "deliver_all", "is_noted", "redacted", "undelivered", "write_report"]

_PAUSES = (0.2, 1.0)
_LOG = logging.getLogger("workbench")


def write_report(
    project: Project, context: RunContext, manifest: Manifest, executed: NotebookNode, log: str
) -> Path:
    """Render the page and put the report where it belongs; its folder is returned."""
    import nbformat

    from workbench.tracking.html import render

    root = context.folder / "reports" if context.draft else project.reports
    index = "" if context.draft else "../../../index.html" if context.trial else "../../index.html"
    html = render(executed, title=f"{manifest.phase} · {manifest.project}", manifest=manifest, index=index)
    return reports.publish(root, manifest, nbformat.writes(executed), html, log)


def redacted(
    manifest: Manifest, executed: NotebookNode, log: str, names: Iterable[str]
) -> tuple[Manifest, NotebookNode, str]:
    """What is published, without the values of the secrets of these names."""
    values = []
    for name in names:
        with suppress(WorkbenchError):  # what nobody can have here, nobody can have shown
            values.append(secrets.resolve(name))
    if not values:
        return manifest, executed, log
    redactor = secrets.Redactor(values)
    redactor.redact_notebook(executed)
    # Only what a notebook can fill: in ids and hashes a short secret could be found by chance.
    told = ("parameters", "notes", "unaccounted", "warnings", "error")
    everything = manifest.model_dump()
    free = redactor.redact({name: everything[name] for name in told})
    clean = Manifest.model_validate(everything | free)
    return clean, executed, redactor.redact_text(log)


def deliver(project: Project, report: Path, manifest: Manifest, *, patiently: bool = True) -> str:
    """Tell the tracking store of a report, and close its run; the problem in words when that fails.

    A report that cannot be delivered now waits in the outbox for the next command.
    """
    note = _note(project, manifest.run_id)
    problem = ""
    for pause in (*_PAUSES, None) if patiently else (None,):
        try:
            _tell(project, report, manifest)
            note.unlink(missing_ok=True)
            return ""
        except Exception as error:  # whatever a remote store or a full disk brings
            known = trouble.in_words(error, project.state)
            problem = known.message if known else f"{type(error).__name__}: {_first_line(error)}"
            if isinstance(known, DiskFull):
                break
            if pause is not None:
                time.sleep(pause)
    try:
        _outbox(project).mkdir(exist_ok=True)
        draft = note.with_suffix(".new")
        try:
            draft.write_text(str(report), encoding="utf-8")
            os.replace(draft, note)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        problem += f"; and no note could be left of it: {error}"
    _LOG.debug("run %s: the tracking store was not told: %s", manifest.run_id[:8], problem)
    return problem


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["no message"])[0]


def is_noted(project: Project, run_id: str) -> bool:
    """Whether a note says that the tracking store has not been told of a run's end."""
    return _note(project, run_id).is_file()


def undelivered(project: Project) -> list[Path]:
    """Notes of the reports that the tracking store has not been told of."""
    return sorted(_outbox(project).glob("*.path"))


def deliver_all(project: Project) -> int:
    """Tell the tracking store what it was not told when it was away; how many remain."""
    waiting = undelivered(project)
    for number, note in enumerate(waiting):
        report = Path(note.read_text(encoding="utf-8"))
        manifest = reports.read(report)
        if manifest is None:  # the report has gone: there is nothing to tell
            note.unlink(missing_ok=True)
        elif deliver(project, report, manifest, patiently=False):
            return len(waiting) - number
    return 0


def _tell(project: Project, report: Path, manifest: Manifest) -> None:
    runs.log_lineage(project, manifest.run_id, list(manifest.reads))
    store.client(project).log_artifacts(manifest.run_id, str(report), "report")
    measured = {
        "workbench.cpu_seconds": manifest.cpu_seconds,
        "workbench.peak_memory_bytes": float(manifest.peak_memory_bytes),
    }
    if manifest.cost is not None:
        measured["workbench.cost"] = manifest.cost
    runs.end(
        project,
        manifest.run_id,
        manifest.status,
        metrics=measured,
        tags={"workbench.report": str(report), **runs.dataset_tag([*manifest.reads, *manifest.writes])},
        noted=manifest.trial is None,
    )


def _note(project: Project, run_id: str) -> Path:
    return _outbox(project) / f"{run_id}.path"


def _outbox(project: Project) -> Path:
    return project.state / "outbox"
