"""A retraining, step by step: trained, validated, in the champion's shadow, decided.

Each call goes as far as it can. Killed at any moment and called again, it goes on where it was: every step is
on record before the next (:mod:`~workbench.monitoring.retraining.record`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workbench import registry
from workbench.errors import PromotionRefused
from workbench.execution import pipeline
from workbench.execution.progress import PipelineResult, Progress
from workbench.monitoring.findings.finding import WindowFinding
from workbench.monitoring.retraining import meanwhile, record
from workbench.monitoring.retraining.ending import end
from workbench.monitoring.retraining.explaining import explain
from workbench.monitoring.retraining.record import Outcome, Retraining
from workbench.monitoring.retraining.shadowing import Shadowed, judge_shadow, waiting
from workbench.project import Project
from workbench.registry import ModelVersion, Validation
from workbench.registry.aliases import CHAMPION
from workbench.store.clock import Clock
from workbench.store.database import Database

__all__ = ["Steps", "Train", "given"]

#: Brings phases up to date with parameters, as :func:`workbench.execution.pipeline.run` does.
Train = Callable[[Project, Sequence[str], Mapping[str, Any], Progress | None], PipelineResult]


def given(project: Project, days: dict[str, str]) -> dict[str, Any]:
    """What the phases are given: the policy's parameters, and of the ``days`` those that a phase declares.

    Raises
    ------
    UsageError
        No phase takes one of the policy's parameters, or a phase is not there. Nothing was started.
    """
    policy = project.config.retraining
    phases = pipeline.order(project, policy.phases)
    declared = pipeline.parse_parameters(project, phases, {}, {**days, **policy.parameters})
    parameters = {**declared, **policy.parameters}
    pipeline.share_out(project, phases, parameters)
    return parameters


@dataclass(frozen=True)
class Steps:
    """One retraining that goes on, under a lease that its caller holds.

    Attributes
    ----------
    findings : sequence of WindowFinding
        What the monitor has recorded by now.
    train : callable
        Runs the phases.
    """

    project: Project
    database: Database
    findings: Sequence[WindowFinding]
    clock: Clock
    progress: Progress | None = None
    train: Train = pipeline.run

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
        monitoring = self.project.config.monitoring
        return judge_shadow(self.findings, item.version, item.champion, monitoring)

    def waits_for(self, item: Retraining) -> str:
        """What a challenger in the shadow waits for; empty when it may be decided on."""
        since = meanwhile.made_shadow(self.project, item.version or 0)
        begun = since.at if since is not None else item.updated_at
        return waiting(self.project.config.retraining, self.shadowed(item), begun, self.clock.now())

    def _train(self, item: Retraining) -> Retraining:
        """Run the phases; those that a killed call has finished are up to date."""
        policy, decision = self.project.config.retraining, item.called_for
        parameters = given(self.project, decision.parameters)
        result = self.train(self.project, policy.phases, parameters, self.progress)
        if result.status == "killed":
            return item
        told = {"reports": {phase.phase: phase.report for phase in result.phases if phase.report}}
        version = self._registered(result) if result.status == "finished" else None
        if version is None:
            why = f"{item.reason} {_failure(result)}"
            return self._end(item, "failed", why, asks=True, evidence=told, run_id=result.run_id)
        with self.database.read() as connection:
            known = record.read(connection, item.model)
        if why := meanwhile.why_not_newer(self.project, item, known, version):
            why = f"There is nothing newer to learn from: its phases are up to date, and {why}."
            return self._end(item, "refused", f"{item.reason} {why}", evidence=told)
        run_id = version.tag("pipeline_run_id") or result.run_id
        found: dict[str, Any] = {"run_id": run_id, "version": version.version}
        with self.database.write() as connection:
            return record.advance(connection, item, "validated", self.clock.now(), told, **found)

    def _registered(self, result: PipelineResult) -> ModelVersion | None:
        """The version that one of these phases has registered, in this call or in one that was killed."""
        by = {phase.run_id for phase in result.phases}
        versions = registry.list_versions(self.project)
        return next((version for version in versions if version.tag("run_id") in by), None)

    def _validated(self, item: Retraining) -> Retraining:
        policy = self.project.config.retraining
        if (over := self.taken_out_of_hand(item)) is not None:
            return self._end(item, *over)
        validation = self._validation(item)
        if why := self._unfair(item, validation):
            return self._end(item, "refused", f"{item.reason} {why}", asks=True)
        if validation.verdict != "passed":  # which is on the backlog since it was registered
            return self._end(item, "refused", explain(item.called_for, validation, promoted=False))
        if policy.shadows and item.champion is not None:
            return self._shadow(item)
        if policy.action == "promote":
            return self._promote(item, validation, None)
        return self._end(item, "proposed", explain(item.called_for, validation, promoted=False), asks=True)

    def _shadow(self, item: Retraining) -> Retraining:
        if not meanwhile.is_in_shadow(self.project, item.version or 0):
            try:
                registry.promote(
                    self.project, item.version or 0, to="shadow", reason=item.in_short, clock=self.clock
                )
            except PromotionRefused as error:
                return self._end(item, "refused", f"{item.reason} {error.message}.", asks=True)
        with self.database.write() as connection:
            return record.advance(connection, item, "shadowing", self.clock.now())

    def _shadowing(self, item: Retraining) -> Retraining:
        if (over := self.taken_out_of_hand(item)) is not None:
            return self._end(item, *over)
        if self.waits_for(item):
            return item
        shadowed, validation = self.shadowed(item), self._validation(item)
        if shadowed.verdict != "ok":
            told = explain(item.called_for, validation, promoted=False, shadowed=shadowed)
            return self._end(item, "refused", told, asks=shadowed.verdict == "inconclusive")
        if self.project.config.retraining.action == "promote":
            return self._promote(item, validation, shadowed)
        told = explain(item.called_for, validation, promoted=False, shadowed=shadowed)
        return self._end(item, "proposed", told, asks=True)

    def _promote(self, item: Retraining, validation: Validation, shadowed: Shadowed | None) -> Retraining:
        """Promote it in place of the champion that it was held against, and of no other."""
        told = explain(item.called_for, validation, promoted=True, shadowed=shadowed)
        try:
            registry.promote(
                self.project,
                item.version or 0,
                reason=item.in_short,
                instead_of=item.champion,
                clock=self.clock,
            )
        except PromotionRefused as error:  # such as one that has not been approved yet
            return self._end(item, "proposed", f"{item.reason} {error.message}.", asks=True)
        return self._end(item, "promoted", told)

    def taken_out_of_hand(self, item: Retraining) -> tuple[Outcome, str] | None:
        """What the ledger has decided, and how: by a killed call, or by a person; None if nothing."""
        present = registry.current(self.project, CHAMPION)
        entry = meanwhile.made_champion(self.project, item.version or 0)
        if entry is not None:
            shadowed = self.shadowed(item) if item.status == "shadowing" else None
            told = explain(item.called_for, self._validation(item), promoted=True, shadowed=shadowed)
            if entry.reason != item.in_short:
                told += f" {entry.who} promoted it: {entry.reason}."
            if present != item.version:
                told += f" Since then v{present} has taken its place."
            return "promoted", told
        if present != item.champion:
            was, now = (f"v{number}" if number else "nobody" for number in (item.champion, present))
            why = f"It was held against {was}, but champion is {now} by now: retrain again."
            return "refused", f"{item.reason} {why}"
        if (away := meanwhile.taken_away(self.project, item.version or 0)) is not None:
            why = f"v{item.version} is {away.alias} no longer: {away.who} took it out on {away.at:%Y-%m-%d}"
            return "refused", f"{item.reason} {why}: {away.reason}. The champion stays."
        return None

    def _validation(self, item: Retraining) -> Validation:
        version = registry.get_version(self.project, item.version or 0)
        return Validation.from_dict(registry.evidence(version, self.project))

    def _unfair(self, item: Retraining, validation: Validation) -> str:
        """Why its figures say nothing: rows that it learnt from, or outcomes that were not known yet."""
        version = registry.get_version(self.project, item.version or 0)
        learnt, first, last = version.trained_until, validation.start, validation.end
        if learnt is not None and first is not None and first < learnt:
            return (
                f"{version} was judged on rows of {first:%Y-%m-%d}, and had learnt until {learnt:%Y-%m-%d}."
            )
        if last is not None and last > self.clock.now():
            return f"{version} was judged on rows up to {last:%Y-%m-%d}, which is yet to come."
        return ""

    def _end(
        self,
        item: Retraining,
        decision: Outcome,
        told: str,
        *,
        asks: bool = False,
        evidence: dict[str, Any] | None = None,
        **changes: Any,
    ) -> Retraining:
        shadowed = self.shadowed(item) if item.status == "shadowing" else None
        about: dict[str, Any] = {"evidence": evidence or {}, "shadowed": shadowed, "asks": asks}
        return end(self.project, self.database, item, decision, told, self.clock, **about, **changes)


def _failure(result: PipelineResult) -> str:
    failed = next((phase.why for phase in result.phases if phase.status == "failed"), "")
    return f"No challenger was trained: {failed or 'its phases finished, and registered no version'}."
