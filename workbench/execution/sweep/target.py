"""What a sweep runs: a phase, a chain of them, or a notebook that is no phase."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.config import PhaseConfig
from workbench.errors import ProjectNotFound, UnknownName, UsageError
from workbench.execution import pipeline, plan
from workbench.execution.notebook import parameters as parameters_of
from workbench.execution.notebook.parameters import Parameter
from workbench.execution.sweep.trials import Objective
from workbench.project import Project, open_project
from workbench.tracking.metrics import LOWER_IS_BETTER

__all__ = ["Target", "of_notebook", "of_phases"]


@dataclass(frozen=True)
class Target:
    """The notebooks that a trial is made of, in the order in which they run.

    Attributes
    ----------
    phases : dict
        Name to notebook and limits.
    declared : dict
        Name to the parameters that its notebook declares.
    adhoc : bool
        Whether it is one notebook that is no phase of the project.
    """

    project: Project
    phases: dict[str, PhaseConfig]
    declared: dict[str, dict[str, Parameter]]
    adhoc: bool = False

    @property
    def name(self) -> str:
        """What the sweep is named after: the last of its phases."""
        return next(reversed(self.phases))

    @property
    def objective(self) -> Objective | None:
        """The project's primary metric, if it declares one."""
        declared = self.project.config.objective
        if declared is None:
            return None
        metric = declared.primary_metric
        return Objective(metric=metric, maximize=metric not in LOWER_IS_BETTER)

    def parameter(self, name: str) -> Parameter:
        """The first declaration of a parameter.

        Raises
        ------
        UnknownName
            None of the notebooks declares it.
        """
        for parameters in self.declared.values():
            if name in parameters:
                return parameters[name]
        known = (known for parameters in self.declared.values() for known in parameters)
        raise UnknownName("parameter", name, known, where=", ".join(self.phases))

    def takes_apart(self, varied: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The phases that are the same for all trials, and those that each trial runs for itself.

        A phase is a trial's own when it declares a parameter that varies, or needs one that does.
        """
        varying = set(varied)
        own: list[str] = []
        for name, phase in self.phases.items():
            if varying & set(self.declared[name]) or set(own) & _all_needs(self.phases, phase):
                own.append(name)
        return tuple(name for name in self.phases if name not in own), tuple(own)

    def share_out(self, names: Sequence[str], given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """The parameters of each of these phases out of those given for all, checked.

        Raises
        ------
        ParameterError
            When one has the wrong type, or one that is required is missing.
        """
        known = {parameter for name in names for parameter in self.declared[name]}
        mine = {parameter: value for parameter, value in given.items() if parameter in known}
        return parameters_of.share_out({name: self.declared[name] for name in names}, mine)

    def bounded(self, **limits: Any) -> Target:
        """The same, each notebook held to other limits; None leaves what is declared."""
        changed = {name: value for name, value in limits.items() if value is not None}
        phases = {name: phase.model_copy(update=changed) for name, phase in self.phases.items()}
        return Target(self.project, phases, self.declared, self.adhoc)


def _all_needs(phases: Mapping[str, PhaseConfig], phase: PhaseConfig) -> set[str]:
    found: set[str] = set()
    waiting = list(phase.needs)
    while waiting:
        need = waiting.pop()
        if need not in found:
            found.add(need)
            waiting += phases[need].needs if need in phases else ()
    return found


def of_phases(project: Project, names: Sequence[str]) -> Target:
    """Phases of a project, in the order of their needs; first comes what they need and never finished.

    Raises
    ------
    UnknownName
        For a phase that the project does not have.
    """
    ordered = plan.order(project, names)
    ordered = plan.order(project, {*ordered, *plan.missing_needs(project, ordered)})
    phases = {name: project.phase(name) for name in ordered}
    declared = {
        name: parameters_of.read_parameters(project.root / phase.notebook) for name, phase in phases.items()
    }
    return Target(project, phases, declared)


def of_notebook(path: Path) -> Target:
    """Any notebook, in the project around it if there is one.

    Raises
    ------
    NotebookError
        There is no such notebook, or it cannot be read.
    """
    declared = parameters_of.read_parameters(path)
    try:
        project = open_project(path.resolve().parent)
    except ProjectNotFound:
        project = Project.around(path.resolve().parent)
    name = pipeline.phase_name(project, path)
    if name in project.config.phases:
        return of_phases(project, [name])
    if not declared:
        raise UsageError(f"{path} declares no parameters: tag the cell with its settings 'parameters'")
    phase = PhaseConfig(notebook=os.path.relpath(path.resolve(), project.root))
    return Target(project, {name: phase}, {name: declared}, adhoc=True)
