"""The first champion of a backtest: made alike in all worlds, and in front whatever its gates say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workbench import registry
from workbench.errors import PromotionRefused, RunError, UsageError
from workbench.monitoring.backtest.history import Plan
from workbench.monitoring.backtest.trainings import Trainings
from workbench.monitoring.retraining import Situation, decide
from workbench.monitoring.retraining.steps import given
from workbench.project import Project
from workbench.registry import ModelVersion, Validation
from workbench.store.clock import Clock

__all__ = ["First", "put_in_front"]

_REASON = "the first champion of a backtest: trained as of its first day, and promoted whatever its gates say"


@dataclass(frozen=True)
class First:
    """How the first champion of all worlds is made: as the project's ``[retraining]`` says on the first day.

    Attributes
    ----------
    until : datetime
        It learns from what was known by then.
    """

    phases: tuple[str, ...]
    parameters: Mapping[str, Any]
    until: datetime

    @classmethod
    def of(cls, project: Project, plan: Plan) -> First:
        """What the project says.

        Raises
        ------
        UsageError
            No phase takes ``as_of``: it would learn from what is yet to come.
        """
        config = project.config
        at_once = {"trigger": ("schedule",), "cooldown": None, "minimum_labels": 0}
        policy = config.retraining.model_copy(update=at_once)
        about: Any = {"now": plan.began, "situation": Situation(scheduled=True)}
        decision = decide((), retraining=policy, monitoring=config.monitoring, **about)
        parameters = given(project, decision.parameters)
        if "as_of" not in parameters:
            raise UsageError(
                f"none of the phases {', '.join(policy.phases)} takes a parameter as_of: each would learn "
                "from what is yet to come"
            )
        return cls(policy.phases, parameters, decision.train_until)


def put_in_front(project: Project, first: First, trainings: Trainings, clock: Clock) -> str:
    """Train the first champion in a world, and make it that; what there is to say of it.

    Raises
    ------
    RunError
        None came of what was known by then: without one no policy has anything to decide upon.
    """
    done = trainings(project, first.phases, first.parameters)
    if done.status != "finished":
        failed = next((phase for phase in done.phases if phase.status == "failed"), None)
        said = f"{failed.phase} failed: {failed.why}" if failed else done.status
        raise _none(first, said)
    runs = {phase.run_id for phase in done.phases}
    version = next((each for each in registry.list_versions(project) if each.tag("run_id") in runs), None)
    if version is None:
        raise _none(first, "the phases finished, and registered no version")
    try:
        registry.promote(project, version.version, reason=_REASON, force=True, clock=clock)
    except PromotionRefused as error:
        raise _none(first, error.message) from None
    return _said_of(project, version, first)


def _none(first: First, why: str) -> RunError:
    return RunError(
        f"no first champion came of what was known before {first.until:%Y-%m-%d}: {why}; "
        "begin on a later day (--from), or mend that"
    )


def _said_of(project: Project, version: ModelVersion, first: First) -> str:
    validation = Validation.from_dict(registry.evidence(version, project))
    learnt = f"v{version.version}, which learnt from what was known before {first.until:%Y-%m-%d}"
    if validation.verdict == "passed":
        return f"{learnt}, passed its gates."
    hindering = [f"{gate.name}: {gate.why}" for gate in validation.gates if gate.verdict != "passed"]
    return f"{learnt}, was promoted although its gates were {validation.verdict}: {'; '.join(hindering)}."
