"""A version's answers since a moment, cut into windows, each with the figures that guards look at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from workbench.config.baking import BakingConfig
from workbench.data.summary import PREDICTION, Counting, NumberSummary, Summary, summarize
from workbench.monitoring.baking.evidence import Before, WindowFigures
from workbench.monitoring.drift.methods import normed_wasserstein
from workbench.monitoring.health.requests import Requests, requests_of
from workbench.serving.log.columns import combined, in_time_order

if TYPE_CHECKING:
    import pyarrow as pa

    from workbench.serving.log.read import PredictionLog

__all__ = ["Yardstick", "answers_of", "look_before", "windows_since"]

_COLUMNS = ("asked_at", *Requests.COLUMNS, "score")
#: What is written late into a window: failures wait a second, a disk that is busy for some.
_GRACE = timedelta(seconds=30)
# A distance between fewer scores measures chance more than change.
_FEWEST_SCORES = 200
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, eq=False)
class Yardstick:
    """What the answers are held against.

    Attributes
    ----------
    config : BakingConfig
    reference : Summary
        Of the version, from its registration; it may hold no scores.
    before : Before or None
        The champion before, if it was asked anything.
    before_scores : Summary
        Of its answers.
    """

    config: BakingConfig
    reference: Summary
    before: Before | None = None
    before_scores: Summary = field(default_factory=lambda: Summary(0, {}))

    @property
    def slowest_ms(self) -> float:
        """How long a request may take by the champion before; NaN when that is not asked, or not known."""
        if self.config.slower_than_before is None or self.before is None:
            return float("nan")
        if self.before.requests < self.config.minimum_requests:
            return float("nan")
        return self.config.slower_than_before * self.before.p99_ms

    def suffices(self, window: WindowFigures) -> bool:
        """Whether each guard that is declared can judge a window, so that it need not go on."""
        config = self.config
        by_requests = config.p99_ms is not None or config.slower_than_before is not None
        return (
            window.asked >= config.minimum_rows
            and (not by_requests or window.requests >= config.minimum_requests)
            and (config.score_shift is None or window.rows >= _FEWEST_SCORES)
        )

    def measure(self, answers: pa.Table, start: datetime, end: datetime) -> WindowFigures:
        """The figures of the answers of one window."""
        import pyarrow.compute as pc

        requests, limit = requests_of(answers), self.config.p99_ms
        figures = WindowFigures(
            start,
            end,
            requests.rows,
            requests.failed_rows,
            requests.p99_ms,
            over_limit=0 if limit is None else requests.slower_than(limit),
            over_before=requests.slower_than(self.slowest_ms),
            requests=requests.answered,
            failed_requests=requests.failed,
        )
        if self.config.score_shift is None:
            return figures
        scores = _scores(answers.filter(pc.is_null(answers["error"])))
        return replace(
            figures,
            from_reference=_distance(self.reference, scores),
            from_before=_distance(self.before_scores, scores),
        )


def answers_of(log: PredictionLog, version: int, start: datetime, end: datetime) -> pa.Table:
    """What a version as champion was asked in ``[start, end)``, failures too, in the order of asking."""
    tables = log.batches(start, end, role="champion", version=version, columns=_COLUMNS, failed=None)
    found = [table for table in tables if len(table)]
    return in_time_order(combined(found)) if found else _nothing()


def windows_since(
    answers: pa.Table, since: datetime, now: datetime, yardstick: Yardstick
) -> tuple[list[WindowFigures], WindowFigures]:
    """The windows that are over, and the one that goes on.

    A window in which too little was asked for its guards goes on into the next, so that a quiet service is
    judged, too.

    Parameters
    ----------
    answers : Table
        Of ``[since, now)``, from :func:`answers_of`.
    """
    asked_at = answers["asked_at"].cast("int64").to_numpy()
    over, begin, first = [], since, 0
    for end in _ends(since, now - _GRACE, yardstick.config.window):
        if first == len(asked_at):
            break
        last = int(np.searchsorted(asked_at, _microseconds(end)))
        if last - first < yardstick.config.minimum_rows:
            continue
        part = yardstick.measure(answers.slice(first, last - first), begin, end)
        if yardstick.suffices(part):
            over.append(part)
            begin, first = end, last
    return over, yardstick.measure(answers.slice(first), begin, now)


def look_before(answers: pa.Table, version: int, now: datetime) -> tuple[Before, Summary]:
    """The champion before, by its answers before the promotion, and a summary of its scores."""
    import pyarrow.compute as pc

    answered = answers.filter(pc.is_null(answers["error"]))
    requests = requests_of(answered)
    before = Before(version, answered.num_rows, requests.p99_ms, requests.answered)
    return before, summarize(_scores(answered))


def _ends(since: datetime, until: datetime, length: timedelta) -> Iterator[datetime]:
    end = since + length
    while end <= until:
        yield end
        end += length


def _scores(answered: pa.Table) -> pa.Table:
    return answered.select(["score"]).rename_columns([PREDICTION])


def _distance(reference: Summary, scores: pa.Table) -> float:
    """Between the scores of a reference and these, in its standard deviations."""
    before = reference.columns.get(PREDICTION)
    if not isinstance(before, NumberSummary) or before.finite < _FEWEST_SCORES:
        return float("nan")
    counting = Counting(Summary(reference.rows, {PREDICTION: before}))
    counting.add(scores)
    now = counting.summary().columns[PREDICTION]
    if not isinstance(now, NumberSummary) or now.finite < _FEWEST_SCORES:
        return float("nan")
    return normed_wasserstein(before, now)


def _nothing() -> pa.Table:
    import pyarrow as pa

    from workbench.serving.log.decoding import LEADING

    return pa.schema([(name, LEADING[name]) for name in _COLUMNS]).empty_table()


def _microseconds(moment: datetime) -> int:
    return int((moment - _EPOCH) / timedelta(microseconds=1))
