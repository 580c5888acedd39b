"""The keeper of one process: tells the owner how it ended, and lets nothing outlive the owner.

The owner is the process at the other end of the connection. The keeper adopts whatever its process
leaves behind (double forks and new sessions included), so that when the process ends, or the owner
does by any death, everything below ends within seconds. A keeper needs no agent once it runs.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from typing import Any

from workbench.execution.agent import processes, wire
from workbench.execution.agent.request import Request, take_over

__all__ = ["Keeper", "main"]


class Keeper:
    """Starts one process and looks after it.

    Parameters
    ----------
    connection : socket
        To the owner, who has sent the request.
    request : Request
    files : sequence of int
        Standard input, output and error for the process.
    become : callable
        Called in the new process; does not return.
    """

    def __init__(
        self,
        connection: socket.socket,
        request: Request,
        files: Sequence[int],
        become: Callable[[], Any],
        prepare: Callable[[], None],
    ) -> None:
        self._connection, self._request, self._files = connection, request, files
        self._become, self._prepare = become, prepare

    def keep(self) -> Callable[[], Any] | None:
        """Run the process to its end. Returns only in the *new* process: what it is to do next."""
        try:
            processes.adopt_orphans()
            woken, wake = os.pipe()
            os.set_blocking(woken, False)
            os.set_blocking(wake, False)
            signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
            signal.signal(signal.SIGCHLD, lambda *_: None)
            here, there = socket.socketpair()
            keeper = os.getpid()
            pid = os.fork()
        except OSError as error:
            with contextlib.suppress(OSError):
                wire.send(self._connection, {"problem": f"no process can be started: {error.strerror}"})
            return None
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for file in (woken, wake):
                os.close(file)
            here.close()
            self._connection.close()
            return self._start(there, keeper)
        there.close()
        for file in self._files:
            os.close(file)
        if not self._introduce(pid, here):
            return None
        status = self._watch(pid, woken)
        self._tidy()
        with contextlib.suppress(OSError):
            wire.send(self._connection, {"ended": status})
        return None

    def _start(self, keeper_side: socket.socket, keeper: int) -> Callable[[], Any] | None:
        """In the new process: get ready, say so, and wait for the word."""
        try:
            os.setsid()
            processes.die_with_parent(keeper)
            processes.name_this(self._request.name)
            self._prepare()
            wire.send(keeper_side, {})
            wire.receive(keeper_side)
            keeper_side.close()
            return self._become
        except wire.Gone:
            pass
        except KeyboardInterrupt:  # the first that it was told
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)
        except Exception as error:
            with contextlib.suppress(OSError):
                wire.send(keeper_side, {"problem": f"{type(error).__name__}: {error}"})
        os._exit(1)

    def _introduce(self, pid: int, child_side: socket.socket) -> bool:
        """Tell the owner of the process, and only then let it run: nothing is ever started twice."""
        with child_side:
            try:
                answer = wire.receive(child_side)
            except OSError:
                answer = {"problem": "the process ended before it was ready"}
            try:
                wire.send(self._connection, answer or {"started": pid})
                if not answer:
                    wire.receive(self._connection)  # its word: from now on it passes signals on
            except OSError:
                answer = {"problem": "the owner has gone"}
            if not answer:
                with contextlib.suppress(OSError):  # it has been killed: the owner is told below
                    wire.send(child_side, {})
                return True
        processes.end_descendants(0)
        return False

    def _watch(self, pid: int, woken: int) -> int:
        """Until the process has ended, or its owner: pass signals on, collect what has ended."""
        poll = select.poll()
        poll.register(self._connection, select.POLLIN)
        poll.register(woken, select.POLLIN)
        owner = self._owner()
        if owner is not None:
            poll.register(owner, select.POLLIN)
        ended: dict[int, int] = processes.reap()
        alone = False
        while pid not in ended and not alone:
            for file, _ in poll.poll():
                if file == woken:
                    with contextlib.suppress(BlockingIOError):
                        os.read(woken, 4096)
                elif file == owner:
                    alone = True
                else:
                    alone = alone or not self._pass_on(pid)
            ended |= processes.reap()
        ended |= processes.end_descendants(self._request.grace)
        return ended.get(pid, -signal.SIGKILL)

    def _owner(self) -> int | None:
        """A descriptor that tells when the owner ends, even if others hold the connection open."""
        owner, _ = wire.peer(self._connection)
        try:
            return os.pidfd_open(owner) if owner else None
        except OSError:
            return None  # an old kernel, or the owner has gone: then the connection says so

    def _pass_on(self, pid: int) -> bool:
        """Do what the owner says; False when it has gone."""
        try:
            number = wire.receive(self._connection)["signal"]
        except (OSError, KeyError, TypeError):
            return False
        with contextlib.suppress(OSError, TypeError):
            os.killpg(pid, number)
        return True

    def _tidy(self) -> None:
        for path in self._request.remove:
            with contextlib.suppress(OSError):
                os.unlink(path)


def alone(folder: str = "/") -> None:
    """Leave session, folder and signals of whoever started this process."""
    os.setsid()
    os.chdir(folder)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    processes.name_this(processes.KEEPER)


def main() -> None:
    """``python -m workbench.execution.agent.keeper FD``: keep an ordinary process, without an agent."""
    connection = socket.socket(fileno=int(sys.argv[1]))
    try:
        message, files = wire.receive_with_files(connection)
    except wire.Gone:
        return  # the owner has gone already
    request = Request.from_message(message)
    alone()

    def prepare() -> None:
        take_over(request.inherited)
        for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, others expect them
            signal.signal(number, signal.SIG_DFL)
        os.chdir(request.folder)
        for target, file in enumerate(files):
            os.dup2(file, target)
            os.set_inheritable(target, True)  # also where file and target are one

    def become() -> None:
        os.execvpe(request.command[0], request.command, dict(request.environment))

    action = Keeper(connection, request, files, become, prepare).keep()
    if action is not None:
        try:
            action()
        except OSError as error:
            print(f"workbench: {request.command[0]} cannot be started: {error.strerror}", file=sys.stderr)
        os._exit(127)


if __name__ == "__main__":
    main()
