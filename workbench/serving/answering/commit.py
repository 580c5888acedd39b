"""Group commit: one thread that makes predictions durable, and only then lets their answers go."""

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


@dataclass(frozen=True, slots=True)
class _Item:
    predicted: Sequence[Predicted]
    loop: asyncio.AbstractEventLoop
    done: Callable[[], None]


class Committer:
    """Writes all that waits in one transaction; while that is under way, the next gathers.

    Parameters
    ----------
    kept
        Called in the thread with what is durable now, before its answers go.
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

    def start(self) -> None:
        self._thread.start()

    def put(
        self, predicted: Sequence[Predicted], loop: asyncio.AbstractEventLoop, done: Callable[[], None]
    ) -> None:
        """Take predictions; ``done`` is called in the loop once their answers, or their error, went.

        Without any, the log is tried.
        """
        self._items.put(_Item(predicted, loop, done))

    def stop(self, seconds: float) -> bool:
        """Commit what is under way and close the log; whether that was done in time."""
        self._items.put(None)
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        ended = False
        while not ended:
            items, ended = all_waiting(self._items)
            if not items:
                continue
            predicted = [one for item in items for one in item.predicted]
            begun = time.perf_counter()
            error = self._commit(predicted)
            taken = time.perf_counter() - begun
            with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits any more
                items[0].loop.call_soon_threadsafe(self._settle, items, taken, error)
        self._writer.close()

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
