"""Group commit: predictions are made durable, and only then their answers go.

A local disk takes a tenth of a millisecond. To hand over to a thread and back took longer than that, and two
threads that contend for the interpreter took half of the processor's time more. So whoever has predicted
commits by himself, as long as the log is quick. A log across a network, one that failed and one that was slow
the last time is written by a thread of its own, for which nobody else has to wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from workbench.errors import ServingError
from workbench.serving.answering.predict import Predicted
from workbench.serving.answering.waiting import all_waiting
from workbench.serving.log.batch import LogFailed, Writer

__all__ = ["Committer"]

# A commit that takes longer would hold up the event loop, so the next ones do not take place in it.
_QUICK_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class _Item:
    predicted: Sequence[Predicted]
    loop: asyncio.AbstractEventLoop
    done: Callable[[], None]


class Committer:
    """Writes at once if the log is quick; else in a thread, all that waits in one transaction.

    Parameters
    ----------
    kept
        Called with what is durable now, before its answers go.
    settled
        Called in the event loop's thread after answers went, with their predictions, the seconds that the
        commit took, and the error if there was one.
    """

    def __init__(
        self,
        writer: Writer,
        *,
        kept: Callable[[Predicted], None],
        settled: Callable[[Sequence[Predicted], float, Exception | None], None],
    ) -> None:
        self._writer, self._kept, self._settled = writer, kept, settled
        self._items: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)
        self._writing = threading.Lock()
        self._was_quick = False

    def start(self) -> None:
        self._thread.start()

    def put(
        self, predicted: Sequence[Predicted], loop: asyncio.AbstractEventLoop, done: Callable[[], None]
    ) -> None:
        """Take predictions; ``done`` is called in the loop once their answers, or their error, went.

        Without any, the log is tried.
        """
        item = _Item(predicted, loop, done)
        if self._was_quick and self._writer.is_local and self._writing.acquire(blocking=False):
            self._write([item])
        else:
            self._items.put(item)

    def stop(self, seconds: float) -> bool:
        """Commit what is under way and close the log; whether that was done in time."""
        self._items.put(None)
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        ended = False
        while not ended:
            items, ended = all_waiting(self._items)
            if items:
                self._writing.acquire()
                self._write(items)
        with self._writing:
            self._writer.close()

    def _write(self, items: Sequence[_Item]) -> None:
        """Write while nobody else does, and let the answers go."""
        begun = time.perf_counter()
        try:
            error = self._commit([one for item in items for one in item.predicted])
        finally:
            self._writing.release()
        taken = time.perf_counter() - begun
        self._was_quick = error is None and taken < _QUICK_SECONDS
        loop = items[0].loop
        if asyncio._get_running_loop() is loop:
            self._settle(items, taken, error)
        else:
            with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits any more
                loop.call_soon_threadsafe(self._settle, items, taken, error)

    def _commit(self, predicted: Sequence[Predicted]) -> Exception | None:
        try:
            self._writer.append([one.batch for one in predicted])
        except ServingError as error:
            return error
        except Exception as error:
            return LogFailed(f"the prediction log cannot be written: {type(error).__name__}: {error}")
        for one in predicted:
            self._kept(one)
        return None

    def _settle(self, items: Sequence[_Item], seconds: float, error: Exception | None) -> None:
        for item in items:
            for one in item.predicted:
                for call, answer in zip(one.calls, one.answers, strict=True):
                    call.settle(answer if error is None else error)
            item.done()
        self._settled([one for item in items for one in item.predicted], seconds, error)
