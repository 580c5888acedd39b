"""What running a chosen run again comes to: which notebook that is, and whose model would be registered."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import WorkbenchError
from workbench.execution import pipeline, plan
from workbench.tracking import reports

if TYPE_CHECKING:
    from workbench.panels.launch.form import Form
    from workbench.project import Project
    from workbench.tracking.runs import RunInfo

__all__ = ["notebook_of", "whose_model"]


def notebook_of(project: Project, run: RunInfo) -> str | Path | None:
    """The phase of a run, or the notebook that it was if that is no phase; None when it is there no more.

    The notebook that shows a sweep is none of the project's, so a sweep has none.
    """
    if run.phase in project.config.phases:
        return run.phase
    manifest = reports.read(Path(run.report)) if run.report else None
    if manifest is None or not manifest.notebook or Path(manifest.notebook).is_absolute():
        return None
    path = project.root / manifest.notebook
    return path if path.is_file() else None


def whose_model(form: Form, run: RunInfo) -> str:
    """Why running this form would not register the model of that run but another one, in one line.

    Empty where it would, and for a form that cannot be run as it is.
    """
    project, phases = form.target.project, [*form.target.phases]
    try:
        given = pipeline.share_out(project, phases, form.values)
    except WorkbenchError:
        return ""
    steps = {step.phase: step for step in plan.explain(project, phases, given)}
    step, mine = steps[run.phase], run.run_id[:8]
    if step.verdict != "up_to_date":
        why = plan.in_words(step)
        return f"{run.phase} is trained anew, and that model is registered, not the one of run {mine}: {why}"
    latest = step.manifest.run_id if step.manifest else ""
    if latest == run.run_id:
        return ""
    return f"registered is the model of the latest run {latest[:8]} of {run.phase}, not of run {mine}"
