"""Schedulers and their runs are told to end, and killed: nothing runs twice, is lost or goes unsaid."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.faults.agents import until
from tests.faults.lives import left_behind, torn
from tests.processes import FORKED
from tests.projects import make_project
from tests.repeats import FULL, moments, repeats
from workbench.execution.agent import client
from workbench.execution.agent.identity import identify
from workbench.execution.schedule import records
from workbench.execution.schedule.claiming import Claiming
from workbench.execution.schedule.ending import Failure
from workbench.execution.schedule.records import ScheduledTime
from workbench.execution.schedule.scheduler import Scheduler
from workbench.project import Project, open_project
from workbench.store import backlog
from workbench.store.clock import SimulatedClock
from workbench.store.database import open_database
from workbench.tracking import runs, store

START = datetime(2026, 3, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
KILLS = repeats(100, 3)
LONGEST = 4.0  # seconds: about a start and two runs

NOTE = (
    "import os, pathlib\n"
    "with open(pathlib.Path(os.environ['WORKBENCH_PROJECT']) / 'done.txt', 'a') as done:\n"
    "    done.write(os.environ['WORKBENCH_SCHEDULED'] + '\\n')"
)
WAIT = "import time\ntime.sleep(120)"
EVERY_MINUTE = """
[[schedules]]
name = "minutely"
cron = "* * * * *"
phases = ["gather"]
force = true
missed = "all"
most = 1000
overlap = "wait"
code = "{code}"
on_failure = {{ retries = {retries}, delay = "1 min", notify = ["backlog", "webhook:chat"] }}

[monitoring.webhooks]
chat = {{ url = "https://chat.example.org" }}
"""


@pytest.fixture(scope="module", autouse=True)
def agents() -> Path:
    """Where the agent is that all of these tests share; it is ready."""
    agent = identify(os.environ, "/")
    client.start_agent(agent)
    assert client.ask(agent.socket, "status", seconds=client.IMPORT_SECONDS)
    return agent.folder


def _project(folder: Path, *cells: str, code: str = "following", retries: int = 0) -> Project:
    made = make_project(folder, {"gather": [NOTE, *cells]})
    with (folder / "workbench.toml").open("a") as file:
        file.write(EVERY_MINUTE.format(code=code, retries=retries))
    return open_project(made.root)


def _times(project: Project) -> list[ScheduledTime]:
    """Oldest first, without the one that was there when the schedule was first seen."""
    with open_database(project).read() as connection:
        found = records.history(connection, project.name, last=10_000)
    return [each for each in found[::-1] if each.status != "skipped"]


def _done(project: Project) -> list[str]:
    path = project.root / "done.txt"
    return path.read_text().splitlines() if path.exists() else []


@dataclass
class Watched:
    """A scheduler in this process, whose clock stands a minute after it began; ``on`` takes what it says."""

    project: Project
    on: Callable[[Scheduler, str], None]

    def run(self, *, once: bool = False) -> list[tuple[str, Failure]]:
        clock, told = SimulatedClock(START), []
        made = Scheduler(
            self.project,
            clock,
            at_once=2,
            notify=lambda channel, failure: told.append((channel, failure)),
            say=lambda line: self.on(made, line),
        )
        made.look()
        clock.time += MINUTE
        made.run_once() if once else made.run()
        return told


def test_a_time_runs_and_has_the_status_and_the_report_of_its_run(tmp_path: Path) -> None:
    project = _project(tmp_path / "p")
    Watched(project, lambda *_: None).run(once=True)
    (found,) = _times(project)
    assert (found.scheduled_at, found.status, found.attempt) == (START + MINUTE, "finished", 1)
    assert (Path(found.report) / "report.html").is_file()
    assert found.run_id is not None
    assert runs.find(project, found.run_id).status == "finished"
    assert runs.scheduled(project, found.mark) == [found.run_id]
    assert _done(project) == [found.mark]


def test_a_failure_says_why_where_it_is_to_be_said(tmp_path: Path) -> None:
    project = _project(tmp_path / "p", "1 / 0")
    told = Watched(project, lambda *_: None).run(once=True)
    (found,) = _times(project)
    assert (found.status, found.next_try) == ("failed", None)
    assert "ZeroDivisionError" in found.note
    assert [(channel, "failed" in failure.title) for channel, failure in told] == [("webhook:chat", True)]
    with open_database(project).read() as connection:
        (item,) = backlog.items(connection, project.name)
    assert "schedule minutely of 2026-03-01 00:01 UTC failed" in item.title
    assert found.run_id in item.links


def test_who_is_asked_to_stop_waits_for_what_runs(tmp_path: Path) -> None:
    project = _project(tmp_path / "p")

    def on(scheduler: Scheduler, line: str) -> None:
        if line.endswith("started"):
            scheduler.stop()

    Watched(project, on).run()
    assert [each.status for each in _times(project)] == ["finished"]


def test_who_is_asked_twice_ends_what_runs_and_its_report_shows_how_far_it_came(tmp_path: Path) -> None:
    project = _project(tmp_path / "p", WAIT)

    def on(scheduler: Scheduler, line: str) -> None:
        if line.endswith("started"):
            until(lambda: _done(project))
            scheduler.stop()
            scheduler.stop()

    Watched(project, on).run()
    (found,) = _times(project)
    assert found.status == "killed"
    assert (Path(found.report) / "report.html").is_file()
    assert found.run_id is not None
    assert runs.find(project, found.run_id).status == "killed"


def test_a_run_whose_process_is_killed_takes_nobody_along(tmp_path: Path) -> None:
    project = _project(tmp_path / "p", WAIT)

    def on(scheduler: Scheduler, line: str) -> None:
        if line.endswith("started"):
            until(lambda: _done(project))
            (process,) = scheduler._running.processes
            os.kill(process.pid, signal.SIGKILL)

    told = Watched(project, on).run(once=True)
    (found,) = _times(project)
    assert found.status == "killed"
    assert len(told) == 1


def test_a_pinned_schedule_runs_the_commit_and_not_what_is_there_now(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
        return subprocess.run(
            ["git", *who, *arguments], cwd=tmp_path / "p", check=True, capture_output=True, text=True
        ).stdout.strip()

    project = _project(tmp_path / "p")
    (project.root / ".gitignore").write_text(".workbench/\ndone.txt\n")
    for arguments in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "good")):
        git(*arguments)
    commit = git("rev-parse", "--short=12", "HEAD")
    notebook = project.root / "notebooks" / "gather.ipynb"
    notebook.write_text(notebook.read_text().replace("import workbench", "1 / 0"))
    config = project.root / "workbench.toml"
    config.write_text(config.read_text().replace('code = "following"', f'code = "pinned:{commit}"'))
    Watched(open_project(project.root), lambda *_: None).run(once=True)
    (found,) = _times(project)
    assert (found.status, found.note) == ("finished", "")
    manifest = json.loads((Path(found.report) / "manifest.json").read_text())
    assert manifest["code_version"] == git("rev-parse", "HEAD")
    assert git("status", "--porcelain", "--untracked-files=all").splitlines() == [
        "M notebooks/gather.ipynb",
        " M workbench.toml",
    ]
    config.write_text(config.read_text().replace(commit, "0" * 12))
    with open_database(project).write() as connection:
        assert records.change(connection, found, scheduled_at=START - MINUTE)
    Watched(open_project(project.root), lambda *_: None).run(once=True)
    failed = _times(project)[-1]
    assert failed.status == "failed"
    assert failed.note.startswith("not started: the files of a pinned schedule cannot be checked out")


@dataclass(frozen=True)
class QuickClock:
    """A second is a minute, from ``began`` on."""

    began: float

    def now(self) -> datetime:
        return START + (time.time() - self.began) * MINUTE


def schedule(root: str, agents: str, clock: QuickClock) -> None:
    """A scheduler, until it is killed or told to end."""
    os.environ["WORKBENCH_AGENT_DIR"] = agents  # the process was forked from one that may know another
    os.chdir(root)
    made = Scheduler(open_project(Path(root)), clock, at_once=2, notify=_silent, say=_heard_when_it_fails)
    signal.signal(signal.SIGTERM, lambda *_: made.stop())
    made.run()


def _silent(_channel: str, _failure: Failure) -> None: ...


def _heard_when_it_fails(line: str) -> None:
    print(line, file=sys.stderr)


@pytest.mark.timeout(3600 if FULL else 180)
def test_whenever_the_scheduler_is_killed_each_time_runs_once(tmp_path: Path, agents: Path) -> None:
    project = _project(tmp_path / "p", retries=20)
    Claiming(project, open_database(project), "first").load(project, START)
    clock = QuickClock(time.time())
    about = (str(project.root), str(agents), clock)
    for _, seconds in zip(range(KILLS), moments(7, LONGEST, 0.5), strict=False):
        killed = FORKED.Process(target=schedule, args=about)
        killed.start()
        killed.join(seconds)
        killed.kill()
        killed.join()
    every = {START + minutes * MINUTE for minutes in range(1, KILLS + 4)}
    last = FORKED.Process(target=schedule, args=about)
    last.start()
    try:
        until(lambda: {each.scheduled_at for each in _finished(project)} >= every, 1800 if FULL else 100)
        # It listens once it is at work; all that is waited for may have been done by those before.
        until(lambda: any(f":{last.pid}:" in each.claimed_by for each in _times(project)))
        last.terminate()
        last.join(60)
        assert last.exitcode == 0
    finally:  # or it is waited for when all tests are over
        last.kill()
        last.join()
    assert set(Counter(_done(project)).values()) == {1}, "an attempt ran twice"
    opened = _pipeline_runs(project)
    for found in _finished(project):
        assert (opened[found.mark], found.run_id) == (["finished"], runs.scheduled(project, found.mark)[0])
        for attempt in range(1, found.attempt):  # those before it were cut short, and are on record as that
            assert opened.get(replace(found, attempt=attempt).mark, ["killed"]) == ["killed"]
    assert (torn(project), left_behind(project)) == ([], [])


def _finished(project: Project) -> list[ScheduledTime]:
    return [each for each in _times(project) if each.status == "finished"]


def _pipeline_runs(project: Project) -> dict[str, list[str]]:
    """The statuses of the runs of each attempt."""
    found: dict[str, list[str]] = {}
    client = store.client(project)
    for run in client.search_runs([store.experiment_id(project, draft=False)], max_results=10_000):
        if mark := run.data.tags.get("workbench.scheduled"):
            found.setdefault(mark, []).append(run.info.status.lower())
    return found


def test_the_command_runs_what_was_missed_and_ends(tmp_path: Path) -> None:
    project = _project(tmp_path / "p")

    def once() -> str:
        command = [sys.executable, "-m", "workbench", "schedule", "run", "--once"]
        done = subprocess.run(command, cwd=project.root, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stderr

    assert "started" not in once()
    assert _times(project) == []
    with open_database(project).write() as connection:
        (seen,) = records.history(connection, project.name)
        assert records.change(connection, seen, scheduled_at=seen.scheduled_at - 2 * MINUTE)
    said = once()
    found = _times(project)
    assert len(found) >= 2
    assert {each.status for each in found} == {"finished"}
    assert _done(project) == [each.mark for each in found]
    assert all(f"{each.mark} started" in said for each in found)
