"""What earlier commands left unfinished, put in order by the next one."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from workbench.errors import TrackingError
from workbench.execution import publish, runner
from workbench.execution.executor.ending import Ending
from workbench.execution.executor.watch import Usage
from workbench.project import Project
from workbench.store import trouble
from workbench.tracking import context as contexts
from workbench.tracking import reports, runs, secrets, work

if TYPE_CHECKING:
    from nbformat import NotebookNode

__all__ = ["tidy"]


def tidy(project: Project) -> list[str]:
    """Close runs whose process was killed, and tell the tracking store what it was not told.

    Costs next to nothing when there is nothing to do. What cannot be put in order now is said, and
    left for the next command.

    Returns
    -------
    list of str
        A line for a person about each thing that was done.
    """
    said = []
    with work.abandoned(project) as left_behind:
        # A parent comes after its children: whoever sees it ended finds them ended, too.
        for held in sorted(left_behind, key=_is_parent):
            try:
                line = _close(project, held)
                held.release()
            except Exception as error:  # one of them is no reason to leave the others, or not to run
                why = trouble.in_words(error, project.state) or error
                line = f"a killed run could not be put in order, and waits for the next command: {why}"
            if line and line not in said:
                said.append(line)
    if waiting := publish.undelivered(project):
        left = publish.deliver_all(project)
        told = len(waiting) - left
        if told:
            said.append(f"the tracking store has now been told of {told} report{'s' * (told > 1)}")
        if left:
            wait = f"{left} reports wait" if left > 1 else "1 report waits"
            said.append(f"the tracking store is still away: {wait} to be told")
    return said


def _is_parent(held: work.Work) -> bool:
    try:
        return contexts.RunContext.model_validate_json(_saved(held.folder)).parent
    except (OSError, ValidationError):
        return False


def _saved(folder: Path) -> str:
    return (folder / contexts.FILE).read_text(encoding="utf-8")


def _close(project: Project, held: work.Work) -> str:
    """Publish what there is of a killed run, and end it; a line for a person."""
    folder = held.folder
    try:
        context = contexts.RunContext.model_validate_json(_saved(folder))
    except (FileNotFoundError, ValidationError):
        for run_id in runs.with_token(project, held.token):  # killed before it had noted its run's id
            runs.end(project, run_id, held.ended or "killed")
        return ""
    short = f"run {context.run_id[:8]} of {context.label}"
    sweep = context.trial.sweep if context.trial else ""
    reports.remove_drafts(project, context.phase, context.run_id, sweep)
    report = reports.folder_of(project, context.phase, context.run_id, sweep)
    if report is not None and (manifest := reports.read(report)) is not None:
        # Killed after its report was whole.
        where = "on record" if _told(project, report, manifest) else "in its report"
        return f"{short} {_had(manifest.status)} before its process ended; that is now {where}"
    if context.parent or context.draft:
        for draft in reports.trials_folder(project.reports, context.run_id).glob(".*.new"):
            draft.unlink(missing_ok=True)  # of what a sweep was asked to do
        runs.end(project, context.run_id, held.ended or "killed")
        return ""
    return _publish(project, context, folder, short)


def _had(status: reports.Status) -> str:
    return "had been killed" if status == "killed" else f"had {status}"


def _publish(project: Project, context: contexts.RunContext, folder: Path, short: str) -> str:
    """A report of how far a run came whose process has gone."""
    began = datetime.fromtimestamp((folder / contexts.FILE).stat().st_mtime, UTC)
    executed, cell, until = _executed(project, context, folder)
    where = f" in cell {cell}" if cell else ""
    ending = Ending("interrupted", f"its process ended{where} before there was a report", cell)
    record = contexts.read_record(context)
    usage = Usage(max(0.0, (until - began).total_seconds()), 0.0, 0)
    manifest = runner.manifest_of(
        project,
        context,
        record,
        ending,
        usage,
        started=began,
        notebook=context.notebook,
        parameters=context.parameters,
    ).model_copy(update={"ended_at": until})
    if {*record.secrets, *secrets.names_in(context.parameters)}:
        manifest, executed = _without_results(manifest, executed)
    published = publish.write_report(project, context, manifest, executed, "")
    _told(project, published, manifest)
    return f"{short} was cut short{where}; its report: {published}"


def _told(project: Project, report: Path, manifest: reports.Manifest) -> bool:
    """Whether the tracking store knows; if not, a note is left of that.

    Raises
    ------
    TrackingError
        When neither was possible: the scratch folder is then all that says so, and has to stay.
    """
    problem = publish.deliver(project, report, manifest, patiently=False)
    if problem and not publish.is_noted(project, manifest.run_id):
        raise TrackingError(problem)
    return not problem


def _without_results(
    manifest: reports.Manifest, executed: NotebookNode
) -> tuple[reports.Manifest, NotebookNode]:
    """Only what was there before the run: who recovers it may have other secrets, so nobody can hide them."""
    for cell in executed.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    executed.metadata.pop("widgets", None)
    warning = (
        "it used secrets: what it showed and noted is left out of this report, as its process was killed"
    )
    return manifest.model_copy(update={"notes": {}, "unaccounted": (), "warnings": (warning,)}), executed


def _executed(
    project: Project, context: contexts.RunContext, folder: Path
) -> tuple[NotebookNode, int | None, datetime]:
    """The notebook as far as it was saved, the cell that it was in, and when that was."""
    import nbformat

    saved = folder / reports.NOTEBOOK
    try:
        executed = nbformat.read(saved, as_version=4)
        until = datetime.fromtimestamp(saved.stat().st_mtime, UTC)
    except Exception:  # never saved: show the notebook as it was to be run
        until = datetime.fromtimestamp((folder / contexts.FILE).stat().st_mtime, UTC)
        try:
            executed = nbformat.read(project.root / context.notebook, as_version=4)
            for cell in executed.cells:
                if cell.cell_type == "code":
                    cell.outputs = []
        except Exception:  # removed or broken since: that must not stop whoever wants to go on
            text = f"{context.notebook} cannot be read any more."
            executed = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text)])
    number = 0
    for cell in executed.cells:
        if not {"injected-parameters", "papermill-error-cell-tag"} & set(cell.metadata.get("tags", [])):
            number += 1
            if cell.cell_type == "code" and cell.source.strip() and _unfinished(cell):
                return executed, number, until
    return executed, None, until


def _unfinished(cell: NotebookNode) -> bool:
    return cell.metadata.get("papermill", {}).get("status") in ("running", "pending")
