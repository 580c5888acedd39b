"""A pipeline run: phases in the order of their needs, each handed what the earlier ones wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from workbench.data.tables import DatasetVersion
from workbench.errors import ParameterError, RunError, UnknownName, WorkbenchError
from workbench.execution import notebook, runner
from workbench.execution.progress import PhaseResult, PipelineResult, Progress, Quiet
from workbench.project import Project
from workbench.tracking import runs
from workbench.tracking.context import RunContext
from workbench.tracking.models import TrainedModel
from workbench.tracking.phase import Phase

__all__ = ["order", "parse_parameters", "run", "run_within"]


class _State:
    """What the phases of one pipeline run have written so far."""

    def __init__(self, parent: RunContext | None = None) -> None:
        self.inputs: dict[str, DatasetVersion] = dict(parent.inputs) if parent else {}
        self.models: dict[str, TrainedModel] = dict(parent.models) if parent else {}
        self.facts: dict[str, dict[str, Any]] = dict(parent.facts) if parent else {}


def order(project: Project, names: Sequence[str] = ()) -> list[str]:
    """The given phases (default: all) so that each comes after what it needs.

    Raises
    ------
    UnknownName
        For a phase that the project does not have.
    """
    for name in names:
        project.phase(name)
    graph = {name: phase.needs for name, phase in project.config.phases.items()}
    ordered = list(TopologicalSorter(graph).static_order())
    return [name for name in ordered if not names or name in names]


def parse_parameters(project: Project, phases: Sequence[str], given: Mapping[str, str]) -> dict[str, Any]:
    """Values typed on the command line, as the phases that take them declare their types.

    Raises
    ------
    UnknownName
        When none of the phases declares such a parameter.
    ParameterError
        When a value has the wrong type.
    """
    declared = _declared(project, phases)
    values = {}
    for name, text in given.items():
        takers = [parameters[name] for parameters in declared.values() if name in parameters]
        if not takers:
            known = [known for parameters in declared.values() for known in parameters]
            raise UnknownName("parameter", name, known, where=f"phase {', '.join(phases)}")
        parsed = [notebook.parse(taker, text) for taker in takers]
        if any(type(value) is not type(parsed[0]) for value in parsed):
            raise ParameterError(
                f"parameter {name!r} has another type in different phases; run them one by one"
            )
        values[name] = parsed[0]
    return values


def run(
    project: Project,
    phases: Sequence[str] = (),
    parameters: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> PipelineResult:
    """Run phases (default: all) as one pipeline run.

    Each parameter goes to every phase that declares it. A phase that does not finish ends the run:
    what comes after it is skipped.

    Raises
    ------
    UsageError
        For an unknown phase or parameter or an ill-typed value, before anything is started.
    """
    return _run(project, phases, parameters or {}, progress or Quiet(), within=None)


def run_within(
    phase: Phase,
    phases: Sequence[str],
    parameters: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> PipelineResult:
    """Run phases from inside a notebook, as a pipeline run nested in its run.

    It reads what the surrounding pipeline run wrote. What it writes itself is not what later runs
    read by default. From a draft, everything that it writes is part of that draft.

    Raises
    ------
    RunError
        When one of the phases does not finish.
    """
    result = _run(phase.project, phases, parameters or {}, progress or Quiet(), within=phase.context)
    if result.status != "finished":
        last = next(item for item in result.phases if item.status not in ("finished", "skipped"))
        raise RunError(f"nested phase {last.phase!r} {last.status}; its report: {last.report}")
    return result


def _declared(project: Project, phases: Sequence[str]) -> dict[str, dict[str, notebook.Parameter]]:
    return {name: notebook.read_parameters(project.root / project.phase(name).notebook) for name in phases}


def _share_out(
    project: Project, phases: Sequence[str], given: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """The parameters of each phase, checked, out of those given for all."""
    declared = _declared(project, phases)
    for name in given:
        if not any(name in parameters for parameters in declared.values()):
            known = [known for parameters in declared.values() for known in parameters]
            raise UnknownName("parameter", name, known, where=f"phase {', '.join(phases)}")
    return {
        phase: {
            name: notebook.check(parameters[name], value)
            for name, value in given.items()
            if name in parameters
        }
        for phase, parameters in declared.items()
    }


def _run(
    project: Project,
    names: Sequence[str],
    given: Mapping[str, Any],
    progress: Progress,
    within: RunContext | None,
) -> PipelineResult:
    ordered = order(project, names)
    parameters = _share_out(project, ordered, given)
    draft = within is not None and within.draft
    run_id = runs.start(
        project, runs.PIPELINE, draft=draft, parent=within.run_id if within else "", params=dict(given)
    )
    state = _State(within)
    results: list[PhaseResult] = []
    status = "failed"
    try:
        for name in ordered:
            context = _context(project, name, run_id, parameters[name], state, within)
            results.append(_run_one(project, context, parameters[name], state, progress))
            if results[-1].status != "finished":
                break
        status = _overall(results)
    except KeyboardInterrupt:
        status = "killed"
    finally:
        runs.end(project, run_id, status)
    for name in ordered[len(results) :]:
        results.append(PhaseResult(name, "skipped"))
        progress.phase_ended(results[-1])
    return PipelineResult(run_id, _overall(results, status), tuple(results), state.facts)


def _overall(results: Sequence[PhaseResult], status: str = "finished") -> Any:
    for result in results:
        if result.status in ("failed", "killed"):
            return result.status
    return status


def _context(
    project: Project,
    phase: str,
    pipeline_run_id: str,
    parameters: Mapping[str, Any],
    state: _State,
    within: RunContext | None,
) -> RunContext:
    draft = within is not None and within.draft
    run_id = runs.start(project, phase, draft=draft, parent=pipeline_run_id, params=dict(parameters))
    folder = (
        within.folder / f"{phase}-{run_id[:8]}" if within and draft else runner.work_folder(project, run_id)
    )
    return RunContext(
        project_root=project.root,
        phase=phase,
        run_id=run_id,
        pipeline_run_id=pipeline_run_id,
        draft=draft,
        default=within is None,
        data_root=within.data_root if within and draft else project.data_uri,
        folder=Path(folder),
        inputs=state.inputs,
        models=state.models,
        facts=state.facts,
    )


def _run_one(
    project: Project, context: RunContext, parameters: Mapping[str, Any], state: _State, progress: Progress
) -> PhaseResult:
    try:
        outcome = runner.run_phase(project, context, parameters, progress)
    except (WorkbenchError, KeyboardInterrupt) as error:
        status = "killed" if isinstance(error, KeyboardInterrupt) else "failed"
        runs.end(project, context.run_id, status)
        raise
    finally:
        runner.clear(context)
    state.inputs.update({item.name: item for item in outcome.record.writes})
    if outcome.record.models:
        state.models = {model.name: model for model in outcome.record.models}
    state.facts[context.phase] = outcome.manifest.notes
    result = PhaseResult(
        phase=context.phase,
        status=outcome.manifest.status,
        run_id=context.run_id,
        seconds=round(outcome.manifest.seconds, 3),
        report=str(outcome.report),
    )
    progress.phase_ended(result)
    return result
