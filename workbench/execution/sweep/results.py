"""What came of a sweep or a search, put together for whoever looks: its report, a notebook, a command."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Any

from workbench.errors import UnknownName
from workbench.execution.sweep import trials
from workbench.execution.sweep.study import KeptStudy
from workbench.execution.sweep.trials import Objective, Sweep, Tried
from workbench.project import Project, open_project

if TYPE_CHECKING:
    from optuna import Study

__all__ = ["Results", "in_words", "load"]

_SHOWN = 5


@dataclass(frozen=True)
class Results:
    """A sweep with its trials, as they are now.

    Attributes
    ----------
    sweep : Sweep
        What it was asked to do.
    kept : KeptStudy or None
        Of a search, the study.
    """

    project: Project
    sweep: Sweep
    kept: KeptStudy | None = None

    @cached_property
    def tried(self) -> list[Tried]:
        return self.kept.tried() if self.kept else trials.read(self.project, self.sweep)

    @property
    def objectives(self) -> tuple[Objective, ...]:
        return self.sweep.objectives

    @property
    def varied(self) -> list[str]:
        return list(self.sweep.varied)

    @property
    def study(self) -> Study | None:
        """Optuna's study, of a search."""
        return self.kept.study if self.kept else None

    @cached_property
    def best(self) -> list[Tried]:
        """The best trial, or the Pareto front; empty when no trial has what is searched for."""
        if self.kept is not None:
            return self.kept.best()
        first = trials.best(self.tried, self.objectives[0]) if self.objectives else None
        return [first] if first else []

    @property
    def count(self) -> str:
        """How many trials, in words."""
        return "1 trial" if len(self.tried) == 1 else f"{len(self.tried):,} trials"

    def counts(self) -> dict[str, int]:
        """How many trials have which status."""
        found: dict[str, int] = {}
        for trial in self.tried:
            found[trial.status] = found.get(trial.status, 0) + 1
        return found

    @property
    def judged(self) -> str:
        """On which rows the trials judged themselves."""
        found = {
            f"{rows.name}: {rows.rows:,} rows" + (f", {rows.first} to {rows.last}" if rows.first else "")
            for trial in self.tried
            for rows in trial.judged
            if not rows.gates
        }
        if not found:
            return "The notebook does not say on which rows it judged: phase.judged_on(rows, name) would."
        return "; ".join(sorted(found))

    @property
    def next(self) -> str:
        """The commands that take the best trials on."""
        known = set(self.sweep.own) <= set(self.project.config.phases)
        what = shlex.join(self.sweep.own if known else self.sweep.phases.values())
        runs = [trial.run_ids[-1][:8] for trial in self.best[:_SHOWN] if trial.run_ids]
        return "\n".join(f"workbench run {what} --from-trial {run}" for run in runs)

    def summary(self) -> str:
        """One line: how many trials, how they ended, the best."""
        counts = ", ".join(f"{count} {status}" for status, count in sorted(self.counts().items()))
        said = f"{self.count} of {' → '.join(self.sweep.own)}: {counts or 'none'}"
        if len(self.best) == 1:
            (found,) = self.best
            values = ", ".join(f"{one.metric} {found.value(one.metric):.4g}" for one in self.objectives)
            said += f"; best #{found.number}: {values} with {in_words(found.parameters)}"
        elif self.best:
            numbers = ", ".join(f"#{trial.number}" for trial in self.best[:_SHOWN])
            wanted = " and ".join(objective.metric for objective in self.objectives)
            said += f"; none beats {numbers} in all of {wanted}"
        return said

    def _repr_html_(self) -> str:
        asked = "; ".join(f"{name} = {domain}" for name, domain in self.sweep.varied.items())
        fixed = f" Fixed: {in_words(self.sweep.fixed)}." if self.sweep.fixed else ""
        held = f" Held to {', '.join(self.sweep.constraints)}." if self.sweep.constraints else ""
        text = f"{self.summary()}. Tried: {asked}.{fixed}{held} Judged on {self.judged}"
        return f"<p>{escape(text)}</p>"


def in_words(parameters: Mapping[str, Any]) -> str:
    """Parameters as people write them."""
    said = {name: f"{value:.4g}" if isinstance(value, float) else value for name, value in parameters.items()}
    return ", ".join(f"{name}={value}" for name, value in said.items())


def load(run: str = "", project: Project | None = None) -> Results:
    """A sweep's results, by its run's id or the beginning of it; by default the newest.

    Raises
    ------
    UnknownName
        There is no such sweep.
    """
    project = project or open_project()
    if run:
        sweep, _ = trials.find(project, run)
    else:
        newest = next(trials.sweeps(project), None)
        if newest is None:
            raise UnknownName(
                "sweep", "", (), where="this project; workbench sweep or workbench tune makes one"
            )
        sweep = newest[0]
    if not sweep.study:
        return Results(project, sweep)
    return Results(project, sweep, KeptStudy(project, sweep.study, sweep.own, sweep.objectives))
