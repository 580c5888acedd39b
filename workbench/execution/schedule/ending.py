"""How a scheduled time ends: on record with the status of its run, to be tried again, or told to somebody."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from workbench.config import FailureConfig
from workbench.errors import WorkbenchError
from workbench.execution import recover
from workbench.execution.schedule import jobs, records
from workbench.execution.schedule.outcomes import Outcome
from workbench.execution.schedule.records import ScheduledTime, Status
from workbench.project import Project
from workbench.store import backlog
from workbench.store.database import Database
from workbench.tracking import runs

__all__ = ["Failure", "Notify", "finish", "of_record"]

_BACKLOG = "backlog"
_STATUS: dict[str, Status] = {"finished": "finished", "failed": "failed"}
_AWAY = "its scheduler was killed"


@dataclass(frozen=True)
class Failure:
    """What is told about a scheduled time that failed for good.

    ``key`` stays the same however often it is told.
    """

    title: str
    text: str
    key: str


#: Tells a failure to a ``webhook:NAME`` or ``mail:NAME``; raises a :class:`WorkbenchError` if it can't.
Notify = Callable[[str, Failure], None]


def finish(
    project: Project,
    database: Database,
    time: ScheduledTime,
    outcome: Outcome,
    on_failure: FailureConfig,
    *,
    now: datetime,
    notify: Notify,
) -> str:
    """Put on record how it ended, and do what is to be done on a failure; a line for a person.

    A scheduled time that somebody else has taken over in the meantime is theirs to end. Channels are told
    first: whoever takes over from a killed scheduler tells them once more, under the same key. One that
    could not be told is named in the note, and the failure stands on the backlog, asked for or not: nobody
    tells it again.
    """
    theirs = f"{_name(time)}: another scheduler has taken it over"
    failed = outcome.status in ("failed", "killed")
    again = failed and time.attempt <= on_failure.retries
    told = failed and not again
    with database.read() as connection:
        if not records.unchanged(connection, time):
            return theirs
    problems = _tell(project, time, outcome, on_failure.notify, notify) if told else []
    ended = {
        "status": outcome.status,
        "run_id": outcome.run_id or None,
        "report": outcome.report,
        "ended_at": now,
        "next_try": now + on_failure.delay if again else None,
        "note": "; ".join(filter(None, [*problems, outcome.why])),
    }
    with database.write() as connection:
        if records.change(connection, time, **ended) is None:
            return theirs
        if problems or (told and _BACKLOG in on_failure.notify):
            _put_on_backlog(connection, project, time, outcome, now)
    next_try = f"; again at {now + on_failure.delay:%H:%M:%S} UTC" if again else ""
    why = f": {outcome.why}" if outcome.why else ""
    return "; ".join([f"{_name(time)} {outcome.status}{why}{next_try}", *problems])


def of_record(project: Project, time: ScheduledTime, *, here: bool) -> Outcome | None:
    """What became of a run whose scheduler died, as far as anything on record tells.

    Parameters
    ----------
    here : bool
        Whether it died on this machine, where its run ends with it; None is returned until that is over.
    """
    if here and jobs.goes_on(project, time):
        return None
    if here and (printed := jobs.outcome(project, time, None)) is not None:
        return printed
    recover.tidy(project)
    found = runs.scheduled(project, time.mark)
    if not found:
        return Outcome("killed", why=f"{_AWAY}, and there is no run on record")
    info = runs.find(project, found[0])
    if info.status == "running":
        return Outcome("killed", info.run_id, why=f"{_AWAY}; its run was left open")
    children = [each for each in runs.list_runs(project, limit=200) if each.parent_run_id == info.run_id]
    report = next((each.report for each in children if each.report), info.report)
    why = f"{_AWAY}, and the run with it" if info.status == "killed" else ""
    return Outcome(_STATUS.get(info.status, "killed"), info.run_id, report, why)


def _name(time: ScheduledTime) -> str:
    return f"{time.schedule} of {time.scheduled_at:%Y-%m-%d %H:%M} UTC"


def _put_on_backlog(
    connection: Connection, project: Project, time: ScheduledTime, outcome: Outcome, now: datetime
) -> None:
    backlog.add(
        connection,
        project.name,
        f"schedule {_name(time)} {outcome.status}: {outcome.why or 'no reason given'}",
        by="workbench schedule",
        at=now,
        subject=f"schedule {time.schedule}",
        links=[each for each in (outcome.run_id, outcome.report) if each],
        priority="high",
        once=("schedule", time.schedule, time.scheduled_at.isoformat()),
    )


def _tell(
    project: Project, time: ScheduledTime, outcome: Outcome, channels: Iterable[str], notify: Notify
) -> list[str]:
    """What could not be told."""
    lines = [outcome.why, f"report: {outcome.report}" if outcome.report else "", f"project: {project.name}"]
    title = f"schedule {_name(time)} {outcome.status}"
    failure = Failure(title, "\n".join(filter(None, lines)), f"{project.name}/{time.mark}")
    problems = []
    for channel in channels:
        if channel != _BACKLOG:
            try:
                notify(channel, failure)
            except WorkbenchError as error:
                problems.append(f"{channel} was not told: {error.message}")
    return problems
