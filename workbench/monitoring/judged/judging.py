"""A judgement is kept, and what is wrong can be put on the backlog: each prediction once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.errors import UsageError
from workbench.registry.identity import identify
from workbench.store import backlog, judgements
from workbench.store.clock import Clock, project_clock
from workbench.store.database import hold, open_database

if TYPE_CHECKING:
    from workbench.monitoring.judged.drawing import Answer, Sample
    from workbench.project import Project
    from workbench.store.backlog import Item
    from workbench.store.judgements import Judgement, Verdict

__all__ = ["judge", "judged", "put_on_backlog"]

_LONGEST_TITLE = 200


def judge(
    project: Project,
    sample: Sample,
    answer: Answer,
    verdict: Verdict,
    remark: str = "",
    *,
    actor: str | None = None,
    clock: Clock | None = None,
) -> Judgement:
    """Keep what somebody judged of an answer; when this returns, it is durable.

    Raises
    ------
    UsageError
        There is no such verdict.
    """
    with open_database(project).write() as connection:
        return judgements.judge(
            connection,
            sample.log,
            answer.prediction_id,
            verdict,
            version=answer.version,
            by=identify(connection, actor).actor,
            at=(clock or project_clock()).now(),
            remark=remark,
            drawn=sample.drawn.how,
            slices=answer.slices,
        )


def judged(project: Project, log: str) -> list[Judgement]:
    """Each person's newest judgement of each prediction of a log, the oldest first."""
    with open_database(project).read() as connection:
        return judgements.newest(connection, log)


def put_on_backlog(
    project: Project,
    log: str,
    found: Judgement,
    *,
    actor: str | None = None,
    clock: Clock | None = None,
) -> Item:
    """Put an answer that was judged wrong on the backlog, whoever does so and however often: one item.

    What another person has to say of the same prediction is added to the item's history.

    Raises
    ------
    UsageError
        It was not judged wrong, or nobody would know why.
    """
    if found.verdict != "wrong":
        raise UsageError(f"prediction {found.prediction_id} was judged {found.verdict!r}, not wrong")
    if not found.remark:
        raise UsageError("say in the remark what is wrong: it is what others read on the backlog")
    name = project.config.model.name if project.config.model else project.name
    once = ("judged", log, found.prediction_id)
    at = (clock or project_clock()).now()
    with open_database(project).write() as connection:
        by = identify(connection, actor).actor
        hold(connection, project.name, *once)
        before = backlog.known(connection, project.name, once)
        if before is not None:
            said = {(event.actor, event.detail) for event in backlog.history(connection, before)}
            is_new = before.opened_by != by and (by, found.remark) not in said
            return backlog.remark(connection, before, found.remark, by=by, at=at) if is_new else before
        first = found.remark.splitlines()[0]
        return backlog.add(
            connection,
            project.name,
            f"{name} v{found.version} answered wrong: {first}"[:_LONGEST_TITLE],
            by=by,
            at=at,
            kind="review",
            subject=f"{name} v{found.version}",
            links=(f"prediction {found.prediction_id}", f"log {log}"),
            once=once,
        )
