"""The agent's own process: imports the preload list, then accepts and forks, and that is all it does.

It has one Python thread, opens no database and no loop, and runs nothing of what it imported: whoever
is forked from it starts from a process in which nothing has happened yet.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NoReturn

from workbench.execution.agent import child, keeper, processes, renew, sharing, wire
from workbench.execution.agent.preload import expanded
from workbench.execution.agent.request import Request, check_room, raise_limits

__all__ = ["main"]

_REQUEST_SECONDS = 10.0
_LEAVE_SECONDS = 5.0


@dataclass(frozen=True)
class Import:
    """One module of the preload list: how long it took, and what went wrong if anything did."""

    module: str
    seconds: float
    problem: str = ""


def preload(names: Sequence[str]) -> list[Import]:
    """Import modules one by one; what cannot be imported is said and left out."""
    done = []
    gc.disable()
    for name in expanded(names):
        started, problem = time.monotonic(), ""
        threads = set(threading.enumerate())
        try:
            importlib.import_module(name)
        except (Exception, SystemExit) as error:
            problem = f"{type(error).__name__}: {error}"
        if new := set(threading.enumerate()) - threads:
            # It would be missing in every forked process, with its locks held.
            problem = f"starts a thread when it is imported: {', '.join(thread.name for thread in new)}"
        done.append(Import(name, round(time.monotonic() - started, 3), problem))
        _say(f"{name}: {problem or f'{done[-1].seconds:.2f} s'}")
    return done


def _say(line: str) -> None:
    with contextlib.suppress(OSError):  # a full disk is no reason not to serve
        print(line, flush=True)


class Agent:
    """Accepts on a socket that its starter has opened, and forks a keeper for each connection."""

    def __init__(self, listening: socket.socket, settings: Mapping[str, Any]) -> None:
        self._listening, self._settings = listening, settings
        self._path = Path(settings["socket"])
        self._inode = self._path.stat().st_ino
        self._idle_seconds = float(settings["idle_seconds"])
        self._pid = os.getpid()
        self._keepers: set[int] = set()
        self._forked = 0
        self._started = time.time()
        self._last_used = time.monotonic()
        self._imports: list[Import] = []
        self._woken, self._wake = os.pipe()

    def serve(self, imports: list[Import]) -> Callable[[], Any]:
        """Until idle or told to go. Returns only in a forked process: what that is to become."""
        self._imports = imports
        os.set_blocking(self._woken, False)
        os.set_blocking(self._wake, False)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._leave)
        self._listening.setblocking(False)
        with contextlib.suppress(OSError):
            Path(self._settings["ready"]).touch()
        while True:
            waited_for = [self._listening.fileno(), self._woken]
            ready, _, _ = select.select(waited_for, [], [], self._idle_seconds)
            with contextlib.suppress(BlockingIOError):
                os.read(self._woken, 4096)
            self._collect()
            if self._listening.fileno() in ready:
                connection = self._accept()
                if connection is not None:
                    return self._in_keeper(connection)
            elif not self._keepers and time.monotonic() - self._last_used >= self._idle_seconds:
                self._leave()

    def _accept(self) -> socket.socket | None:
        """Fork for one connection; it is returned in the forked process only."""
        try:
            connection, _ = self._listening.accept()
        except OSError:
            return None
        connection.setblocking(True)
        if wire.peer(connection)[1] == os.getuid():
            self._last_used = time.monotonic()
            try:
                pid = os.fork()
            except OSError as error:
                with contextlib.suppress(OSError):
                    wire.send(connection, {"problem": f"the agent cannot fork: {error.strerror}"})
            else:
                if pid == 0:
                    return connection
                self._keepers.add(pid)
                self._forked += 1
        connection.close()
        return None

    def _in_keeper(self, connection: socket.socket) -> Callable[[], Any]:
        """In the forked process: read what is wanted. Returns only in the process below the keeper."""
        signal.set_wakeup_fd(-1)
        self._listening.close()
        os.close(self._woken)
        os.close(self._wake)
        keeper.alone()
        connection.settimeout(_REQUEST_SECONDS)
        try:
            message, files = wire.receive_with_files(connection)
            connection.settimeout(None)
            if "ask" in message:
                self._answer(connection, message["ask"])
            if message["stamp"] != self._settings["stamp"]:
                self._end_agent()
                wire.send(connection, {"out_of_date": True})
                os._exit(0)
            request = Request.from_message(message)
        except (OSError, ValueError, TypeError, KeyError):
            os._exit(0)  # it is not one of us

        def prepare() -> None:
            check_room(request.inherited)
            child.prepare(request, files)

        try:
            become = keeper.Keeper(
                connection, request, files, become=lambda: child.run(request), prepare=prepare
            ).keep()
        except BaseException:
            traceback.print_exc()
            os._exit(1)  # or this would end as the agent does, with the exit handlers of its libraries
        if become is None:
            os._exit(0)
        return become

    def _end_agent(self) -> None:
        """In the forked process: tell the agent to go, and see it go."""
        for number in (signal.SIGTERM, signal.SIGKILL):  # the latter if it has been stopped
            until = time.monotonic() + _LEAVE_SECONDS
            if os.getppid() == self._pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._pid, number)
            while os.getppid() == self._pid and time.monotonic() < until:
                time.sleep(0.005)

    def _answer(self, connection: socket.socket, question: str) -> NoReturn:
        if question == "stop":
            self._end_agent()
        facts = {
            "pid": self._pid,
            "prefix": self._settings["prefix"],
            "started": self._started,
            "idle_seconds": self._idle_seconds,
            "forked": self._forked,
            "imports": [asdict(item) for item in self._imports],
            "stamp": self._settings["stamp"],
        }
        wire.send(connection, facts)
        os._exit(0)

    def _collect(self) -> None:
        """Forget keepers that have ended; end what a keeper that was killed has left behind."""
        orphaned = False
        for pid, status in processes.reap().items():
            orphaned = orphaned or status != 0 or pid not in self._keepers
            self._keepers.discard(pid)
            self._last_used = time.monotonic()  # what ran for an hour was in use for an hour
        if orphaned:
            below = set(processes.children()[os.getpid()]) - self._keepers
            for pid in below:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def _leave(self, *_: object) -> NoReturn:
        """Go; what was forked goes on without us."""
        with contextlib.suppress(OSError):
            if self._path.stat().st_ino == self._inode:
                self._path.unlink()
        os._exit(0)


def main() -> None:
    """Run as an agent: settings as JSON on standard input, the listening socket's number among them."""
    settings = json.load(sys.stdin)
    if os.fork():
        os._exit(0)  # so that no agent is anybody's child
    os.setsid()
    os.chdir("/")
    del sys.path[0]
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    processes.name_this(processes.AGENT)
    processes.adopt_orphans()
    raise_limits()
    agent = Agent(socket.socket(fileno=settings["listening"]), settings)
    sharing.note_kernel_modules()
    imports = preload(settings["preload"])
    renew.remember()
    sharing.prepare_to_share()
    importlib.import_module("workbench.tracking.witness").note_libraries()
    gc.collect()
    gc.freeze()
    agent.serve(imports)()


if __name__ == "__main__":
    main()
