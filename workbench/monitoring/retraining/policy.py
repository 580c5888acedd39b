"""The retraining policy applied: what ``workbench retrain`` does, and says beforehand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy.exc import IntegrityError

from workbench import registry
from workbench.config.retraining import Trigger
from workbench.errors import LeaseHeld
from workbench.execution import pipeline
from workbench.execution.progress import Progress
from workbench.monitoring.findings import record as findings
from workbench.monitoring.findings.finding import WindowFinding
from workbench.monitoring.retraining import record
from workbench.monitoring.retraining.calling import called_for, turn
from workbench.monitoring.retraining.deciding import Decision
from workbench.monitoring.retraining.ending import retire_refused
from workbench.monitoring.retraining.record import Retraining
from workbench.monitoring.retraining.steps import Steps, Train, given
from workbench.project import Project
from workbench.registry.aliases import CHAMPION
from workbench.registry.plateau import Plateau, plateau
from workbench.store.clock import Clock
from workbench.store.database import Database, open_database

__all__ = ["Retrained", "retrain", "retrainings"]

_OF_FINDINGS: set[Trigger] = {"performance", "data_drift"}


@dataclass(frozen=True, eq=False)
class Retrained:
    """What came of applying the policy once.

    Attributes
    ----------
    reason : str
        One paragraph with the figures: why nothing was done, how far it is, or what became of it.
    retraining : Retraining or None
        The one that this call began or went on with.
    waits : str
        What it waits for, if it is not decided.
    would : str
        With ``dry_run``: what a call would do now.
    plateau : Plateau or None
        When several challengers in a row have brought no real gain.
    """

    reason: str
    retraining: Retraining | None = None
    waits: str = ""
    would: str = ""
    plateau: Plateau | None = None

    @property
    def status(self) -> Literal["nothing", "training", "validated", "shadowing", "decided"]:
        return self.retraining.status if self.retraining is not None else "nothing"

    def to_dict(self) -> dict[str, Any]:
        return {
            "status": self.status,
            "reason": self.reason,
            "waits": self.waits,
            "would": self.would,
            "retraining": self.retraining.to_dict() if self.retraining is not None else None,
            "plateau": self.plateau.to_dict() if self.plateau is not None else None,
        }


def retrainings(project: Project) -> list[Retraining]:
    """All retrainings of the project's model, the newest first."""
    database = open_database(project)
    try:
        with database.read() as connection:
            return record.read(connection, project.model.name)
    finally:
        database.close()


def retrain(
    project: Project,
    log: str,
    *,
    clock: Clock,
    scheduled: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
    train: Train = pipeline.run,
) -> Retrained:
    """Apply the policy to what the monitor has recorded, and go on with what is under way.

    Killed at any moment and called again, it goes on where it was: no decision is lost, none is made twice.

    Parameters
    ----------
    log : str
        Whose findings and ground truth are looked at: ``Server.log_name``.
    scheduled : bool
        A schedule calls for it, which counts if the policy has that trigger.
    dry_run : bool
        Change nothing, and say what would be done.
    train : callable
        Runs the phases; by default as one pipeline run.

    Raises
    ------
    LeaseHeld
        Another process is at it: a model is retrained once at a time.
    UsageError
        The policy names a phase or a parameter that is not there. Nothing was started.
    """
    database = open_database(project)
    try:
        call = _Call(project, database, log, clock, scheduled, train)
        if dry_run:
            return call.preview()
        with turn(project, database):
            return call.go(progress)
    finally:
        database.close()


@dataclass(frozen=True)
class _Call:
    project: Project
    database: Database
    log: str
    clock: Clock
    scheduled: bool
    train: Train

    def preview(self) -> Retrained:
        item = self._under_way()
        if item is None:
            decision, _ = self._decide()
            if not decision.retrain:
                return Retrained(decision.reason, would="do nothing")
            policy = self.project.config.retraining
            parameters = given(self.project, decision.parameters)
            told = ", ".join(f"{name}={value}" for name, value in parameters.items())
            return Retrained(
                decision.reason,
                would=f"run {', '.join(policy.phases)}{f' with {told}' if told else ''}, then {self._then()}",
            )
        steps = Steps(self.project, self.database, self._findings(), self.clock)
        over = steps.taken_out_of_hand(item) if item.version is not None else None
        if over is not None:
            return Retrained(over[1], item, would=f"end it as {over[0]}")
        waits = steps.waits_for(item) if item.status == "shadowing" else ""
        would = {
            "training": "go on with its phases; those that have finished are up to date",
            "validated": self._then(),
            "shadowing": "wait" if waits else f"decide: its shadow is {steps.shadowed(item).verdict}",
        }
        return Retrained(item.reason, item, waits, would[item.status])

    def go(self, progress: Progress | None) -> Retrained:
        item = self._under_way()
        if item is None:
            self._finish_last()
            decision, champion = self._decide()
            if not decision.retrain:
                return Retrained(decision.reason)
            given(self.project, decision.parameters)
            item = self._begin(decision, champion)
        steps = Steps(self.project, self.database, self._findings(), self.clock, progress, self.train)
        item = steps.go_on(item)
        waits = steps.waits_for(item) if item.status == "shadowing" else ""
        flat = plateau(self.project) if item.status == "decided" else None
        return Retrained(item.explanation, item, waits, plateau=flat)

    def _decide(self) -> tuple[Decision, int | None]:
        """What the policy says, and the champion that it is about."""
        looks = _OF_FINDINGS & set(self.project.config.retraining.trigger)  # else none has to be read
        found, now = self._findings() if looks else [], self.clock.now()
        champion = registry.current(self.project, CHAMPION)
        about = (self.project, self.database, self.log, found, now, champion)
        return called_for(*about, scheduled=self.scheduled), champion

    def _finish_last(self) -> None:
        """What a call that was killed has decided, and not yet done."""
        with self.database.read() as connection:
            last = record.newest(connection, self.project.model.name)
        if last is not None:
            retire_refused(self.project, last, self.clock)

    def _begin(self, decision: Decision, champion: int | None) -> Retraining:
        name = self.project.model.name
        try:
            with self.database.write() as connection:
                return record.begin(connection, name, decision, champion, self.clock.now())
        except IntegrityError:
            raise LeaseHeld(f"somebody else has begun to retrain {name}; nothing was done") from None

    def _findings(self) -> list[WindowFinding]:
        with self.database.read() as connection:
            return list(findings.newest(connection, self.log, self.project.model.name).values())

    def _under_way(self) -> Retraining | None:
        with self.database.read() as connection:
            return record.under_way(connection, self.project.model.name)

    def _then(self) -> str:
        policy = self.project.config.retraining
        first = (
            "if its gates pass, let it answer in the champion's shadow, and then " if policy.shadows else ""
        )
        last = "promote it" if policy.action == "promote" else "ask on the backlog whether to promote it"
        return f"{first or 'if its gates pass, '}{last}"
