"""Several workers that answer at one address, and the process above them.

It binds the address, starts the workers and replaces those that die; requests never pass through it. It
also stands above a single worker, for ``workbench serve``: the address stays while the worker is replaced.

=============  =====================================================================================
SIGTERM        stop: answer what is under way, then end
SIGINT         the same; a second one ends everything at once
SIGHUP         replace the workers one after the other, each by one that answers already; nothing that
               clients send is lost, and the configuration is read anew
=============  =====================================================================================
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from types import FrameType

import msgspec

from workbench.errors import ServingError
from workbench.serving.child import Child, begin
from workbench.serving.http.accepting import Shares, file_of_shares
from workbench.serving.http.listener import bind, url_of
from workbench.serving.process import Ready
from workbench.serving.settings import Settings
from workbench.store.processes import alive

__all__ = ["Forced", "supervise"]

_log = logging.getLogger(__name__)

_LOOK_SECONDS = 0.1
_BESIDE_SECONDS = 1.0
# Whoever ends within so many seconds has not got far: the next one waits, each time twice as long.
_EARLY_SECONDS = 10.0
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.5, 30.0
_HOPELESS = 5
_SAID = "said: "


class Forced(ServingError):
    """Somebody did not want to wait for a graceful stop."""


@dataclass(eq=False)
class _Worker:
    slot: int
    child: Child
    since: float
    until: float
    ready: Ready | None = None
    instead_of: _Worker | None = None
    leaving: bool = False

    @property
    def pid(self) -> int:
        return self.child.process.pid

    def leave(self, now: float) -> None:
        self.leaving = True
        self.until = now + self.child.stop_seconds
        self.child.leave()


def supervise(
    settings: Settings,
    tell: Callable[[Ready], None],
    *,
    changed: Callable[[Ready], None] = lambda _: None,
    beside: Callable[[], None] = lambda: None,
    seconds: float = 60.0,
) -> None:
    """Serve with ``settings.workers`` processes until a signal ends it.

    Parameters
    ----------
    tell : callable
        Called once, when all workers answer.
    changed : callable
        Called when other workers are there than were told, before they answer.
    beside : callable
        Called every few seconds while they answer. It must not block; that it raises is logged once.
    seconds : float
        How long a worker may take to be ready.

    Raises
    ------
    ServingError
        When the address cannot be had, when a worker cannot start, or when none can be started any longer.
    Forced
        When a second SIGINT ended it.
    """
    with bind(settings.host, settings.port) as listening, _metrics(settings) as folder:
        url = url_of(listening, tls=settings.tls is not None)
        shares = file_of_shares(2 * settings.workers)  # a replacement is there before the replaced has gone
        try:
            told = replace(settings, metrics_folder=folder)
            supervisor = _Supervisor(told, (listening.fileno(), shares), url, seconds)
            with supervisor.signals():
                supervisor.run(tell, changed, _Beside(beside))
                listening.close()
                supervisor.stop()
        finally:
            os.close(shares)


class _Beside:
    """What is called every few seconds; it never hurts those that answer."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call, self._next, self._failed = call, 0.0, False

    def __call__(self) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _BESIDE_SECONDS
        try:
            self._call()
        except Exception:
            if not self._failed:
                _log.exception("what is done beside serving fails; serving goes on")
            self._failed = True


class _Supervisor:
    def __init__(self, settings: Settings, files: tuple[int, int], url: str, seconds: float) -> None:
        self._settings, self._files, self._url, self._seconds = settings, files, url, seconds
        self._shares = Shares(files[1])
        for slot in range(len(self._shares)):
            self._shares.leave(slot)
        self._workers: list[_Worker] = []
        self._to_replace: list[_Worker] = []
        self._failures = 0
        self._not_before = 0.0
        self._started = self._ending = self._forced = self._renew = False
        self._woken, self._wake = os.pipe()

    def run(
        self, tell: Callable[[Ready], None], changed: Callable[[Ready], None], beside: Callable[[], None]
    ) -> None:
        """Until somebody wants it to end, or it cannot go on."""
        try:
            known: tuple[int, ...] = ()
            while not self._ending:
                self._fill_up()
                if self._started and (pids := tuple(worker.pid for worker in self._workers)) != known:
                    known = pids
                    changed(self._ready())
                self._look()
                if not self._started and self._answering() == self._settings.workers:
                    self._started = True
                    known = tuple(worker.pid for worker in self._workers)
                    tell(self._ready())
                if self._started:
                    beside()
        except BaseException:
            self._kill()
            raise

    def stop(self) -> None:
        """End all workers, gracefully unless that takes too long or is not wanted."""
        now = time.monotonic()
        for worker in self._workers:
            if not worker.leaving:
                worker.leave(now)
        while self._workers:
            if self._forced:
                self._kill()
                raise Forced("stopped at once; what was under way has got no answer")
            self._look()

    @contextlib.contextmanager
    def signals(self) -> Iterator[None]:
        """Follow signals as the module says, and let go of them at the end."""
        os.set_blocking(self._woken, False)
        os.set_blocking(self._wake, False)
        before = signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        handlers = {number: signal.signal(number, self._on_signal) for number in numbers}
        try:
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(before)
            os.close(self._woken)
            os.close(self._wake)

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        if number == signal.SIGHUP:
            self._renew = True
        else:
            self._forced = self._ending and number == signal.SIGINT
            self._ending = True

    def _ready(self) -> Ready:
        first = next(worker.ready for worker in self._workers if worker.ready is not None)
        return replace(
            first, pid=os.getpid(), url=self._url, workers=tuple(worker.pid for worker in self._workers)
        )

    def _answering(self) -> int:
        return sum(worker.ready is not None and not worker.leaving for worker in self._workers)

    def _fill_up(self) -> None:
        """Start what is missing, when its time has come; and the next replacement that somebody asked for."""
        if self._renew:
            self._renew = False
            self._to_replace = [worker for worker in self._workers if not worker.leaving]
            _log.info("replacing %d workers, one after the other", len(self._to_replace))
        staying = [worker for worker in self._workers if not worker.leaving and worker.instead_of is None]
        if time.monotonic() >= self._not_before:
            for _ in range(self._settings.workers - len(staying)):
                self._begin()
        self._to_replace = [worker for worker in self._to_replace if worker in staying]
        if self._to_replace and all(worker.ready for worker in self._workers):
            self._begin(instead_of=self._to_replace.pop(0))

    def _begin(self, instead_of: _Worker | None = None) -> None:
        used = {worker.slot for worker in self._workers}
        slot = next((slot for slot in range(len(self._shares)) if slot not in used), None)
        if slot is None:
            return  # those that leave take their time
        settings = replace(self._settings, worker=slot + 1)
        child = begin(settings, errors=sys.stderr.fileno(), files=self._files)
        now = time.monotonic()
        self._workers.append(_Worker(slot, child, now, now + self._seconds, instead_of=instead_of))

    def _look(self) -> None:
        """Wait a moment, and see to what has happened."""
        starting = {
            worker.child.answers.fileno(): worker
            for worker in self._workers
            if worker.ready is None and not worker.leaving
        }
        readable, _, _ = select.select([*starting, self._woken], [], [], _LOOK_SECONDS)
        with contextlib.suppress(BlockingIOError):
            os.read(self._woken, 4096)
        for file in readable:
            if file in starting:
                self._hear(starting[file])
        now = time.monotonic()
        for worker in list(self._workers):
            status = worker.child.process.poll()
            if status is not None:
                self._ended(worker, f"ended with status {status}")
            elif worker.leaving and now > worker.until:
                _log.warning("worker %d takes too long to stop and is killed", worker.pid)
                worker.child.process.kill()
                self._ended(worker, "was killed")
            elif worker.ready is None and now > worker.until:
                worker.child.process.kill()
                self._ended(worker, f"was not ready within {self._seconds:g} s")

    def _hear(self, worker: _Worker) -> None:
        line = worker.child.hear()
        if not line:
            return  # it has ended, which is seen elsewhere, or goes on telling
        ready = msgspec.json.decode(line, type=Ready)
        if ready.error:
            self._ended(worker, f"{_SAID}{ready.error}")
            return
        worker.ready = ready
        worker.since = time.monotonic()
        if self._started:
            _log.info("worker %d answers", worker.pid)
        if worker.instead_of is not None:
            worker.instead_of.leave(worker.since)
            worker.instead_of = None

    def _ended(self, worker: _Worker, why: str) -> None:
        """Forget a worker; decide when there is to be another one."""
        self._workers.remove(worker)
        worker.child.end()
        self._shares.leave(worker.slot)
        if self._settings.metrics_folder:
            from workbench.serving.http.metrics import forget

            forget(self._settings.metrics_folder, worker.pid)
        for other in self._workers:
            if other.instead_of is worker:
                other.instead_of = None  # it takes the place all the same
        if worker.leaving:
            return
        if not self._started:
            raise ServingError(f"the model server did not start: {why.removeprefix(_SAID)}")
        if worker.instead_of is not None:
            self._to_replace = []
            _log.error("what was to replace worker %d %s; the others stay", worker.instead_of.pid, why)
            return
        now = time.monotonic()
        early = worker.ready is None or now - worker.since < _EARLY_SECONDS
        self._failures = self._failures + 1 if early else 1
        if self._failures >= _HOPELESS and not self._answering():
            raise ServingError(f"no worker can be started any longer; the last one {why}")
        wait = 0.0
        if self._failures > 1:
            wait = min(_FIRST_WAIT_SECONDS * 2 ** (self._failures - 2), _LONGEST_WAIT_SECONDS)
        self._not_before = now + wait
        when = f"in {wait:g} s" if wait else "at once"
        _log.error("worker %d %s; another one is started %s", worker.pid, why, when)

    def _kill(self) -> None:
        for worker in self._workers:
            worker.child.process.kill()
        for worker in self._workers:
            worker.child.end()
        self._workers = []


@contextlib.contextmanager
def _metrics(settings: Settings) -> Iterator[str]:
    """A folder for the counts of several workers; those of processes that were killed are removed."""
    if settings.workers == 1:
        yield ""
        return
    from workbench.project import open_project

    base = open_project(settings.project).state / "serving"
    for left in base.glob("metrics-*"):
        pid = left.name.partition("-")[2]
        if not (pid.isdecimal() and alive(int(pid))):
            shutil.rmtree(left, ignore_errors=True)
    folder = base / f"metrics-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield str(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
