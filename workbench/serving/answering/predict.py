"""From requests that wait together to predictions: grouped, checked, scored. Logged by somebody else."""

from __future__ import annotations

import contextlib
import functools
import itertools
import secrets
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from workbench.serving.answering.call import Answer, Call
from workbench.serving.answering.failures import REFUSED, TIMEOUT, TakesFailures, error_of
from workbench.serving.log.batch import Batch, Columns, Role, row_ids
from workbench.serving.models.lineup import Canary, Models
from workbench.serving.models.loaded import LoadedModel
from workbench.serving.protocol.asked import Asked
from workbench.serving.protocol.schema import Refused
from workbench.store.clock import Clock

__all__ = ["Predicted", "Predictor"]

_ROWS_TOGETHER = 500
# So many failures of one kind in a row are nobody's values: a database of the builder's that is away, a bug.
_FAIL_ALIKE = 5
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
# What a feature builder or an estimator raises on values that it cannot take.
_ABOUT_VALUES = (ValueError, TypeError, KeyError, OverflowError, ArithmeticError)
# A builder, being a project's own lines, also stumbles over ``None.upper()`` and ``"".split()[0]``; an
# estimator that raises such is broken.
_ABOUT_RAW_VALUES = (*_ABOUT_VALUES, AttributeError, LookupError)


@dataclass(frozen=True, slots=True)
class Predicted:
    """Requests that one version answered together: what the log keeps, and the answer to each.

    ``columns`` are the typed raw columns; in the log personal ones may be concealed. ``feature_seconds`` and
    ``model_seconds`` are what building the features and asking the model took.
    """

    model: LoadedModel
    columns: Columns
    batch: Batch
    calls: Sequence[Call]
    answers: Sequence[Answer]
    feature_seconds: float
    model_seconds: float


@dataclass(slots=True)
class _Outcome:
    predicted: list[Predicted] = field(default_factory=list)
    failed: list[tuple[Call, Exception]] = field(default_factory=list)


class Predictor:
    """Predicts; nothing that it returns may be told before it is in the log.

    Requests that ask the same of the same version are predicted as one batch: pandas, scikit-learn and numpy
    take about as long for one row as for dozens. If that batch raises, whatever it is, each of its requests
    is tried by itself, so none suffers from another.

    Parameters
    ----------
    prefix : str, optional
        Of prediction ids, which are counted. By default it is random, so that they are unique over restarts.
    """

    def __init__(
        self,
        models: Models,
        *,
        clock: Clock,
        simulated: bool,
        code_version: str,
        canary: Canary | None = None,
        conceal: Callable[[Columns], Columns] | None = None,
        failures: TakesFailures | None = None,
        prefix: str = "",
    ) -> None:
        self._models, self._clock, self._simulated = models, clock, simulated
        self._code_version, self._canary = code_version, canary or Canary()
        self._conceal, self._failures = conceal, failures
        self._prefix, self._counter = prefix or secrets.token_hex(8), itertools.count()

    def predict(self, calls: Sequence[Call]) -> _Outcome:
        """Predict requests that wait together; each of them is in one of the two lists that come back."""
        lineup = self._models.now
        outcome = _Outcome()
        groups: dict[Hashable, tuple[LoadedModel, Role, list[Call]]] = {}
        for call in calls:
            try:
                model, role = lineup.choose(call.asked, call.request_id, self._canary)
            except Refused as refused:
                outcome.failed.append((call, refused))
                continue
            # A large request gains nothing by company, and would make it wait.
            alone = call if call.asked.rows > _ROWS_TOGETHER else None
            key = (model.version, role, alone, call.asked.group)
            groups.setdefault(key, (model, role, []))[2].append(call)
        for model, role, group in groups.values():
            for tried in self._together(model, role, group):
                if isinstance(tried, Predicted):
                    outcome.predicted.append(tried)
                else:
                    outcome.failed.append(tried)
        return outcome

    def _together(
        self, model: LoadedModel, role: Role, calls: list[Call]
    ) -> Iterator[Predicted | tuple[Call, Exception]]:
        try:
            yield self._predict(model, role, calls)
        except Exception as error:
            if len(calls) == 1:
                self._failed(model, role, calls[0], error_of(error))
                yield calls[0], error
            else:
                yield from self._one_by_one(model, role, calls)

    def _one_by_one(
        self, model: LoadedModel, role: Role, calls: list[Call]
    ) -> Iterator[Predicted | tuple[Call, Exception]]:
        """What could not be predicted together; once some in a row failed alike, the others are not tried."""
        kinds: list[str] = []
        for place, call in enumerate(calls):
            if call.is_settled:  # it has waited for too long meanwhile
                yield call, Refused(503, "no answer in time")
                continue
            (tried,) = self._together(model, role, [call])
            yield tried
            error = None if isinstance(tried, Predicted) else tried[1]
            kinds.append("" if error is None or isinstance(error, Refused) else type(error).__name__)
            if error is not None and kinds[-1] and kinds[-_FAIL_ALIKE:] == kinds[-1:] * _FAIL_ALIKE:
                for other in calls[place + 1 :]:
                    self._failed(model, role, other, error_of(error))
                    yield other, error
                return

    def timed_out(self, call: Call) -> None:
        """Have it logged that a request was not answered in time."""
        with contextlib.suppress(Refused):
            model, role = self._models.now.choose(call.asked, call.request_id, self._canary)
            self._failed(model, role, call, TIMEOUT)

    def _failed(self, model: LoadedModel, role: Role, call: Call, error: str) -> None:
        if self._failures is not None and (not call.is_settled or error == TIMEOUT):
            make = functools.partial(self._unanswered, model, role, call, error)
            self._failures.offer(model, role, call.asked.rows, make)

    def _unanswered(self, model: LoadedModel, role: Role, call: Call, error: str) -> Batch | None:
        """What the log keeps of a request without an answer; None when its own parameters are wrong."""
        asked, rows = call.asked, call.asked.rows
        try:
            asked_at, user_groups = self._asked_at(asked), asked.user_groups()
        except Refused:
            return None
        try:
            columns = model.request.typed(asked.columns).columns
        except Refused:
            columns, error = {}, REFUSED
        return Batch(
            prediction_ids=self._ids(rows),
            asked_at=asked_at,
            inputs=columns if self._conceal is None else self._conceal(columns),
            features={},
            outputs=np.full(rows, np.nan),
            classes=(),
            model=model.model,
            version=model.version,
            role=role,
            code_version=self._code_version,
            run_id=model.run_id,
            datasets=model.datasets,
            latency_ms=np.full(rows, (time.perf_counter() - call.arrived) * 1000, dtype=np.float32),
            request_ids=[call.request_id] * rows,
            user_groups=user_groups,
            notes={},
            error=error,
        )

    def _predict(self, model: LoadedModel, role: Role, calls: list[Call]) -> Predicted:
        asked = Asked.merged([call.asked for call in calls])
        typed = model.request.typed(asked.columns)
        asked_at = self._asked_at(asked)
        begun = time.perf_counter()
        try:
            features = model.built(typed.columns, asked_at)
        except _ABOUT_RAW_VALUES as error:
            raise _about_values(error) from error
        between = time.perf_counter()
        try:
            outputs = model.scored(features, asked.rows)
        except _ABOUT_VALUES as error:
            raise _about_values(error) from error
        counts = [call.asked.rows for call in calls]
        now = time.perf_counter()
        latencies = np.array([(now - call.arrived) * 1000 for call in calls], dtype=np.float32)
        batch = Batch(
            prediction_ids=self._ids(asked.rows),
            asked_at=asked_at,
            inputs=typed.columns if self._conceal is None else self._conceal(typed.columns),
            features=features.columns,
            outputs=outputs,
            classes=model.classes,
            model=model.model,
            version=model.version,
            role=role,
            code_version=self._code_version,
            run_id=model.run_id,
            datasets=model.datasets,
            latency_ms=latencies if len(calls) == asked.rows else np.repeat(latencies, counts),
            request_ids=[call.request_id for call in calls for _ in range(call.asked.rows)],
            user_groups=asked.user_groups(),
            notes=typed.notes,
        )
        answers = list(_parts(batch, counts))
        return Predicted(model, typed.columns, batch, calls, answers, between - begun, now - between)

    def _ids(self, rows: int) -> list[str]:
        return row_ids(f"{self._prefix}{next(self._counter):08x}", rows)

    def _asked_at(self, asked: Asked) -> NDArray[np.datetime64]:
        times = asked.simulated()
        if times is not None and not self._simulated:
            raise Refused(
                400, "params.simulated_time is taken only by a server that was started for a replay"
            )
        if times is not None:
            return times
        if self._simulated:
            raise Refused(400, "params.simulated_time is missing; this server was started for a replay")
        # In integers: NumPy takes three times as long for a datetime.
        moments = np.empty(asked.rows, dtype=np.int64)
        moments.fill((self._clock.now() - _EPOCH) // _MICROSECOND)
        return moments.view("datetime64[us]")


def _about_values(error: Exception) -> Refused:
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    return Refused(400, f"the features of these rows cannot be built or scored: {reason[:300]}")


def _parts(batch: Batch, counts: Sequence[int]) -> Iterator[Answer]:
    """One answer for each run of rows of the given lengths."""
    first = 0
    for count in counts:
        part = slice(first, first + count)
        notes = (
            {row - first: batch.notes[row] for row in range(part.start, part.stop) if row in batch.notes}
            if batch.notes
            else {}
        )
        yield Answer(batch.outputs[part], batch.prediction_ids[part], batch.version, batch.classes, notes)
        first += count
