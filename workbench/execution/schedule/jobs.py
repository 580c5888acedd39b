"""A scheduled run as a process: a command of ours, forked from the agent where there is one.

It is below a keeper of its own, so that it ends with its scheduler, and whatever it does cannot take the
scheduler down. The command is a list of arguments; no shell reads it.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from workbench.config import ScheduleConfig
from workbench.errors import AgentUnavailable
from workbench.execution.agent import client
from workbench.execution.agent.identity import NoPlace, identify
from workbench.execution.agent.request import Request, inherited
from workbench.execution.schedule.outcomes import Outcome, outcome_of
from workbench.execution.schedule.records import ScheduledTime
from workbench.project import Project
from workbench.tracking.runs import SCHEDULED

__all__ = ["arguments", "begin", "files", "forget", "goes_on", "is_open", "outcome", "warm_up"]

# Long enough for a run that is told to end to write its report.
_GRACE_SECONDS = 10.0
_FOLDER = "schedules"


def arguments(schedule: ScheduleConfig) -> tuple[str, ...]:
    """What follows ``workbench`` on the command line that does the same by hand."""
    if schedule.command:
        return schedule.command
    what = (schedule.notebook,) if schedule.notebook else schedule.phases
    values = (("-p", f"{name}={_text(value)}") for name, value in schedule.parameters.items())
    forced = ("--force",) if schedule.force else ()
    return ("run", *what, *forced, "--json", *(word for pair in values for word in pair))


def _text(value: str | int | float | bool) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def begin(
    project: Project,
    schedule: ScheduleConfig,
    time: ScheduledTime,
    folder: Path,
    *,
    before: Callable[[], None],
) -> client.Process:
    """Start it in ``folder``, the project's or the one of the commit that it is pinned to.

    Parameters
    ----------
    before : callable
        Called when the process is there and before it does anything: if it raises, nothing is ever done.

    Raises
    ------
    AgentUnavailable
        No process can be started.
    """
    environment = _environment(folder) | {SCHEDULED: time.mark}
    request = Request(
        command=("workbench.cli", *arguments(schedule)),
        folder=str(folder),
        environment=environment,
        inherited=inherited(),
        name="wb-scheduled",
        import_from=str(folder),
        grace=_GRACE_SECONDS,
    )
    printed, said = _files(project, time)
    with open(printed, "wb") as out, open(said, "wb") as err, open(os.devnull, "rb") as nothing:
        # The lock is of the open file, which the process goes on to have when we are killed.
        fcntl.flock(err, fcntl.LOCK_EX)
        files = (nothing.fileno(), out.fileno(), err.fileno())
        if not client.why_not(environment):
            try:
                agent = identify(environment, folder)
                return client.fork(agent, request, files, start=False, before=lambda _: before())
            except (AgentUnavailable, NoPlace):
                # Other times may be due while an agent imports: an ordinary process does the same, later.
                warm_up(folder)
        before()
        return client.keep(_ordinary(request), files)


def warm_up(folder: Path) -> None:
    """See to it that an agent is there, and imports what runs will need, before a scheduled time."""
    environment = _environment(folder)
    if not client.why_not(environment):
        try:
            client.start_agent(identify(environment, folder))
        except (AgentUnavailable, NoPlace):
            return  # the run is started without one, then


def goes_on(project: Project, time: ScheduledTime) -> bool:
    """Whether its process, or something that this started, is still there on this machine."""
    return is_open(_files(project, time)[1])


def is_open(path: Path) -> bool:
    """Whether a run that goes on says into this file, or prints into the one beside it."""
    try:
        with open(path.with_suffix(".log"), "rb") as said:
            fcntl.flock(said, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        pass
    return False


def outcome(project: Project, time: ScheduledTime, exit_status: int | None) -> Outcome | None:
    """What its process printed and said; ``exit_status`` is None where nobody waited for it.

    None when that does not tell.
    """
    printed, said = _files(project, time)
    return outcome_of(_read(printed), _read(said), exit_status)


def files(project: Project) -> list[Path]:
    """What runs printed and said that go on, or did not finish."""
    return sorted((project.state / _FOLDER).glob("*-*-*.*"))


def forget(project: Project, time: ScheduledTime) -> None:
    """Remove what it printed and said, when all of it is on record."""
    for path in _files(project, time):
        path.unlink(missing_ok=True)


def _environment(folder: Path) -> dict[str, str]:
    inherits = {name: value for name, value in os.environ.items() if name != SCHEDULED}
    return {**inherits, "WORKBENCH_PROJECT": str(folder)}


def _ordinary(request: Request) -> Request:
    return replace(request, command=(sys.executable, "-m", *request.command))


def _files(project: Project, time: ScheduledTime) -> tuple[Path, Path]:
    """Where it prints, and where it says what goes wrong."""
    folder = project.state / _FOLDER
    folder.mkdir(exist_ok=True)
    name = f"{time.schedule}-{time.scheduled_at:%Y%m%dT%H%M%SZ}-{time.attempt}"
    return folder / f"{name}.json", folder / f"{name}.log"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
