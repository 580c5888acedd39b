"""What the policy calls for as things stand: by findings, and by what else is known and on record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from datetime import datetime

from workbench import registry
from workbench.monitoring.findings.finding import WindowFinding
from workbench.monitoring.retraining import record
from workbench.monitoring.retraining.alone import alone
from workbench.monitoring.retraining.deciding import Decision, decide
from workbench.monitoring.retraining.situation import look_around
from workbench.project import Project
from workbench.store.database import Database, open_database
from workbench.tracking import context as contexts
from workbench.tracking.phase import Phase

__all__ = ["called_for", "decide_within", "turn"]


def turn(project: Project, database: Database) -> AbstractContextManager[None]:
    """Within it nobody else retrains the project's model (errors as :func:`alone`)."""
    return alone(database, f"retraining {project.model.name}")


def called_for(
    project: Project,
    database: Database,
    log: str,
    findings: Sequence[WindowFinding],
    now: datetime,
    champion: int | None,
    *,
    scheduled: bool = False,
) -> Decision:
    """What the policy decides about a champion while no retraining is under way.

    What the same cause has led to already is not done again: then the decision is not to, and says what
    became of it.

    Parameters
    ----------
    log : str
        Under which ground truth is filed.
    """
    config, about = project.config, _about(findings, champion)
    decision = decide(
        about,
        retraining=config.retraining,
        monitoring=config.monitoring,
        now=now,
        situation=look_around(project, database, log, champion, now, scheduled=scheduled),
    )
    if not decision.retrain:
        if about or not findings:
            return decision
        shown = f"No retraining: none of {len(findings)} windows shows v{champion}, the champion"
        return _rather_not(decision, f"{shown}: another version answered in them. {decision.reason}")
    with database.read() as connection:
        before = record.answered(connection, project.model.name, decision, champion)
    if before is None:
        return decision
    return _rather_not(
        decision,
        f"No retraining: {', '.join(decision.cause)} led to retraining {before.id} already, which was "
        f"{before.decision} on {before.updated_at:%Y-%m-%d}. {before.explanation}",
    )


@contextmanager
def decide_within(
    phase: Phase, findings: Sequence[WindowFinding], *, log: str, now: datetime
) -> Iterator[Decision]:
    """What the policy decides inside a notebook, which then does by itself what is called for.

    Until the block is over nobody else retrains the model. Beside a retraining that is under way nothing is
    decided: then the decision is not to, and says so. A draft changes nothing, and keeps nobody waiting.

    Raises
    ------
    LeaseHeld
        Another process retrains the model at this moment.
    """
    project = phase.project
    database = open_database(project)
    try:
        with nullcontext() if phase.draft else turn(project, database):
            champion = registry.champion(project)  # which the run goes by, also when it is repeated
            number = None if champion is None else champion.version
            with contexts.accounted():
                decision = _decide_beside(project, database, log, findings, now, number)
            _note_what_it_went_by(phase, _about(findings, number), decision, now)
            yield decision
    finally:
        database.close()


def _decide_beside(
    project: Project,
    database: Database,
    log: str,
    findings: Sequence[WindowFinding],
    now: datetime,
    champion: int | None,
) -> Decision:
    decision = called_for(project, database, log, findings, now, champion)
    with database.read() as connection:
        other = record.under_way(connection, project.model.name)
    if other is None:
        return decision
    return _rather_not(
        decision,
        "No retraining beside the one that is under way: workbench retrain goes on with retraining "
        f"{other.id}, which is {other.status}.",
    )


def _note_what_it_went_by(
    phase: Phase, findings: Sequence[WindowFinding], decision: Decision, now: datetime
) -> None:
    """Of all that it may go by only findings are versioned: by anything else its run is not up to date."""
    config = phase.project.config
    policy = config.retraining
    by_findings = decide(findings, retraining=policy, monitoring=config.monitoring, now=now)
    more = "new_data" in policy.trigger or policy.minimum_labels or policy.cooldown is not None
    if more or replace(decision, reason="") != replace(by_findings, reason=""):
        why = "its policy goes by more than findings: by retrainings, labels and newer data at that moment"
        contexts.append(phase.context, "unaccounted", f"policy:{why}")


def _rather_not(decision: Decision, reason: str) -> Decision:
    return replace(decision, retrain=False, trigger="", reason=reason)


def _about(findings: Sequence[WindowFinding], champion: int | None) -> list[WindowFinding]:
    return [finding for finding in findings if _is_about(finding, champion)]


def _is_about(finding: WindowFinding, champion: int | None) -> bool:
    """Whether a window shows the present champion: what earlier ones did is no reason any more."""
    seen = finding.champion
    return seen is None or champion is None or seen.version == champion
