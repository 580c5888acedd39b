"""One phase: its notebook through papermill, and a report for whatever end it came to."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import KernelDied, PhaseFailed, RunError, RunInterrupted
from workbench.execution.progress import Progress
from workbench.project import Project
from workbench.tracking import context as contexts
from workbench.tracking import environment, reports, runs, store

if TYPE_CHECKING:
    from nbformat import NotebookNode

__all__ = ["Outcome", "clear", "run_phase", "work_folder"]

_KERNEL_LOG = "kernel.log"
_INSERTED = {"papermill-error-cell-tag", "injected-parameters"}


@dataclass(frozen=True)
class Outcome:
    """What came of one phase: its report, what it recorded, and the error if it has one."""

    manifest: reports.Manifest
    report: Path
    record: contexts.Record
    error: RunError | None


def run_phase(
    project: Project,
    context: contexts.RunContext,
    parameters: Mapping[str, Any],
    progress: Progress,
) -> Outcome:
    """Execute the notebook of ``context.phase`` with parameters that were checked before.

    The run that ``context`` names is closed with the status that the notebook earned, and its report
    is published whatever that was: finished, failed or killed.
    """
    path = project.root / project.phase(context.phase).notebook
    started = datetime.now(UTC)
    context_file = context.save()
    executed, error = _execute(project, context, path, parameters, context_file, progress)
    ended = datetime.now(UTC)
    record = contexts.read_record(context)
    manifest = reports.Manifest(
        run_id=context.run_id,
        pipeline_run_id=context.pipeline_run_id,
        project=project.name,
        phase=context.phase,
        notebook=project.phase(context.phase).notebook,
        status=_status(error),
        error=_failure(executed, error),
        parameters=dict(parameters),
        reads=tuple({(item.name, item.version): item for item in record.reads}.values()),
        writes=tuple({(item.name, item.version): item for item in record.writes}.values()),
        models=tuple(record.models),
        notes=record.notes,
        code_version=environment.code_version(project.root),
        notebook_hash=environment.notebook_hash(path),
        environment_hash=environment.environment_hash(),
        started_at=started,
        ended_at=ended,
        seconds=(ended - started).total_seconds(),
        who=environment.who(),
        draft=context.draft,
        default=context.default,
    )
    report = _publish(project, context, manifest, executed)
    runs.log_lineage(project, context.run_id, record.reads, record.writes)
    store.client(project).log_artifacts(context.run_id, str(report), "report")
    runs.end(project, context.run_id, manifest.status, report=str(report))
    return Outcome(manifest, report, record, error)


def _execute(
    project: Project,
    context: contexts.RunContext,
    path: Path,
    parameters: Mapping[str, Any],
    context_file: Path,
    progress: Progress,
) -> tuple[NotebookNode, RunError | None]:
    import nbformat
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    from workbench.execution import engine

    logging.getLogger("papermill").setLevel(logging.ERROR)
    output = context.folder / reports.NOTEBOOK
    notebook = nbformat.read(path, as_version=4)
    cells = len(notebook.cells)
    progress.phase_started(context.phase, cells)
    error: RunError | None = None
    try:
        papermill.execute_notebook(
            str(path),
            str(output),
            parameters=dict(parameters),
            engine_name=engine.NAME,
            kernel_name=engine.kernel_for(notebook),
            progress_bar=False,
            cwd=str(path.parent),
            kernel_env=_kernel_environment(project, context, context_file),
            kernel_log=context.folder / _KERNEL_LOG,
            on_cell=lambda index: progress.cell_started(context.phase, index + 1, cells),
        )
    except PapermillExecutionError as raised:
        error = PhaseFailed(f"phase {context.phase!r} failed: {raised.ename}: {_first_line(raised.evalue)}")
    except DeadKernelError:
        error = KernelDied(
            f"phase {context.phase!r} failed: its kernel died; was the machine out of memory?",
            details=_last_words(context.folder / _KERNEL_LOG),
        )
    except KeyboardInterrupt:
        error = RunInterrupted(f"phase {context.phase!r} was interrupted")
    executed = nbformat.read(output if output.is_file() else path, as_version=4)
    if error is None and (missed := _first_not_run(executed)) is not None:
        error = PhaseFailed(f"phase {context.phase!r} stopped before its cell {missed}, without an error")
    return executed, error


def _kernel_environment(project: Project, context: contexts.RunContext, context_file: Path) -> dict[str, str]:
    experiment = store.experiment_id(project, draft=context.draft)
    return {
        **os.environ,
        **store.environment(project, context.run_id, experiment),
        contexts.CONTEXT_VARIABLE: str(context_file),
        # Wherever this runs, charts belong into the notebook; CI and containers often say Agg.
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "WORKBENCH_PROJECT": str(project.root),
    }


def _first_not_run(notebook: NotebookNode) -> int | None:
    """The first code cell with a source that was never executed (1-based), if any."""
    for number, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type == "code" and cell.source.strip() and cell.execution_count is None:
            return number
    return None


def _status(error: RunError | None) -> reports.Status:
    if error is None:
        return "finished"
    return "killed" if isinstance(error, RunInterrupted) else "failed"


def _failure(notebook: NotebookNode, error: RunError | None) -> reports.Failure | None:
    """The failure with the cell that raised; cells that papermill put in do not count."""
    if error is None:
        return None
    number = 0
    for cell in notebook.cells:
        if _INSERTED & set(cell.metadata.get("tags", [])):
            continue
        number += 1
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                return reports.Failure(
                    message=error.message,
                    cell=number,
                    source=cell.source,
                    traceback="\n".join(output.traceback),
                )
    return reports.Failure(message=error.message, traceback=error.details)


def _last_words(log: Path, count: int = 20) -> str:
    """The end of what the kernel process itself said, such as the message of a crash in native code."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:])


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else "no message"


def _publish(
    project: Project, context: contexts.RunContext, manifest: reports.Manifest, executed: NotebookNode
) -> Path:
    import nbformat

    from workbench.tracking.html import render

    root = context.folder / "reports" if context.draft else project.reports
    index = "" if context.draft else "../../index.html"
    title = f"{manifest.phase} · {manifest.project}"
    html = render(executed, title=title, manifest=manifest, index=index)
    return reports.publish(root, manifest, nbformat.writes(executed), html)


def work_folder(project: Project, run_id: str) -> Path:
    """A folder for a run's context and scratch files; removed by :func:`clear` when it is over."""
    (project.state / "work").mkdir(exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=f"{run_id[:8]}-", dir=project.state / "work"))


def clear(context: contexts.RunContext) -> None:
    """Remove a run's scratch folder; a draft's folder is what the person keeps."""
    if not context.draft:
        shutil.rmtree(context.folder, ignore_errors=True)
