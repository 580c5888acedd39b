"""What could not be answered, on its way into the log: in a thread of its own, felt by nobody.

Whoever asked is told at once, as ever. A failure is on disk shortly after that, and a flood of them writes no
more than :data:`ROWS_A_SECOND`: the next row that is kept says how many were not.
"""

from __future__ import annotations

import logging
import queue
import threading
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import numpy as np

from workbench.errors import ServingError, WorkbenchError
from workbench.serving.answering.waiting import all_waiting
from workbench.serving.log.batch import Batch, LogFailed, Writer
from workbench.serving.log.unkept import unkept_note
from workbench.serving.models.loaded import LoadedModel
from workbench.serving.protocol.refused import Refused

__all__ = [
    "REFUSED",
    "ROWS_A_SECOND",
    "TIMEOUT",
    "Failures",
    "TakesFailures",
    "error_of",
    "told",
    "unanswered",
]

_log = logging.getLogger(__name__)
#: The answers of a quick model write ten times as much.
ROWS_A_SECOND = 1000
#: Rows that are none by what a raw row has to have, and those that were not answered in time.
REFUSED, TIMEOUT = "refused", "timeout"


class TakesFailures(Protocol):
    """Whoever is told what could not be answered."""

    def offer(self, model: LoadedModel, role: str, rows: int, make: Callable[[], Batch | None]) -> None:
        """Rows that a version could not answer; ``make`` gives them as the log keeps them."""


class Failures:
    """Writes failed rows into a log file of its own.

    Parameters
    ----------
    seconds : float
        How long it waits after a write, so that those of a flood are written together.

    Attributes
    ----------
    rows : int
        How many were written.
    """

    def __init__(self, open_log: Callable[[], Writer], *, seconds: float = 1.0) -> None:
        self._open_log, self._seconds = open_log, seconds
        self._most_rows = round(ROWS_A_SECOND * seconds)
        self._queue: queue.SimpleQueue[Batch | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self.rows = self._waiting_rows = 0
        self._unkept: Counter[tuple[int, str]] = Counter()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._work, name="failures", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def offer(self, model: LoadedModel, role: str, rows: int, make: Callable[[], Batch | None]) -> None:
        """Keep rows that a version could not answer, as ``make`` gives them; called if there is room."""
        with self._lock:
            taken = min(rows, self._most_rows - self._waiting_rows)
            self._waiting_rows += taken
            self._unkept[model.version, role] += rows - taken
        try:
            batch = make() if taken else None
        except Exception:  # whoever asked is still to be told what happened
            _log.exception("a failed answer cannot be logged")
            batch = None
        if batch is None:
            with self._lock:
                self._waiting_rows -= taken
            return
        self._queue.put(batch if taken == rows else batch.only(range(taken)))

    def stop(self, seconds: float) -> bool:
        """Write what waits, for at most ``seconds``; whether that was done."""
        self._ending.set()
        self._queue.put(None)
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _work(self) -> None:
        writer: Writer | None = None
        ended = False
        while not ended:
            batches, ended = all_waiting(self._queue)
            if not batches:
                continue
            told, rows = [self._with_note(batch) for batch in batches], sum(map(_rows, batches))
            try:
                writer = writer or self._open_log()
                writer.append(told)
                self.rows += rows
            except ServingError as error:
                _log.warning("failed answers cannot be logged: %s", error.message)
                with self._lock:
                    for batch in batches:
                        self._unkept[batch.version, batch.role] += _rows(batch)
            self._ending.wait(self._seconds)
            with self._lock:
                self._waiting_rows -= rows
        if writer is not None:
            writer.close()

    def _with_note(self, batch: Batch) -> Batch:
        with self._lock:
            unkept = self._unkept.pop((batch.version, batch.role), 0)
        return replace(batch, notes={0: (unkept_note(unkept),)}) if unkept else batch


def _rows(batch: Batch) -> int:
    return len(batch.prediction_ids)


def error_of(error: BaseException) -> str:
    """An error in one word. Its own words may hold values of rows, and those may be personal."""
    cause = error.__cause__ if isinstance(error, Refused) else None
    return type(cause or error).__name__


def told(error: BaseException) -> str:
    """An error in one line for a server's log: its kind, and the line of ours or the project's that it left.

    Of others' errors the own words stay out, as they may hold values of rows.
    """
    if isinstance(error, WorkbenchError):
        return error.message
    places = traceback.extract_tb(error.__traceback__)
    ours = [place for place in places if "site-packages" not in place.filename] or places[-1:]
    return error_of(error) + "".join(f" at {place.filename}, line {place.lineno}" for place in ours[-1:])


def unanswered(batch: Batch, model: LoadedModel, error: Exception) -> Batch | None:
    """What ``model`` could not answer of rows that another version did answer.

    None when it is the log that failed.
    """
    if isinstance(error, LogFailed):
        return None
    return replace(
        batch,
        features={},
        outputs=np.full(len(batch.prediction_ids), np.nan),
        classes=(),
        model=model.model,
        version=model.version,
        role="shadow",
        run_id=model.run_id,
        datasets=model.datasets,
        notes={},
        error=error_of(error),
    )
