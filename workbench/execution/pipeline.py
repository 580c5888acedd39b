"""Run phases, any notebook, or phases from within a notebook: each as one pipeline run."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.config import PhaseConfig
from workbench.errors import RunError
from workbench.execution.notebook import parameters as parameters_of
from workbench.execution.pipeline_run import OVER, PipelineRun
from workbench.execution.plan import order
from workbench.execution.progress import PipelineResult, Progress, Quiet
from workbench.execution.runner import Outcome
from workbench.execution.shown import for_notebooks
from workbench.project import Project
from workbench.tracking import context as contexts
from workbench.tracking import runs
from workbench.tracking.context import RunContext
from workbench.tracking.phase import Phase

__all__ = [
    "OVER",
    "order",
    "parse_parameters",
    "phase_name",
    "run",
    "run_notebook",
    "run_within",
    "share_out",
]


def parse_parameters(
    project: Project,
    phases: Sequence[str],
    given: Mapping[str, str],
    taken: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Values typed on the command line, as the phases that take them declare their types.

    ``taken`` are values of another run; those that no phase declares are left out.

    Raises
    ------
    UnknownName
        When none of the phases declares such a parameter.
    ParameterError
        When a value has the wrong type, or one that is required is missing.
    """
    shared = parameters_of.read_all(_declared(project, phases), given, taken or {})
    return {name: value for values in shared.values() for name, value in values.items()}


def share_out(project: Project, phases: Sequence[str], given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The parameters of each phase, checked, out of those given for all (errors as above)."""
    return parameters_of.share_out(_declared(project, phases), given)


def run(
    project: Project,
    phases: Sequence[str] = (),
    parameters: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    *,
    force: Iterable[str] = (),
) -> PipelineResult:
    """Bring phases (default: all) up to date as one pipeline run.

    Each parameter goes to every phase that declares it. Phases that are up to date hand on what they
    wrote before. What needs a phase that does not finish is skipped; the rest goes on.

    Parameters
    ----------
    force : iterable of str
        Phases that run even if they are up to date.

    Raises
    ------
    UsageError
        For an unknown phase or parameter or an ill-typed value, before anything is started.
    """
    ordered = order(project, phases)
    given = share_out(project, ordered, parameters or {})
    configs = {name: project.phase(name) for name in ordered}
    pipeline = PipelineRun(project, configs, given, progress or Quiet(), forced=frozenset(force))
    return pipeline.run()


def run_notebook(
    project: Project,
    path: Path,
    parameters: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> PipelineResult:
    """Run a notebook that is no phase: always, and nobody reads by default what it writes.

    Raises
    ------
    NotebookError
        When there is no such notebook.
    UsageError
        For an unknown parameter or an ill-typed value.
    """
    given = parameters_of.check_all(path, parameters or {})
    name = phase_name(project, path)
    config = PhaseConfig(notebook=os.path.relpath(path, project.root))
    pipeline = PipelineRun(project, {name: config}, {name: given}, progress or Quiet(), adhoc=True)
    return pipeline.run()


def phase_name(project: Project, path: Path) -> str:
    """The phase whose notebook this is; else a name made of the file's, which no phase has."""
    resolved = path.resolve()
    for name, phase in project.config.phases.items():
        if (project.root / phase.notebook).resolve() == resolved:
            return name
    plain = "".join(sign if sign.isascii() and sign.isalnum() else "-" for sign in path.stem.lower())
    name = plain.strip("-") or "notebook"
    return f"{name}-notebook" if name in project.config.phases or name == runs.PIPELINE else name


def run_within(
    phase: Phase,
    phases: Sequence[str],
    parameters: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> PipelineResult:
    """Run phases from inside a notebook, as a pipeline run nested in its run.

    It reads what the surrounding pipeline run wrote. What it writes itself is not what later runs
    read by default. From a draft, everything that it writes is part of that draft. All of it runs,
    and what it depends on becomes part of what the notebook's own run depends on.

    Raises
    ------
    RunError
        When one of the phases does not finish.
    """
    project = phase.project
    with contexts.accounted():  # the nested runs record what they read, and hand that on below
        ordered = order(project, phases)
        given = share_out(project, ordered, parameters or {})
        configs = {name: project.phase(name) for name in ordered}
        pipeline = PipelineRun(project, configs, given, progress or for_notebooks(), within=phase.context)
        result = pipeline.run()
    if result.status != "finished":
        last = next(item for item in result.phases if item.status not in (*OVER, "skipped"))
        raise RunError(f"nested phase {last.phase!r} {last.status}; its report: {last.report}")
    written = {item.name for outcome in pipeline.outcomes for item in outcome.record.writes}
    for outcome in pipeline.outcomes:
        _take_over(phase.context, outcome, {*ordered, *written})
    return result


def _take_over(context: RunContext, nested: Outcome, written: set[str]) -> None:
    """What a nested run depends on, its surrounding run depends on as well."""
    contexts.append(context, "code", {nested.manifest.notebook: nested.manifest.code_hash})
    contexts.append(context, "code", nested.manifest.code)
    for item in nested.manifest.inputs:
        if not (item.kind in ("dataset", "models", "facts") and item.name in written):
            contexts.append(context, "input", item.model_dump())
    for told in nested.manifest.unaccounted:
        contexts.append(context, "unaccounted", told)


def _declared(project: Project, phases: Sequence[str]) -> dict[str, dict[str, parameters_of.Parameter]]:
    return {
        name: parameters_of.read_parameters(project.root / project.phase(name).notebook) for name in phases
    }
