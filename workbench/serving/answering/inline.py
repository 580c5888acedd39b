"""The server's answers without a server: in the caller's thread, all of them in the log on return."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from workbench.config import ServingConfig
from workbench.serving.answering.call import Answer, Call
from workbench.serving.answering.failures import unanswered
from workbench.serving.answering.predict import Predicted, Predictor
from workbench.serving.answering.shadow import drawn, in_parts
from workbench.serving.log.batch import Batch, Writer
from workbench.serving.models.lineup import Canary, Models
from workbench.serving.protocol.asked import Asked

if TYPE_CHECKING:
    from workbench.data.columns import Columns
    from workbench.serving.models.loaded import LoadedModel
    from workbench.store.clock import Clock

__all__ = ["Inline"]


class Inline:
    """Answers as a server does: by whoever is in front now, then by the shadows; logged together.

    Parameters
    ----------
    simulated : bool
        Rows bring the time at which they are asked.
    latency_ms : float, optional
        What the log says that each answer took; measured by default.
    prefix : str, optional
        Of prediction ids; random by default.
    failed_rows : int
        Requests of so many rows at most are logged when there is no answer to them. By default only rows that
        were asked alone: whoever asks again for parts of a request would have its rows logged several times.
    apart : bool
        The log has each row of a request as one of its own.
    """

    def __init__(
        self,
        models: Models,
        log: Writer,
        *,
        clock: Clock,
        simulated: bool,
        code_version: str,
        config: ServingConfig | None = None,
        conceal: Callable[[Columns], Columns] | None = None,
        latency_ms: float | None = None,
        prefix: str = "",
        failed_rows: int = 1,
        apart: bool = False,
    ) -> None:
        config = config or ServingConfig()
        self._models, self._log = models, log
        self._share, self._latency_ms, self._apart = config.shadow_share, latency_ms, apart
        self._failures = _Kept(failed_rows)
        self._predictor = Predictor(
            models,
            clock=clock,
            simulated=simulated,
            code_version=code_version,
            canary=Canary(config.canary.share, config.canary.key) if config.canary else None,
            conceal=conceal,
            failures=self._failures,
            prefix=prefix,
        )

    def answer(self, requests: Sequence[Asked], request_ids: Sequence[str]) -> list[Answer | Exception]:
        """The answer to each request, or why there is none.

        Raises
        ------
        LogFailed
            The log cannot be written; nothing of it was.
        """
        now = time.perf_counter()
        calls = [Call(asked, now, name) for asked, name in zip(requests, request_ids, strict=True)]
        outcome = self._predictor.predict(calls)
        batches = [predicted.batch for predicted in outcome.predicted]
        for predicted in outcome.predicted:
            batches += self._shadowed(predicted)
        batches += self._failures.taken()
        self._log.append([self._as_logged(batch) for batch in batches])
        answered: dict[int, Answer | Exception] = {id(call): error for call, error in outcome.failed}
        for predicted in outcome.predicted:
            answered |= {
                id(call): answer for call, answer in zip(predicted.calls, predicted.answers, strict=True)
            }
        return [answered[id(call)] for call in calls]

    def _shadowed(self, predicted: Predicted) -> Iterable[Batch]:
        if predicted.batch.role not in ("champion", "canary"):
            return
        rows = drawn(predicted.batch.prediction_ids, self._share)
        batch, columns = predicted.batch, predicted.columns
        if rows is not None:
            batch, columns = batch.only(rows), {name: values[rows] for name, values in columns.items()}
        for shadow in self._models.now.shadows if batch.prediction_ids else ():
            for part, error in in_parts(shadow, predicted.model, batch, columns):
                kept = part if error is None else unanswered(part, shadow, error)
                if kept is not None:
                    yield kept

    def _as_logged(self, batch: Batch) -> Batch:
        if self._latency_ms is not None:
            batch = replace(batch, latency_ms=np.full_like(batch.latency_ms, self._latency_ms))
        return replace(batch, request_ids=batch.prediction_ids) if self._apart else batch


class _Kept:
    """Rows without an answer, until they are logged with those that have one."""

    def __init__(self, most_rows: int) -> None:
        self._most_rows = most_rows
        self._batches: list[Batch] = []

    def offer(self, model: LoadedModel, role: str, rows: int, make: Callable[[], Batch | None]) -> None:
        if rows <= self._most_rows and (batch := make()) is not None:
            self._batches.append(batch)

    def taken(self) -> list[Batch]:
        batches, self._batches = self._batches, []
        return batches
