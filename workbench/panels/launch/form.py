"""A notebook's parameters as a form: what may be typed, what was typed, and what that makes.

No widget is in here, so all of it is tested without a browser.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from workbench.errors import WorkbenchError
from workbench.execution import pipeline
from workbench.execution.notebook import parameters
from workbench.execution.notebook.parameters import Parameter
from workbench.execution.progress import PipelineResult, Progress
from workbench.execution.sweep import points, sweeping
from workbench.execution.sweep.loop import Teller
from workbench.execution.sweep.running import SweepResult
from workbench.execution.sweep.target import Target

__all__ = ["Form", "choices", "text_of"]


@dataclass(frozen=True)
class Form:
    """What is to be run, and what was typed for it.

    Attributes
    ----------
    typed : dict
        Parameter to text. What is left as the notebook has it is not given to it.
    several : bool
        Whether it is a sweep: each text may hold several values, ``0.05, 0.1``.
    draws : int
        Of a sweep, how many trials are drawn at random; 0 goes through each value with each.
    force : bool
        Whether it runs, too, when it is up to date.
    """

    target: Target
    typed: dict[str, str] = field(default_factory=dict)
    several: bool = False
    draws: int = 0
    force: bool = False

    @property
    def parameters(self) -> dict[str, Parameter]:
        """All that the notebooks declare, each by its first declaration."""
        found: dict[str, Parameter] = {}
        for declared in self.target.declared.values():
            found = {**declared, **found}
        return found

    @property
    def given(self) -> dict[str, str]:
        """What was typed and is not what the notebook has anyway."""
        known = self.parameters
        return {name: text for name, text in self.typed.items() if text != text_of(known[name])}

    def with_typed(self, name: str, text: str) -> Form:
        """The same form with another text for one parameter."""
        self.target.parameter(name)
        return replace(self, typed={**self.typed, name: text})

    def with_values(self, values: Mapping[str, Any]) -> Form:
        """The same form filled with values of another run; those that nobody declares are left out."""
        known = self.parameters
        texts = {
            name: value if isinstance(value, str) else text_of(replace(known[name], default=value))
            for name, value in values.items()
            if name in known
        }
        return replace(self, typed={**self.typed, **texts})

    @property
    def problems(self) -> dict[str, str]:
        """Parameter to what is wrong with its text, in one line."""
        found = {}
        known = self.parameters
        for name, text in self.given.items():
            try:
                if not self.several:
                    parameters.parse(known[name], text)
                else:
                    points.check(known[name], text, drawn=bool(self.draws))
            except WorkbenchError as error:
                found[name] = error.message
        for name, parameter in known.items():
            if parameter.required and not self.typed.get(name, "").strip():
                found[name] = f"parameter {name!r} has no default: it has to be {parameter.kind.words}"
        return found

    @property
    def values(self) -> dict[str, Any]:
        """The values for one run.

        Raises
        ------
        UsageError
            A text is no value of its parameter.
        """
        shared = parameters.read_all(self.target.declared, self.given, {})
        return {name: value for values in shared.values() for name, value in values.items()}

    @property
    def points(self) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """The parameters of each trial of a sweep, and those that are the same for all (errors as above)."""
        given = [f"{name}={text}" for name, text in self.given.items()]
        count = self.draws or None
        return points.points(self.target, given, paired=False, file=None, count=count, seed=0)

    def run(self, progress: Progress) -> PipelineResult:
        """Run it once, as ``workbench run`` does.

        Raises
        ------
        UsageError
            A text is no value of its parameter; nothing was started.
        """
        project = self.target.project
        if self.target.adhoc:
            (phase,) = self.target.phases.values()
            path = project.root / Path(phase.notebook)
            return pipeline.run_notebook(project, path, self.values, progress)
        force = [self.target.name] if self.force else []
        return pipeline.run(project, [*self.target.phases], self.values, progress, force=force)

    def sweep(self, teller: Teller) -> SweepResult:
        """Run it once for each point, as ``workbench sweep`` does (errors as above)."""
        each, fixed = self.points
        objective = self.target.objective
        return sweeping.sweep(self.target, each, fixed, teller, objective=objective, force=self.force)


def text_of(parameter: Parameter) -> str:
    """A parameter's default as one would type it."""
    value = parameter.default
    if parameter.required:
        return ""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool | int | float):
        return str(value)
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        return str(value)


def choices(parameter: Parameter) -> tuple[str, ...]:
    """What can be chosen from, where there are few values; empty where anything may be typed."""
    found: list[str] = []
    for kind in parameter.kind.alternatives:
        if kind.name == "bool":
            found += ["True", "False"]
        elif kind.name == "literal":
            found += map(str, kind.choices)
        elif kind.name == "None":
            found.append("None")
        else:
            return ()
    return tuple(found)
