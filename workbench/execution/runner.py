"""One phase: its notebook in a kernel, and a report for whatever end that came to."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from workbench.config import PhaseConfig
from workbench.execution import notebook, publish
from workbench.execution.executor.ending import Ending
from workbench.execution.executor.execute import Executed, Execution, Limits, Usage
from workbench.execution.progress import Progress
from workbench.project import Project
from workbench.tracking import context as contexts
from workbench.tracking import environment, inputs, reports, runs, secrets, store

__all__ = ["Outcome", "PhaseRun", "manifest_of"]


@dataclass(frozen=True)
class Outcome:
    """What came of one phase: its report, what it recorded, and what the tracking store was not told."""

    manifest: reports.Manifest
    report: Path
    record: contexts.Record
    undelivered: str = ""


class PhaseRun:
    """One execution of one phase's notebook, in whatever thread calls :meth:`run`.

    Parameters
    ----------
    context : RunContext
        The run that was opened for it, with a scratch folder of its own.
    phase : PhaseConfig
        The notebook, and the limits that it is held to.
    parameters : mapping
        Checked before.
    attempt : int
        Which of the declared attempts this is.
    cwd : Path, optional
        The kernel's folder; by default the notebook's.
    unless : Ending, optional
        What the run has come to although its notebook finishes: it tells of something that did not.
    before : datetime and Usage, optional
        When the run began, and what it has taken before its notebook starts.
    """

    def __init__(
        self,
        project: Project,
        context: contexts.RunContext,
        phase: PhaseConfig,
        parameters: Mapping[str, Any],
        progress: Progress,
        *,
        attempt: int = 1,
        cwd: Path | None = None,
        unless: Ending | None = None,
        before: tuple[datetime, Usage] | None = None,
    ) -> None:
        self._project, self._context, self._phase = project, context, phase
        self._parameters, self._attempt = dict(parameters), attempt
        self._unless, self._before = unless, before
        self._path = project.root / phase.notebook
        about = notebook.summarize(notebook.read_notebook(self._path))
        self._log = _Log(context, progress, cells=about.cells)
        execution = project.config.execution
        self._execution = Execution(
            self._path,
            folder=context.folder,
            parameters=self._parameters,
            environment=_kernel_environment(project, context),
            limits=Limits(
                cell_seconds=phase.cell_timeout.total_seconds() if phase.cell_timeout else None,
                seconds=phase.timeout.total_seconds() if phase.timeout else None,
                memory_bytes=int(phase.memory) if phase.memory else None,
                output_bytes=int(execution.max_output),
            ),
            listener=self._log,
            cwd=cwd,
            extensions=["workbench.tracking.witness"],
        )

    def cancel(self) -> None:
        """End it from another thread: its report says that it was interrupted."""
        self._execution.cancel()

    def run(self) -> Outcome:
        """Execute the notebook, publish its report and close its run with the status that it earned."""
        before = inputs.files(self._project.root, self._phase.reads)
        code_hash = environment.code_hash(self._path)
        started = datetime.now(UTC)
        self._context.save()
        self._log.write("started", notebook=self._phase.notebook, attempt=self._attempt)
        executed = self._execution.run()
        record = contexts.read_record(self._context)
        ending, outputs = self._declared_outputs(executed.ending, record)
        if ending.reason == "finished" and self._unless is not None:
            ending = self._unless
        record.inputs.update({(item.kind, item.name): item for item in before})
        if self._context.trial is not None and not record.metrics:
            record.metrics.update(runs.metrics_of(self._project, self._context.run_id))
        self._note_moved(record, before)
        self._log.write("ended", reason=ending.reason, message=ending.message)
        usage = executed.usage
        if self._before is not None:
            started, usage = self._before[0], usage.after(self._before[1])
        manifest = manifest_of(
            self._project,
            self._context,
            record,
            ending,
            usage,
            started=started,
            notebook=self._phase.notebook,
            parameters=self._parameters,
        ).model_copy(
            update={
                "outputs": outputs,
                "code_hash": code_hash,
                "attempt": self._attempt,
                "cut_bytes": executed.cut_bytes,
            }
        )
        return self._publish(executed, manifest, record)

    def _declared_outputs(
        self, ending: Ending, record: contexts.Record
    ) -> tuple[Ending, tuple[contexts.Input, ...]]:
        """A phase that says what it writes has finished only when it has written that."""
        if ending.reason != "finished":
            return ending, ()
        datasets = {item.name for item in record.writes}
        patterns = [name for name in self._phase.writes if name not in datasets]
        found = inputs.files(self._project.root, patterns)
        there = {item.name for item in found if item.kind == "file"}
        for pattern in patterns:
            if not any(Path(name).match(pattern) for name in there):
                message = (
                    f"every cell of phase {self._context.phase!r} ran, but {pattern!r}, which it declares "
                    "to write, is not there: write it, or correct [phases] writes"
                )
                return Ending("stopped_early", message), ()
        return ending, tuple(item for item in found if item.kind == "file")

    def _note_moved(self, record: contexts.Record, before: tuple[contexts.Input, ...]) -> None:
        """Leave out what is accounted for; say when a declared file changed while the notebook ran."""
        accounted = {f"file:{item.name}" for item in before if item.kind == "file"}
        record.unaccounted = [item for item in record.unaccounted if item not in accounted]
        if inputs.files(self._project.root, self._phase.reads) != before:
            record.unaccounted.append("moved:a file that it reads changed while it ran")
        if not record.watched:
            record.unaccounted.append("unwatched:its kernel cannot be watched, so nobody knows what it read")

    def _publish(self, executed: Executed, manifest: reports.Manifest, record: contexts.Record) -> Outcome:
        names = {*record.secrets, *secrets.names_in(self._parameters)}
        manifest, clean, log = publish.redacted(manifest, executed.notebook, self._log.text(), names)
        report = publish.write_report(self._project, self._context, manifest, clean, log)
        undelivered = publish.deliver(self._project, report, manifest)
        return Outcome(manifest, report, record, undelivered)


def manifest_of(
    project: Project,
    context: contexts.RunContext,
    record: contexts.Record,
    ending: Ending,
    usage: Usage,
    *,
    started: datetime,
    notebook: str,
    parameters: Mapping[str, Any],
) -> reports.Manifest:
    """The manifest of a run that has ended, from what it recorded."""
    path = project.root / notebook
    price = project.config.execution.price_per_hour
    return reports.Manifest(
        run_id=context.run_id,
        pipeline_run_id=context.pipeline_run_id,
        project=project.name,
        phase=context.phase,
        notebook=notebook,
        status=_status(ending),
        error=_failure(context, ending),
        parameters=dict(parameters),
        reads=tuple({(item.name, item.version): item for item in record.reads}.values()),
        writes=tuple({(item.name, item.version): item for item in record.writes}.values()),
        models=tuple(record.models),
        notes=record.notes,
        inputs=tuple(record.inputs.values()),
        code=record.code,
        unaccounted=tuple(record.unaccounted),
        warnings=tuple(record.warnings),
        metrics=record.metrics,
        judged=tuple(dict.fromkeys(record.judged)),
        trial=context.trial and context.trial.model_copy(update={"study": None}),
        code_version=environment.code_version(project.root),
        notebook_hash=environment.notebook_hash(path) if path.is_file() else "",
        environment_hash=environment.environment_hash(),
        started_at=started,
        ended_at=datetime.now(UTC),
        seconds=usage.seconds,
        cpu_seconds=usage.cpu_seconds,
        peak_memory_bytes=usage.peak_memory_bytes,
        cost=None if price is None else round(usage.cpu_seconds * price / 3600, 6),
        who=environment.who(),
        draft=context.draft,
        default=context.default,
    )


def _status(ending: Ending) -> reports.Status:
    if ending.reason == "finished":
        return "finished"
    return "killed" if ending.reason in ("interrupted", "pruned") else "failed"


def _failure(context: contexts.RunContext, ending: Ending) -> reports.Failure | None:
    if ending.reason == "finished":
        return None
    return reports.Failure(
        message=f"phase {context.label!r} {_status(ending)}: {ending.message}",
        reason=ending.reason,
        cell=ending.cell,
        source=ending.source,
        traceback=ending.traceback or ending.details,
    )


def _kernel_environment(project: Project, context: contexts.RunContext) -> dict[str, str]:
    experiment = store.experiment_id(project, draft=context.draft)
    return {
        **os.environ,
        **store.environment(project, context.run_id, experiment),
        contexts.CONTEXT_VARIABLE: str(context.path),
        # Wherever this runs, charts belong into the notebook; CI and containers often say Agg.
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "WORKBENCH_PROJECT": str(project.root),
    }


class _Log:
    """What happened when, as JSON lines with the run's id, and passed on to whoever looks."""

    def __init__(self, context: contexts.RunContext, progress: Progress, cells: int) -> None:
        self._context, self._progress, self._lines = context, progress, list[str]()
        progress.phase_started(context.label, cells)

    def write(self, event: str, **facts: Any) -> None:
        """Add a line."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        about = {"time": now, "run_id": self._context.run_id, "phase": self._context.phase, "event": event}
        self._lines.append(json.dumps(about | facts, default=str))

    def text(self) -> str:
        return "".join(line + "\n" for line in self._lines)

    def cell_started(self, cell: int, cells: int) -> None:
        self._progress.cell_started(self._context.label, cell, cells)

    def cell_ended(self, cell: int, seconds: float) -> None:
        self.write("cell", cell=cell, seconds=round(seconds, 3))

    def output(self, cell: int, text: str) -> None:
        self._progress.output(self._context.label, text)
