"""How a retraining ends: what was decided is on record, and who has to act finds it on the backlog."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection

from workbench import registry
from workbench.monitoring.retraining import record
from workbench.monitoring.retraining.meanwhile import is_in_shadow, made_shadow
from workbench.monitoring.retraining.record import Outcome, Retraining
from workbench.monitoring.retraining.shadowing import Shadowed
from workbench.project import Project
from workbench.registry.gates.validation import plain
from workbench.store import backlog
from workbench.store.clock import Clock
from workbench.store.database import Database
from workbench.tracking import environment

__all__ = ["end", "retire_refused"]


def end(
    project: Project,
    database: Database,
    item: Retraining,
    decision: Outcome,
    told: str,
    clock: Clock,
    *,
    evidence: dict[str, Any],
    shadowed: Shadowed | None,
    asks: bool,
    **changes: Any,
) -> Retraining:
    """Write down what became of it; what ``asks`` for a person is on the backlog in the same moment.

    A challenger that was refused answers nobody any longer, not even in the shadow. That follows what is on
    record: without it a later call would judge again what was refused already.
    """
    now, more = clock.now(), {**evidence, "explanation": told}
    if shadowed is not None:
        more["shadow"] = plain(asdict(shadowed))
    changes |= {"decision": decision, "decided_at": now}
    with database.write() as connection:
        done = record.advance(connection, item, "decided", now, more, **changes)
        if asks:
            _ask(connection, project, done, clock)
    retire_refused(project, done, clock)
    return done


def retire_refused(project: Project, done: Retraining, clock: Clock) -> None:
    """Take a refused challenger out of the shadow, if it is there still and nobody has put it back since.

    Whoever is killed after a refusal leaves that to the next call.
    """
    if done.decision != "refused" or done.version is None or done.decided_at is None:
        return
    entry = made_shadow(project, done.version)
    if entry is not None and entry.at <= done.decided_at and is_in_shadow(project, done.version):
        registry.retire(project, done.version, reason=done.in_short, clock=clock)


def _ask(connection: Connection, project: Project, done: Retraining, clock: Clock) -> None:
    links = [f"run {done.run_id}"] if done.run_id else []
    links += [f"workbench models show {done.version}"] if done.version else []
    backlog.add(
        connection,
        project.name,
        f"retraining {done.id} {done.decision}: {done.explanation}",
        by=environment.who(),
        at=clock.now(),
        kind="review",
        subject=f"{done.model} v{done.version}" if done.version else done.model,
        links=links,
        once=("retraining", done.model, done.id),
    )
