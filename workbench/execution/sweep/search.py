"""What a search looks for: objectives, the space, constraints, and for how long."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from workbench.errors import UsageError
from workbench.execution.sweep.space import Domain
from workbench.execution.sweep.target import Target
from workbench.execution.sweep.trials import Objective
from workbench.tracking import environment, studies

__all__ = ["Constraint", "Search"]

_CONSTRAINT = re.compile(r"\s*([A-Za-z_][\w./-]*)\s*(<=|>=)\s*(\S+)\s*")


@dataclass(frozen=True)
class Constraint:
    """A bound on a metric that the trials log, such as ``latency_ms<=20``."""

    metric: str
    at_most: bool
    bound: float

    @classmethod
    def parse(cls, text: str) -> Constraint:
        """Read ``metric<=number`` or ``metric>=number``.

        Raises
        ------
        UsageError
            It is neither.
        """
        match = _CONSTRAINT.fullmatch(text)
        try:
            bound = float(match[3]) if match else math.nan
        except ValueError:
            bound = math.nan
        if match is None or not math.isfinite(bound):
            raise UsageError(
                f"constraint {text!r} is none: it is a metric, <= or >=, and a number, as in latency_ms<=20"
            )
        return cls(match[1], match[2] == "<=", bound)

    def __str__(self) -> str:
        return f"{self.metric}{'<=' if self.at_most else '>='}{self.bound:g}"

    def excess(self, value: float) -> float:
        """By how much a value is beyond the bound; 0 or less when it holds."""
        return value - self.bound if self.at_most else self.bound - value


@dataclass(frozen=True)
class Search:
    """What to look for, where, and for how long.

    Attributes
    ----------
    fixed : dict
        Parameters that are the same for all trials; those named in ``during`` only make trials cheaper.
    trials : int
        How many the study is to have in all, those of other processes and of earlier commands included.
    pruner : str
        One of :data:`~workbench.tracking.studies.PRUNERS`; empty when no trial ends early.
    study : str
        Its name; empty for one that is made of what is searched for, and by which code.
    """

    objectives: tuple[Objective, ...]
    domains: dict[str, Domain]
    fixed: dict[str, Any] = field(default_factory=dict)
    during: tuple[str, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    trials: int = 50
    pruner: str = "median"
    seed: int = 0
    study: str = ""

    def __post_init__(self) -> None:
        if not self.domains:
            raise UsageError(
                "there is nothing to search: give a domain, as in -p 'learning_rate=log(0.01..0.3)', "
                "or declare [tune.…] space in workbench.toml"
            )
        if not self.objectives:
            raise UsageError("there is no objective: --maximize METRIC or --minimize METRIC")
        names = [objective.metric for objective in self.objectives]
        if len(set(names)) < len(names):
            raise UsageError(f"an objective is given twice: {', '.join(names)}")
        if both := set(self.domains) & set(self.fixed):
            raise UsageError(f"parameter {min(both)!r} cannot be fixed and searched for at once")
        if self.pruner:
            studies.pruner(self.pruner)

    def examples(self) -> dict[str, Any]:
        """A value of each domain."""
        return {name: domain.at(0.0) for name, domain in self.domains.items()}

    def spec(self, target: Target, own: Sequence[str]) -> dict[str, Any]:
        """All that makes values comparable, as JSON holds it: what is measured, where, by which code."""
        code = {
            name: environment.code_hash(target.project.root / target.phases[name].notebook) for name in own
        }
        return {
            "code": code,
            "objectives": [objective.model_dump() for objective in self.objectives],
            "space": {name: str(domain) for name, domain in self.domains.items()},
            "fixed": json.loads(json.dumps(self.fixed, default=str, sort_keys=True)),
            "constraints": [str(constraint) for constraint in self.constraints],
        }
