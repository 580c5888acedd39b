"""One worker thread with a bounded number of tasks waiting for it."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from workbench.serving.answering.waiting import all_waiting
from workbench.serving.protocol.schema import Refused

__all__ = ["Lane"]

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class _Job(Generic[_Task, _Result]):
    task: _Task
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[_Result]


class Lane(Generic[_Task, _Result]):
    """Works tasks off in one thread, for coroutines that await the results.

    All that wait when the thread is free are given to ``work`` together; it returns for each, in order,
    its result or the error to raise. The thread is a daemon: a model that hangs must not keep the
    process from ending.
    """

    def __init__(
        self, name: str, work: Callable[[list[_Task]], list[_Result | Exception]], most_waiting: int
    ) -> None:
        self._work, self._most = work, most_waiting + 1
        self._under_way = 0
        self._jobs: queue.SimpleQueue[_Job[_Task, _Result] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    async def run(self, task: _Task) -> _Result:
        """The task's result; :class:`Refused` (429) at once when too many wait already."""
        if self._under_way >= self._most:
            raise Refused(429, "too many requests are waiting; try again in a second")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_Result] = loop.create_future()
        self._under_way += 1
        self._jobs.put(_Job(task, loop, future))
        return await future

    def stop(self, seconds: float) -> bool:
        """Finish what is under way, for at most ``seconds``; whether it was finished."""
        self._jobs.put(None)
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        ended = False
        while not ended:
            jobs, ended = all_waiting(self._jobs)
            if not jobs:
                continue
            outcomes: list[_Result | Exception]
            try:
                outcomes = self._work([job.task for job in jobs])
            except Exception as error:
                outcomes = [error] * len(jobs)
            for job, outcome in zip(jobs, outcomes, strict=True):
                with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits any more
                    job.loop.call_soon_threadsafe(self._settle, job.future, outcome)

    def _settle(self, future: asyncio.Future[_Result], outcome: _Result | Exception) -> None:
        # Counted until the work is done, also when the client went away before.
        self._under_way -= 1
        if future.cancelled():
            return
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
