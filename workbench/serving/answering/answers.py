"""From the bodies of requests to logged answers. Called by one thread, which predicts and logs."""

from __future__ import annotations

import itertools
import secrets
import time
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from workbench.serving.answering.shadow import Shadows
from workbench.serving.log.writer import Batch, LogWriter, Role
from workbench.serving.models.loaded import LoadedModel, Models
from workbench.serving.protocol.request import Asked, Refused, decode_invocation
from workbench.serving.settings import Limits
from workbench.store.clock import Clock

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Answer", "Answers", "Call"]

_ROWS_TOGETHER = 500
# What a feature builder or an estimator raises on values that it cannot take.
_ABOUT_VALUES = (ValueError, TypeError, KeyError, OverflowError, ArithmeticError)


class Answer(msgspec.Struct, frozen=True):
    """The answer to one request: scores are the probability of the target, one a row."""

    predictions: list[float]
    prediction_ids: list[str]
    model_version: str

    def split(self, counts: list[int]) -> list[Answer]:
        """One answer for each run of rows of the given lengths."""
        ends = list(itertools.accumulate(counts))
        parts = [slice(end - count, end) for end, count in zip(ends, counts, strict=True)]
        return [Answer(self.predictions[p], self.prediction_ids[p], self.model_version) for p in parts]


@dataclass(frozen=True)
class Call:
    """A scoring request as it came in: its body, and ``time.perf_counter()`` when it arrived."""

    body: bytes
    arrived: float


class Answers:
    """Predicts, logs, and only then answers."""

    def __init__(
        self,
        models: Models,
        log: LogWriter,
        shadows: Shadows,
        *,
        clock: Clock,
        simulated: bool,
        code_version: str,
        limits: Limits,
    ) -> None:
        self._models, self._log, self._shadows = models, log, shadows
        self._clock, self._simulated = clock, simulated
        self._code_version, self._limits = code_version, limits
        self._prefix, self._counter = secrets.token_hex(8), itertools.count()

    def answer(self, calls: list[Call]) -> list[Answer | Exception]:
        """Answer requests that wait together; what is returned as an answer is on disk.

        Those that ask the same of the same version are predicted and logged as one batch: pandas and
        scikit-learn take about as long for one row as for hundreds. If that batch is refused, each of its
        requests is answered by itself, so none suffers from another.

        Returns
        -------
        list
            For each request its answer, or :class:`Refused` when it cannot be answered as it is, or
            ``LogFailed`` when the answer cannot be logged: then there is none.
        """
        outcomes: list[Answer | Exception] = [Refused(500, "not answered")] * len(calls)
        groups: dict[Hashable, list[tuple[int, Asked]]] = {}
        for place, call in enumerate(calls):
            try:
                asked = decode_invocation(call.body, self._limits.rows)
            except Refused as refused:
                outcomes[place] = refused
                continue
            # A large request gains nothing by company, and would make it wait.
            together = asked.group if asked.rows <= _ROWS_TOGETHER else place
            groups.setdefault(together, []).append((place, asked))
        for group in groups.values():
            arrived = min(calls[place].arrived for place, _ in group)
            answers = self._answer_together([asked for _, asked in group], arrived)
            for (place, _), answer in zip(group, answers, strict=True):
                outcomes[place] = answer
        return outcomes

    def _answer_together(self, group: list[Asked], arrived: float) -> Sequence[Answer | Exception]:
        try:
            answer = self._answer(Asked.merged(group), arrived)
        except Refused as refused:
            if len(group) == 1:
                return [refused]
            return [answer for asked in group for answer in self._answer_together([asked], arrived)]
        except Exception as error:
            return [error] * len(group)
        return answer.split([asked.rows for asked in group])

    def _answer(self, asked: Asked, arrived: float) -> Answer:
        lineup = self._models.now
        model = lineup.pick(asked.version)
        if model is None:
            raise _not_loaded(asked, [loaded.version for loaded in lineup.loaded])
        batch = self._predict(asked, model, "champion" if model is lineup.champion else "challenger", arrived)
        self._log.append(batch)
        if model is lineup.champion and lineup.shadows:
            self._shadows.offer(lineup.shadows, model, batch)
        return Answer(batch.scores.tolist(), batch.prediction_ids, str(model.version))

    def _predict(self, asked: Asked, model: LoadedModel, role: Role, arrived: float) -> Batch:
        rows = model.request.frame(asked.columns)
        asked_at = self._asked_at(asked)
        try:
            features = model.features(rows, asked_at)
            scores = model.score(features)
        except _ABOUT_VALUES as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise Refused(
                400, f"the features of these rows cannot be built or scored: {reason[:300]}"
            ) from error
        # Random start, then counted: unique over restarts, and short.
        stem = f"{self._prefix}{next(self._counter):08x}"
        return Batch(
            prediction_ids=[f"{stem}-{number}" for number in range(asked.rows)],
            asked_at=asked_at,
            inputs=rows,
            features=features,
            scores=scores,
            model=model.model,
            version=model.version,
            role=role,
            code_version=self._code_version,
            run_id=model.run_id,
            memory=model.features.versions,
            latency_ms=(time.perf_counter() - arrived) * 1000,
        )

    def _asked_at(self, asked: Asked) -> pd.Series[Any]:
        import pandas as pd

        times: list[datetime] | None = asked.times()
        if times is not None and not self._simulated:
            raise Refused(
                400, "params.simulated_time is taken only by a server that was started for a replay"
            )
        if times is None and self._simulated:
            raise Refused(400, "params.simulated_time is missing; this server was started for a replay")
        if times is None:
            times = [self._clock.now().astimezone(UTC)] * asked.rows
        return pd.Series(times, dtype="datetime64[us, UTC]")


def _not_loaded(asked: Asked, loaded: list[int]) -> Refused:
    if asked.version is None:
        return Refused(503, "no version is champion yet; promote one: workbench promote VERSION")
    known = ", ".join(map(str, sorted(loaded))) or "none"
    return Refused(404, f"version {asked.version} is not loaded; loaded: {known}")
