"""Shadows: the same rows to other versions, logged beside the champion's answer, felt by nobody."""

from __future__ import annotations

import functools
import logging
import queue
import threading
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from threadpoolctl import threadpool_limits

from workbench.serving.answering.failures import Failures, unanswered
from workbench.serving.answering.predict import Predicted
from workbench.serving.health import Counts
from workbench.serving.log.batch import Batch, Writer
from workbench.serving.models.loaded import Built, LoadedModel

__all__ = ["Shadows"]

_log = logging.getLogger(__name__)


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
    def count(self) -> int:
        return len(self.predicted.batch.prediction_ids) if self.rows is None else len(self.rows)


class Shadows:
    """Predicts with the shadows in one thread of its own, into a log file of its own.

    What does not fit into the queue is dropped and counted; what raises is counted; a shadow that
    hangs holds up other shadows, and nothing else.

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

    def start(self) -> None:
        self._thread.start()

    def offer(self, models: tuple[LoadedModel, ...], predicted: Predicted) -> None:
        """Take an answered batch, or drop it when too many rows wait. Returns at once."""
        job = _Job(models, predicted, self._drawn(predicted.batch.prediction_ids))
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

    def _drawn(self, prediction_ids: list[str]) -> list[int] | None:
        if self._share >= 1:
            return None
        limit = self._share * 2**32
        return [row for row, name in enumerate(prediction_ids) if zlib.crc32(name.encode()) < limit]

    def _work(self) -> None:
        with threadpool_limits(limits=1):  # see Desk
            self._work_off()

    def _work_off(self) -> None:
        while (job := self._queue.get()) is not None:
            with self._lock:
                self._waiting_rows -= job.count
            for model in job.models:
                try:
                    self._answer(job, model)
                except Exception as error:  # whatever a shadow raises is its own affair
                    self._failed += job.count
                    _log.warning("shadow %s: %s: %s", model.version, type(error).__name__, error)
                    if self._failures is not None:
                        make = functools.partial(unanswered, job.batch, model, error)
                        self._failures.offer(model, "shadow", job.count, make)
        if self._writer is not None:
            self._writer.close()

    def _answer(self, job: _Job, model: LoadedModel) -> None:
        begun = time.perf_counter()
        batch, columns = job.batch, job.predicted.columns
        if job.rows is not None:
            columns = {name: values[job.rows] for name, values in columns.items()}
        same = model.features is job.predicted.model.features and model.path.compiled is not None
        built = Built(batch.features) if same else model.built(columns, batch.asked_at)
        outputs = model.scored(built, job.count)
        if self._writer is None:
            self._writer = self._open_log()
        taken = np.full(job.count, (time.perf_counter() - begun) * 1000, dtype=np.float32)
        self._writer.append(
            [
                replace(
                    batch,
                    features=built.columns,
                    outputs=outputs,
                    classes=model.classes,
                    model=model.model,
                    version=model.version,
                    role="shadow",
                    run_id=model.run_id,
                    datasets=model.datasets,
                    latency_ms=taken,
                )
            ]
        )
        self._rows += job.count
