"""Looking after baking periods while something lives long: a server, or a scheduler.

It is a process of its own, since looking loads libraries and models, and none of that is to hurt a server. It
asks the workbench database whether there is anything to look at, and has loaded little until there is. It
ends with its owner, and when a baking period has ended, which frees its memory: its owner starts the next.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from workbench.project import Project, open_project

if TYPE_CHECKING:
    from workbench.monitoring.baking.evaluating import Evaluator
    from workbench.store.clock import Clock

__all__ = ["BakingWatch", "main"]

_log = logging.getLogger(__name__)
_EVERY_SECONDS = 1.5
# Looking takes at most this share of a core.
_SHARE = 0.25
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 1.0, 60.0
_STOP_SECONDS = 2.0


class BakingWatch:
    """Keeps the process running; called every few seconds by its owner, it neither blocks nor raises."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._process: subprocess.Popen[bytes] | None = None
        self._wait = self._not_before = 0.0

    def __call__(self) -> None:
        """Start the process if it does not run."""
        if not self._project.config.baking.enabled or self._project.config.model is None:
            return
        if self._process is not None:
            status = self._process.poll()
            if status is None:
                return
            self._let_go(status)
        if time.monotonic() < self._not_before:
            return
        command = [sys.executable, "-m", __name__, str(self._project.root)]
        try:
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        except OSError as error:
            self._later(f"cannot be started: {error}")

    @property
    def pid(self) -> int | None:
        """The process, while there is one."""
        return self._process.pid if self._process is not None else None

    def stop(self) -> None:
        """Let it end, within some seconds."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
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
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process = None
        if status:
            self._later(f"ended with status {status}")
        else:
            self._wait = 0.0

    def _later(self, why: str) -> None:
        self._wait = min(max(2 * self._wait, _FIRST_WAIT_SECONDS), _LONGEST_WAIT_SECONDS)
        self._not_before = time.monotonic() + self._wait
        _log.warning("what looks after baking periods %s; next try in %g s", why, self._wait)


def main(root: str) -> int:
    """Look until the owner has gone (its end of our standard input is closed), or a period has ended."""
    from workbench.store.clock import SystemClock

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to the owner, too, which sees to us
    project, clock = open_project(root), SystemClock()
    os.chdir(project.root)
    evaluator: Evaluator | None = None
    rehearsed, said = False, ""
    while True:
        begun = time.monotonic()
        try:
            if evaluator is None and _is_watched(project, clock):
                evaluator = _evaluator(project)
            if evaluator is not None and not _look(evaluator, clock):
                return 0
            if evaluator is not None and not rehearsed:
                rehearsed = True
                _rehearse(evaluator)
            said = ""
        except Exception as error:  # whatever it is, the next look may do better
            if (now := f"{type(error).__name__}: {error}".splitlines()[0]) != said:
                said = now
                _log.warning("the baking period cannot be looked at: %s", said)
        pause = max(_EVERY_SECONDS, (time.monotonic() - begun) / _SHARE)
        if select.select([sys.stdin], [], [], pause)[0]:
            return 0


def _is_watched(project: Project, clock: Clock) -> bool:
    from workbench.store import baking
    from workbench.store.database import open_database

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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
