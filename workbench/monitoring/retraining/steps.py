"""A retraining, step by step: trained, validated, in the champion's shadow, decided.

Each call goes as far as it can. Killed at any moment and called again, it goes on where it was: every step is
on record before the next (:mod:`~workbench.monitoring.retraining.record`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from workbench import registry
from workbench.errors import PromotionRefused
from workbench.execution import pipeline
from workbench.execution.progress import PipelineResult, Progress
from workbench.monitoring.findings import WindowFinding
from workbench.monitoring.retraining import record
from workbench.monitoring.retraining.explaining import explain
from workbench.monitoring.retraining.record import Outcome, Retraining
from workbench.monitoring.retraining.shadowing import Shadowed, judge_shadow, waiting
from workbench.project import Project
from workbench.registry import LedgerEntry, ModelVersion, Validation
from workbench.registry.aliases import CHAMPION, is_shadow
from workbench.registry.gates.validation import plain
from workbench.store import backlog
from workbench.store.clock import Clock
from workbench.store.database import Database
from workbench.tracking import environment

__all__ = ["Steps", "given"]


def given(project: Project, days: dict[str, str]) -> dict[str, Any]:
    """What the phases are given: the policy's parameters, and of the ``days`` those that a phase declares.

    Raises
    ------
    UsageError
        No phase takes one of the policy's parameters, or a phase is not there. Nothing was started.
    """
    policy = project.config.retraining
    phases = pipeline.order(project, policy.phases)
    taken = pipeline.parse_parameters(project, phases, {}, days)
    parameters = {**taken, **policy.parameters}
    pipeline.share_out(project, phases, parameters)
    return parameters


@dataclass(frozen=True)
class Steps:
    """One retraining that goes on, under a lease that its caller holds.

    Attributes
    ----------
    findings : sequence of WindowFinding
        What the monitor has recorded by now.
    """

    project: Project
    database: Database
    findings: Sequence[WindowFinding]
    clock: Clock
    progress: Progress | None = None

    def go_on(self, item: Retraining) -> Retraining:
        """Take steps until one has to wait, or everything is decided."""
        steps = {"training": self._train, "validated": self._validated, "shadowing": self._shadowing}
        while item.status != "decided":
            before, item = item, steps[item.status](item)
            if item.status == before.status:
                break
        return item

    def shadowed(self, item: Retraining) -> Shadowed:
        """How the challenger has fared in the champion's shadow so far."""
        assert item.version is not None
        return judge_shadow(self.findings, item.version, item.champion)

    def waits_for(self, item: Retraining) -> str:
        """What a challenger in the shadow waits for; empty when it may be decided on."""
        since = self._entry(item, shadow=True)
        begun = since.at if since is not None else item.updated_at
        return waiting(self.project.config.retraining, self.shadowed(item), begun, self.clock.now())

    def _train(self, item: Retraining) -> Retraining:
        """Run the phases; those that a killed call has finished are up to date."""
        policy, decision = self.project.config.retraining, item.called_for
        parameters = given(self.project, decision.parameters)
        result = pipeline.run(self.project, policy.phases, parameters, self.progress)
        if result.status == "killed":
            return item
        told = {"reports": {phase.phase: phase.report for phase in result.phases if phase.report}}
        if result.status == "failed":
            return self._decide(item, "failed", _failure(result), told, run_id=result.run_id)
        version = self._registered(result)
        if version is None:
            why = f"{', '.join(policy.phases)} finished, and registered no version."
            return self._decide(item, "failed", why, told, run_id=result.run_id)
        with self.database.write() as connection:
            return record.advance(
                connection,
                item,
                "validated",
                self.clock.now(),
                told,
                run_id=version.tag("pipeline_run_id") or result.run_id,
                version=version.version,
            )

    def _registered(self, result: PipelineResult) -> ModelVersion | None:
        """The version that one of these phases has registered, in this call or in one that was killed."""
        by = {phase.run_id for phase in result.phases}
        versions = registry.list_versions(self.project)
        return next((version for version in versions if version.tag("run_id") in by), None)

    def _validated(self, item: Retraining) -> Retraining:
        policy = self.project.config.retraining
        if (over := self._taken_out_of_hand(item)) is not None:
            return over
        validation = self._validation(item)
        if why := self._unfair(item, validation):
            return self._decide(item, "refused", f"{item.reason} {why}", asks=True)
        if validation.verdict != "passed":  # which is on the backlog since it was registered
            return self._decide(item, "refused", explain(item.called_for, validation, promoted=False))
        if policy.shadows and item.champion is not None:
            return self._shadow(item)
        if policy.action == "promote":
            return self._promote(item, validation, None)
        return self._decide(item, "proposed", explain(item.called_for, validation, promoted=False), asks=True)

    def _shadow(self, item: Retraining) -> Retraining:
        held = registry.get_version(self.project, item.version or 0).aliases
        if not any(map(is_shadow, held)):
            try:
                registry.promote(
                    self.project, item.version or 0, to="shadow", reason=self._reason(item), clock=self.clock
                )
            except PromotionRefused as error:
                return self._decide(item, "refused", f"{item.reason} {error.message}.", asks=True)
        with self.database.write() as connection:
            return record.advance(connection, item, "shadowing", self.clock.now())

    def _shadowing(self, item: Retraining) -> Retraining:
        if (over := self._taken_out_of_hand(item)) is not None:
            return over
        if self.waits_for(item):
            return item
        shadowed, validation = self.shadowed(item), self._validation(item)
        if shadowed.verdict != "ok":
            told = explain(item.called_for, validation, promoted=False, shadowed=shadowed)
            return self._decide(item, "refused", told, asks=shadowed.verdict == "inconclusive")
        if self.project.config.retraining.action == "promote":
            return self._promote(item, validation, shadowed)
        told = explain(item.called_for, validation, promoted=False, shadowed=shadowed)
        return self._decide(item, "proposed", told, asks=True)

    def _promote(self, item: Retraining, validation: Validation, shadowed: Shadowed | None) -> Retraining:
        """Promote it in place of the champion that it was held against, and of no other."""
        told = explain(item.called_for, validation, promoted=True, shadowed=shadowed)
        try:
            registry.promote(
                self.project,
                item.version or 0,
                reason=self._reason(item),
                instead_of=item.champion,
                clock=self.clock,
            )
        except PromotionRefused as error:  # such as one that has not been approved yet
            return self._decide(item, "proposed", f"{item.reason} {error.message}.", asks=True)
        return self._decide(item, "promoted", told)

    def _taken_out_of_hand(self, item: Retraining) -> Retraining | None:
        """The end of a retraining that the ledger has decided: by a call that was killed, or by a person."""
        entry = self._entry(item)
        if entry is not None:
            ours = entry.reason == self._reason(item)
            told = explain(
                item.called_for, self._validation(item), promoted=True, shadowed=self._shadowed_if_any(item)
            )
            by = "" if ours else f" {entry.who} promoted it: {entry.reason}."
            return self._decide(item, "promoted", f"{told}{by}")
        present = registry.current(self.project, CHAMPION)
        if present != item.champion:
            was, now = (f"v{number}" if number else "nobody" for number in (item.champion, present))
            why = f"It was held against {was}, but champion is {now} by now: retrain again."
            return self._decide(item, "refused", f"{item.reason} {why}")
        return None

    def _shadowed_if_any(self, item: Retraining) -> Shadowed | None:
        return self.shadowed(item) if item.status == "shadowing" else None

    def _entry(self, item: Retraining, *, shadow: bool = False) -> LedgerEntry | None:
        """The ledger's newest entry that made it champion, or a shadow."""
        return next(
            (
                entry
                for entry in reversed(registry.ledger(self.project))
                if entry.to_version == item.version
                and (is_shadow(entry.alias) if shadow else entry.alias == CHAMPION)
            ),
            None,
        )

    def _validation(self, item: Retraining) -> Validation:
        version = registry.get_version(self.project, item.version or 0)
        return Validation.from_dict(registry.evidence(version, self.project))

    def _unfair(self, item: Retraining, validation: Validation) -> str:
        """Why its figures say nothing: rows that it learnt from, or outcomes that were not known yet."""
        version = registry.get_version(self.project, item.version or 0)
        learnt, start, end = version.trained_until, validation.start, validation.end
        if learnt is not None and start is not None and start < learnt:
            return (
                f"{version} learnt from what was known by {learnt:%Y-%m-%d}, and was judged on rows before."
            )
        if end is not None and end > self.clock.now():
            return f"{version} was judged on rows up to {end:%Y-%m-%d}, which is yet to come."
        return ""

    def _decide(
        self,
        item: Retraining,
        decision: Outcome,
        told: str,
        evidence: dict[str, Any] | None = None,
        *,
        asks: bool = False,
        **changes: Any,
    ) -> Retraining:
        """Write down what became of it; whatever asks for a person is on the backlog in the same moment."""
        now = self.clock.now()
        more = {**(evidence or {}), "explanation": told}
        if item.status == "shadowing":
            more["shadow"] = plain(self.shadowed(item).__dict__)
        if decision == "refused":
            self._retire(item)
        with self.database.write() as connection:
            if asks or decision == "failed":
                self._ask(connection, item, decision, told)
            changes |= {"decision": decision, "decided_at": now}
            return record.advance(connection, item, "decided", now, more, **changes)

    def _retire(self, item: Retraining) -> None:
        """A challenger that was refused answers nobody any longer, not even in the shadow."""
        if item.version and any(map(is_shadow, registry.get_version(self.project, item.version).aliases)):
            registry.retire(self.project, item.version, reason=self._reason(item), clock=self.clock)

    def _ask(self, connection: Connection, item: Retraining, decision: Outcome, told: str) -> None:
        subject = f"{item.model} v{item.version}" if item.version else item.model
        backlog.add(
            connection,
            self.project.name,
            f"retraining {item.id} {decision}: {told}",
            by=environment.who(),
            at=self.clock.now(),
            kind="review",
            subject=subject,
            links=tuple(f"run {item.run_id}" for _ in range(bool(item.run_id))),
            once=("retraining", item.model, item.id),
        )

    def _reason(self, item: Retraining) -> str:
        return f"retraining {item.id}: {item.trigger.replace('_', ' ')} in {', '.join(item.called_for.cause)}"


def _failure(result: PipelineResult) -> str:
    failed = next(phase for phase in result.phases if phase.status == "failed")
    return f"No challenger was trained: {failed.why}."
