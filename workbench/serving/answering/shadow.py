"""Shadows: the same rows to other versions, logged beside the champion's answer, felt by nobody."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from threadpoolctl import threadpool_limits

from workbench.serving.http.health import Counts
from workbench.serving.log.writer import Batch, LogWriter
from workbench.serving.models.loaded import LoadedModel

__all__ = ["Shadows"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Job:
    """A logged answer, to be answered again by ``models``."""

    models: tuple[LoadedModel, ...]
    answered: LoadedModel
    batch: Batch


class Shadows:
    """Predicts with the shadows in one thread of its own, into a log file of its own.

    What does not fit into the queue is dropped and counted; what raises is counted; a shadow that
    hangs holds up other shadows, and nothing else.
    """

    def __init__(self, open_log: Callable[[], LogWriter], most_rows: int) -> None:
        self._open_log, self._most_rows = open_log, most_rows
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._waiting_rows = 0
        self._thread = threading.Thread(target=self._work, name="shadows", daemon=True)
        self._writer: LogWriter | None = None
        self._rows = self._failed = self._dropped = 0

    def start(self) -> None:
        self._thread.start()

    def offer(self, models: tuple[LoadedModel, ...], answered: LoadedModel, batch: Batch) -> None:
        """Take an answered batch, or drop it when too many rows wait. Returns at once."""
        rows = len(batch.prediction_ids)
        with self._lock:
            if self._waiting_rows + rows > self._most_rows:
                self._dropped += rows
                return
            self._waiting_rows += rows
        self._queue.put(_Job(models, answered, batch))

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
        with threadpool_limits(limits=1):  # see Lane
            self._work_off()

    def _work_off(self) -> None:
        while (job := self._queue.get()) is not None:
            with self._lock:
                self._waiting_rows -= len(job.batch.prediction_ids)
            for model in job.models:
                try:
                    self._answer(job, model)
                except Exception as error:  # whatever a shadow raises is its own affair
                    self._failed += len(job.batch.prediction_ids)
                    _log.warning("shadow %s: %s: %s", model.version, type(error).__name__, error)
        if self._writer is not None:
            self._writer.close()

    def _answer(self, job: _Job, model: LoadedModel) -> None:
        begun = time.perf_counter()
        batch = job.batch
        features = batch.features
        if model.features is not job.answered.features:
            features = model.features(batch.inputs, batch.asked_at)
        scores = model.score(features)
        if self._writer is None:
            self._writer = self._open_log()
        self._writer.append(
            replace(
                batch,
                features=features,
                scores=scores,
                model=model.model,
                version=model.version,
                role="shadow",
                run_id=model.run_id,
                memory=model.features.versions,
                latency_ms=(time.perf_counter() - begun) * 1000,
            )
        )
        self._rows += len(scores)
