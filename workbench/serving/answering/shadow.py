"""Shadows: the same rows to other versions, logged beside the champion's answer, felt by nobody."""

from __future__ import annotations

import functools
import logging
import queue
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from threadpoolctl import threadpool_limits

from workbench.serving.answering.failures import Failures, told, unanswered
from workbench.serving.answering.predict import Predicted
from workbench.serving.health import Counts
from workbench.serving.log.batch import Batch, Columns, Writer
from workbench.serving.models.loaded import Built, LoadedModel

__all__ = ["Shadows", "beside", "drawn", "in_parts"]

_log = logging.getLogger(__name__)
# To find one row in 5,000 that raises takes 13 failed tries; among many that raise some others are lost.
_MOST_HALVED = 64
# Of one that answers nothing at all: enough for it to be heard again.
_HALVED_WHEN_MUTE = 2


@dataclass(frozen=True)
class _Job:
    """A logged answer, to be answered again by ``models``; ``rows`` of it when only some were drawn."""

    models: tuple[LoadedModel, ...]
    predicted: Predicted
    rows: list[int] | None

    @functools.cached_property
    def batch(self) -> Batch:
        batch = self.predicted.batch
        return batch if self.rows is None else batch.only(self.rows)

    @property
    def columns(self) -> Columns:
        columns = self.predicted.columns
        return columns if self.rows is None else _only(columns, self.rows)

    @property
    def count(self) -> int:
        return len(self.predicted.batch.prediction_ids) if self.rows is None else len(self.rows)


class Shadows:
    """Predicts with the shadows in one thread of its own, into a log file of its own.

    What does not fit into the queue is dropped and counted; what raises is counted, and looked for by halves,
    so that rows beside it are hardly lost; a shadow that hangs holds up other shadows, and nothing else.

    Parameters
    ----------
    most_rows : int
        How many may wait.
    share : float
        Of the rows, drawn by prediction id.
    """

    def __init__(
        self,
        open_log: Callable[[], Writer],
        most_rows: int,
        share: float = 1.0,
        failures: Failures | None = None,
    ) -> None:
        self._open_log, self._most_rows, self._share = open_log, most_rows, share
        self._failures = failures
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._waiting_rows = 0
        self._thread = threading.Thread(target=self._work, name="shadows", daemon=True)
        self._writer: Writer | None = None
        self._rows = self._failed = self._dropped = 0
        self._mute: set[int] = set()  # versions that answered no row of the last batch

    def start(self) -> None:
        self._thread.start()

    def offer(self, models: tuple[LoadedModel, ...], predicted: Predicted) -> None:
        """Take an answered batch, or drop it when too many rows wait. Returns at once."""
        job = _Job(models, predicted, drawn(predicted.batch.prediction_ids, self._share))
        if not job.count:
            return
        with self._lock:
            if self._waiting_rows + job.count > self._most_rows:
                self._dropped += job.count
                return
            self._waiting_rows += job.count
        self._queue.put(job)

    def drain(self, seconds: float) -> bool:
        """Work off what waits, for at most ``seconds``; whether all of it was."""
        self._queue.put(None)
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def counted(self, counts: Counts) -> Counts:
        """``counts`` with the shadows' own."""
        return replace(
            counts, shadow_rows=self._rows, shadow_failed_rows=self._failed, shadow_dropped_rows=self._dropped
        )

    def _work(self) -> None:
        with threadpool_limits(limits=1):  # see Desk
            self._work_off()

    def _work_off(self) -> None:
        while (job := self._queue.get()) is not None:
            with self._lock:
                self._waiting_rows -= job.count
            for model in job.models:
                self._answer(job, model)
        if self._writer is not None:
            self._writer.close()

    def _answer(self, job: _Job, model: LoadedModel) -> None:
        # One that answers nothing at all is not asked over and over for each batch.
        halved = _HALVED_WHEN_MUTE if model.version in self._mute else _MOST_HALVED
        found = list(in_parts(model, job.predicted.model, job.batch, job.columns, halved))
        answered = [part for part, error in found if error is None]
        lost = [(part, error) for part, error in found if error is not None]
        if answered:
            self._mute.discard(model.version)
        elif job.count > 1:
            self._mute.add(model.version)
        try:
            self._append(answered)
        except Exception as error:  # whatever a shadow's log raises is its own affair, too
            lost += [(part, error) for part in answered]
        if lost:
            _log.warning("shadow %s: %s", model.version, told(lost[0][1]))
        for part, why in lost:
            self._lose(part, model, why)

    def _append(self, answered: list[Batch]) -> None:
        if not answered:
            return
        if self._writer is None:
            self._writer = self._open_log()
        self._writer.append(answered)
        self._rows += sum(len(part.prediction_ids) for part in answered)

    def _lose(self, part: Batch, model: LoadedModel, error: Exception) -> None:
        rows = len(part.prediction_ids)
        self._failed += rows
        if self._failures is not None:
            self._failures.offer(model, "shadow", rows, functools.partial(unanswered, part, model, error))


def drawn(prediction_ids: list[str], share: float) -> list[int] | None:
    """The rows of a batch that shadows are asked, too, drawn by prediction id; None for all of them."""
    if share >= 1:
        return None
    limit = share * 2**32
    return [row for row, name in enumerate(prediction_ids) if zlib.crc32(name.encode()) < limit]


def beside(shadow: LoadedModel, answered_by: LoadedModel, batch: Batch, columns: Columns) -> Batch:
    """What a shadow answers to a batch that another version has answered, as the log keeps it.

    Parameters
    ----------
    columns : dict of ndarray
        The typed raw columns of the batch; in the batch personal ones may be concealed.
    """
    begun, rows = time.perf_counter(), len(batch.prediction_ids)
    same = shadow.features is answered_by.features and shadow.path.compiled is not None
    built = Built(batch.features) if same else shadow.built(columns, batch.asked_at)
    outputs = shadow.scored(built, rows)
    return replace(
        batch,
        features=built.columns,
        outputs=outputs,
        classes=shadow.classes,
        model=shadow.model,
        version=shadow.version,
        role="shadow",
        run_id=shadow.run_id,
        datasets=shadow.datasets,
        latency_ms=np.full(rows, (time.perf_counter() - begun) * 1000, dtype=np.float32),
    )


def in_parts(
    shadow: LoadedModel, answered_by: LoadedModel, batch: Batch, columns: Columns, halved: int = _MOST_HALVED
) -> Iterator[tuple[Batch, Exception | None]]:
    """What a shadow answers, as :func:`beside` does; what it cannot answer together, by halves.

    Parameters
    ----------
    halved : int
        How many times it may be tried anew in two halves.

    Yields
    ------
    tuple of Batch and Exception
        What the shadow answers and None; or rows as they were answered before it, and why it cannot.
    """
    waiting = [(batch, columns)]
    while waiting:
        part, cells = waiting.pop()
        rows = len(part.prediction_ids)
        try:
            answered = beside(shadow, answered_by, part, cells)
        except Exception as error:  # whatever a shadow raises is its own affair
            if rows == 1 or not halved:
                yield part, error
            else:
                halved -= 1
                for half in (range(rows // 2, rows), range(rows // 2)):
                    waiting.append((part.only(half), _only(cells, half)))
        else:
            yield answered, None


def _only(columns: Columns, rows: Sequence[int]) -> Columns:
    return {name: values[rows] for name, values in columns.items()}
