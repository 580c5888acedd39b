"""Looking after the champion while something lives long, a server or a scheduler: whether it is put in front
at all, and how it bakes.

It is a process of its own, since looking loads libraries and models, and none of that is to hurt a server. It
asks the workbench database whether there is anything to look at, and has loaded little until there is, unless
it is forked from an agent that has loaded everything. It ends with its owner, and when a baking period has
ended or an alert on what the server refuses was cleared, which frees its memory: its owner starts the next.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from workbench.project import Project, open_project

if TYPE_CHECKING:
    from workbench.execution.agent import client
    from workbench.monitoring.baking.evaluating import Evaluator
    from workbench.store.clock import Clock

__all__ = ["BakingWatch", "main"]

_MODULE = "workbench.cli.baking_watch"
_log = logging.getLogger(_MODULE)
_EVERY_SECONDS = 1.5
# Looking takes at most this share of a core, unless a guard would be judged too late.
_SHARE, _LONGEST_PAUSE_SECONDS = 0.25, 5.0
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 1.0, 60.0
_STOP_SECONDS = 2.0


class BakingWatch:
    """Keeps the process running; called every few seconds by its owner, it neither blocks nor raises."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._process: subprocess.Popen[bytes] | client.Process | None = None
        self._ours = -1  # our end of its standard input
        self._wait = self._not_before = 0.0

    def __call__(self) -> None:
        """Start the process if it does not run."""
        if self._project.config.model is None:
            return
        if self._process is not None:
            status = self._process.poll()
            if status is None:
                return
            self._let_go(status)
        if time.monotonic() < self._not_before:
            return
        theirs, self._ours = os.pipe()
        try:
            self._process = _start(self._project, theirs)
        except OSError as error:
            os.close(self._ours)
            self._later(f"cannot be started: {error}")
        finally:
            os.close(theirs)

    @property
    def pid(self) -> int | None:
        """The process, while there is one."""
        return self._process.pid if self._process is not None else None

    def stop(self) -> None:
        """Let it end, within some seconds."""
        process, self._process = self._process, None
        if process is None:
            return
        os.close(self._ours)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def __enter__(self) -> BakingWatch:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _let_go(self, status: int) -> None:
        os.close(self._ours)
        self._process = None
        if status:
            self._later(f"ended with status {status}")
        else:
            self._wait = 0.0

    def _later(self, why: str) -> None:
        self._wait = min(max(2 * self._wait, _FIRST_WAIT_SECONDS), _LONGEST_WAIT_SECONDS)
        self._not_before = time.monotonic() + self._wait
        _log.warning("what looks after the champion %s; next try in %g s", why, self._wait)


def _start(project: Project, stdin: int) -> subprocess.Popen[bytes] | client.Process:
    """The process: from the agent if one runs, which spares it the seconds that a rollback has to load."""
    from workbench.errors import AgentUnavailable
    from workbench.execution.agent import client
    from workbench.execution.agent.identity import NoPlace, identify
    from workbench.execution.agent.request import Request, inherited

    folder, environment = str(project.root), {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    with open(os.devnull, "wb") as nothing:
        files = (stdin, nothing.fileno(), sys.stderr.fileno())
        if not client.why_not(environment):
            command = (_MODULE, folder)
            request = Request(
                command, folder, environment, inherited(), name="wb-baking", grace=_STOP_SECONDS
            )
            with suppress(AgentUnavailable, NoPlace):
                return client.fork(identify(environment, folder), request, files, start=False)
        return subprocess.Popen(
            # -P: a file in the project's folder must not stand in for a module.
            [sys.executable, "-P", "-m", _MODULE, folder],
            stdin=stdin,
            stdout=nothing,
            stderr=files[2],
            cwd=folder,
            env=environment,
        )


def main(root: str) -> int:
    """Look until the owner has gone (its end of our standard input is closed), or something has ended."""
    from workbench.store.clock import project_clock

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to the owner, too, which sees to us
    project, clock = open_project(root), project_clock()
    os.chdir(project.root)
    watch = _Watch(project, clock)
    while True:
        watch.tries("the baking period cannot be prepared for", watch.prepare)
        begun = time.monotonic()  # to load is not to look
        # One that fails takes nothing from the other: what the server refuses may be what cannot be judged.
        over = watch.tries("the baking period cannot be looked at", watch.bake)
        if watch.tries("what the server refuses cannot be told", watch.tell) or over:
            return 0
        pause = min(max(_EVERY_SECONDS, (time.monotonic() - begun) / _SHARE), _LONGEST_PAUSE_SECONDS)
        if select.select([sys.stdin], [], [], pause)[0]:
            return 0


class _Watch:
    """What is looked at again and again; each part says whether something has ended."""

    def __init__(self, project: Project, clock: Clock) -> None:
        self._project, self._clock = project, clock
        self._evaluator: Evaluator | None = None
        self._said: dict[str, str] = {}

    def tries(self, otherwise: str, part: Callable[[], bool]) -> bool:
        """Do a part; what is wrong is said once, and the next look may do better."""
        try:
            over = part()
        except Exception as error:
            if (now := f"{type(error).__name__}: {error}".splitlines()[0]) != self._said.get(otherwise):
                self._said[otherwise] = now
                _log.warning("%s: %s", otherwise, now)
            return False
        self._said.pop(otherwise, None)
        return over

    def prepare(self) -> bool:
        """Load what a baking period asks for, once there is one."""
        if self._evaluator is None and _is_watched(self._project, self._clock):
            self._evaluator = _evaluator(self._project)
            _rehearse(self._evaluator)
        return False

    def bake(self) -> bool:
        """Look at the baking period; whether it has ended."""
        return self._evaluator is not None and not _look(self._evaluator, self._clock)

    def tell(self) -> bool:
        """See to the alert on a champion that the server does not put in front; whether it was cleared."""
        from workbench.store.database import open_database
        from workbench.store.standing import is_told, standings

        if not any(each.problem for each in standings(self._project)):
            with open_database(self._project).read() as connection:
                if not is_told(connection, self._project.model.name):
                    return False
        from workbench.monitoring.alerts import settle_unserved

        changed = settle_unserved(self._project, clock=self._clock)
        return self._evaluator is None and any(alert.cleared for alert in changed)


def _is_watched(project: Project, clock: Clock) -> bool:
    from workbench.store import baking
    from workbench.store.database import open_database

    if not project.config.baking.enabled:
        return False
    with open_database(project).read() as connection:
        return baking.is_watched(connection, project.model.name, clock.now(), project.config.baking.period)


def _evaluator(project: Project) -> Evaluator:
    from workbench.monitoring.baking import Evaluator
    from workbench.serving.parts import log_of
    from workbench.serving.settings import LIVE_LOG, log_name

    folder = project.state / LIVE_LOG
    return Evaluator(project, log_of(project, folder), log_name(project, folder))


def _look(evaluator: Evaluator, clock: Clock) -> bool:
    """Look once; whether the period goes on."""
    found = evaluator.look(clock)
    if found is not None and found.status == "baking":
        return True
    evaluator.leave()
    return False


def _rehearse(evaluator: Evaluator) -> None:
    from workbench.errors import PromotionRefused

    try:
        evaluator.rehearse()
    except PromotionRefused as error:
        _log.warning("a champion bakes, and there is no way back: %s", error.message)
