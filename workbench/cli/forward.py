"""Let the agent do a command: same terminal, same signals, same exit status."""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import sys
from typing import Any, NoReturn

from workbench.errors import AgentUnavailable
from workbench.execution.agent import client
from workbench.execution.agent.identity import identify
from workbench.execution.agent.request import Request, inherited

__all__ = ["through_agent"]

_FORWARDED = (
    *(signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2),
    *(signal.SIGWINCH, signal.SIGCONT, signal.SIGTSTP),
)


def through_agent(*, start: bool) -> None:
    """Run this process's command in one forked from the agent, and end as that ended.

    Returns if no agent is ready; ``start`` starts one for what comes later.
    """
    signals = _Signals()
    try:
        process = _forked(signals, start)
    except KeyboardInterrupt:
        os.write(2, b"workbench: interrupted\n")  # as the command itself says it; none has run
        os._exit(1)
    if process is not None:
        _end_like(signals.pass_on(process))


def _forked(signals: _Signals, start: bool) -> client.Process | None:
    """The command's process; None if there is none, and then nothing of it has run."""
    with contextlib.suppress(AgentUnavailable, OSError):
        agent = identify(os.environ, ".")
        request = Request(
            command=("workbench.cli", *sys.argv[1:]),
            folder=os.getcwd(),
            environment=dict(os.environ),
            inherited=inherited(),
            name="workbench",
            import_from=sys.path[0],
        )
        try:
            return client.fork(agent, request, (0, 1, 2), start=False, before=signals.collect)
        except AgentUnavailable:
            signals.give_back()
            if start:
                client.start_agent(agent)
    return None


class _Signals:
    """What is sent to this process and meant for the one that does its work.

    Handlers only note that a signal has come; more of the same that come before it is passed on are one.
    """

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}
        self._woken = -1

    def collect(self, _process: object = None) -> None:
        """From here on: the process may run at any moment, and what comes now is for it."""
        if self._before:
            return
        self._woken, wake = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for number in _FORWARDED:
            if signal.getsignal(number) != signal.SIG_IGN:
                self._before[number] = signal.signal(number, lambda *_: None)

    def give_back(self) -> None:
        """There is no process: what has come is for this one."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        for number in self._arrived():
            os.kill(os.getpid(), number)
        self._before = {}

    def pass_on(self, process: client.Process) -> int:
        """Until the process has ended: its exit status."""
        poll = select.poll()
        poll.register(process.fileno(), select.POLLIN)
        poll.register(self._woken, select.POLLIN)
        while (status := process.poll()) is None:
            poll.poll()
            for number in self._arrived():
                if number == signal.SIGTSTP:
                    # A terminal's Ctrl-Z reaches only us; the process is in a session of its own.
                    process.send_signal(signal.SIGSTOP)
                    os.kill(os.getpid(), signal.SIGSTOP)
                else:
                    process.send_signal(number)
        return status

    def _arrived(self) -> set[int]:
        try:
            return {*os.read(self._woken, 65536)} & {*self._before}
        except OSError:
            return set()


def _end_like(status: int) -> NoReturn:
    if status < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the process has left its own core dump
        if -status != signal.SIGKILL:
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status if status >= 0 else 128 - status)
