"""Where requests are taken and answers handed out, on the event loop's side.

Two ways lead to an answer. Versions on the compiled path cost microseconds a row, so the loop asks them
itself, all that arrived in one round of it together. Every other version is asked in a thread of its own.
Both hand what they predicted to the :class:`~workbench.serving.answering.commit.Committer`.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Sequence

from threadpoolctl import threadpool_limits

from workbench.serving.answering.call import Call
from workbench.serving.answering.commit import Committer
from workbench.serving.answering.predict import Predicted, Predictor
from workbench.serving.answering.waiting import all_waiting
from workbench.serving.models.lineup import Models
from workbench.serving.protocol.schema import Refused

__all__ = ["Desk"]

_log = logging.getLogger(__name__)
# While batches are written the next is predicted. More and smaller ones cost more in all; fewer and larger
# ones leave the processor idle while the disk works.
_UNDER_WAY = 2
_CALLS_TOGETHER = 64
# What the loop predicts itself takes it a few milliseconds at most.
_ROWS_AT_ONCE, _BYTES_AT_ONCE = 1_000, 2**20
# For how much of the time that the last batch took the next one waits for company.
_PATIENCE = 0.25
# For calls that were told already why there is no answer.
_GIVEN_UP = Refused(503, "no answer in time")


class Desk:
    """Takes requests, and gives each its answer once that is in the log.

    ``waiting`` requests may be under way, and none longer than ``seconds``.
    """

    def __init__(
        self, predictor: Predictor, committer: Committer, models: Models, *, waiting: int, seconds: float
    ) -> None:
        self._predictor, self._committer, self._models = predictor, committer, models
        self._most, self._seconds = waiting, seconds
        self._open: set[Call] = set()
        self._gathered: list[Call] = []
        self._scheduled = False
        self._under_way = 0
        self._room = threading.Semaphore(_UNDER_WAY)
        self._for_thread: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work_off, name="predict", daemon=True)
        self._watching: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> int:
        """Requests that are not answered yet."""
        return len(self._open)

    def start(self) -> None:
        """In the event loop."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()
        self._watch()

    def take(self, call: Call) -> None:
        """Take a request; ``call.tell`` is called with its answer, or with why there is none.

        That is :class:`Refused` when it cannot be answered as it is, with 503 when it took too long, and
        :class:`LogFailed` when the answer cannot be logged.

        Raises
        ------
        Refused
            With 429, when too many wait.
        """
        quick = (
            call.asked.rows <= _ROWS_AT_ONCE
            and call.size <= _BYTES_AT_ONCE
            and self._models.now.is_compiled(call.asked.version)
        )
        # What they asked who were told already that there is no answer is still there.
        if max(len(self._open), len(self._gathered) if quick else self._for_thread.qsize()) >= self._most:
            raise Refused(429, "too many requests are waiting; try again in a second")
        self._open.add(call)
        call.forget = self._open.discard
        if quick:
            self._gathered.append(call)
            self._schedule()
        else:
            self._for_thread.put(call)

    def stop(self, seconds: float) -> bool:
        """Answer what is under way, for at most ``seconds``; whether all of it was."""
        end = time.monotonic() + seconds
        if self._watching is not None:
            self._watching.cancel()
        self._for_thread.put(None)
        self._thread.join(seconds)
        return self._committer.stop(max(0.0, end - time.monotonic())) and not self._thread.is_alive()

    def _predict_here(self) -> None:
        self._scheduled = False
        count = _fitting(self._gathered)
        calls, self._gathered = self._gathered[:count], self._gathered[count:]
        predicted = self._predict(calls)
        if predicted:
            self._under_way += 1
            self._committer.put(predicted, self._loop, self._written)
        self._schedule()

    def _written(self) -> None:
        self._under_way -= 1
        self._schedule()

    def _schedule(self) -> None:
        if self._gathered and not self._scheduled and self._under_way < _UNDER_WAY:
            self._scheduled = True
            # Behind what else this round of the loop has to read: that comes along.
            self._loop.call_soon(self._predict_here)

    def _work_off(self) -> None:
        # The trees' OpenMP threads would fight over the cores with those of other threads and processes.
        with threadpool_limits(limits=1):
            ended, expected, patience = False, 0, 0.0
            while not ended:
                calls, ended = all_waiting(self._for_thread, expected, patience)
                begun = time.perf_counter()
                if predicted := self._predict(calls):
                    self._room.acquire()
                    self._committer.put(predicted, self._loop, self._room.release)
                # Who gets an answer now may well ask anew, and together takes as long as alone.
                expected = len(calls) + self._for_thread.qsize()
                patience = _PATIENCE * (time.perf_counter() - begun)

    def _predict(self, calls: Sequence[Call]) -> Sequence[Predicted]:
        given_up = {call for call in calls if call.is_settled}
        if given_up:
            calls = [call for call in calls if call not in given_up]
            self._fail([(call, _GIVEN_UP) for call in given_up])
        if not calls:
            return ()
        try:
            outcome = self._predictor.predict(calls)
        except Exception as error:  # nobody may wait for ever because of what was not foreseen
            _log.exception("a prediction failed")
            self._fail([(call, error) for call in calls])
            return ()
        self._fail(outcome.failed)
        return outcome.predicted

    def _fail(self, failed: Sequence[tuple[Call, Exception]]) -> None:
        for call, error in failed:
            if threading.current_thread() is self._thread:
                self._loop.call_soon_threadsafe(call.settle, error)
            else:
                call.settle(error)

    def _watch(self) -> None:
        """Let nobody wait longer than is allowed, whatever hangs."""
        oldest = time.perf_counter() - self._seconds
        for call in [call for call in self._open if call.arrived < oldest]:
            if not call.is_settled:
                self._predictor.timed_out(call)
            call.give_up(Refused(503, f"no answer within {self._seconds:g} s; the model or the log hangs"))
        self._watching = self._loop.call_later(min(1.0, self._seconds / 4), self._watch)


def _fitting(calls: Sequence[Call]) -> int:
    """How many of the first are few enough, in requests and in rows, to be predicted together."""
    rows = 0
    for count, call in enumerate(calls[:_CALLS_TOGETHER]):
        rows += call.asked.rows
        if rows > _ROWS_AT_ONCE:
            return max(1, count)
    return min(len(calls), _CALLS_TOGETHER)
