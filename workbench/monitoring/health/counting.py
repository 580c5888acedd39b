"""How versions served, by the log: volume, latency and failures, read table by table in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from workbench.monitoring.health.quantiles import Quantiles
from workbench.monitoring.health.requests import Requests, requests_of
from workbench.monitoring.health.result import Health
from workbench.monitoring.health.volume import Hours

if TYPE_CHECKING:
    import pyarrow as pa

    from workbench.serving.log.batch import Role

__all__ = ["HealthCount", "by_version"]

_EPOCH, _NEVER = datetime(1970, 1, 1, tzinfo=UTC), 2**63 - 1


@dataclass
class HealthCount:
    """Counts what one version did in one role, table by table.

    A request whose rows come in two tables counts in both: of some 100,000 rows that is one at most.

    Parameters
    ----------
    now : datetime
        What lies after it cannot have been asked yet.

    Attributes
    ----------
    first, last : int
        Times of asking, in microseconds since 1970.
    """

    COLUMNS: ClassVar = ("asked_at", *Requests.COLUMNS)

    role: str
    version: int
    now: datetime
    rows: int = 0
    failed: int = 0
    refused: int = 0
    flagged: int = 0
    requests: int = 0
    failed_requests: int = 0
    answered_before_asked: int = 0
    asked_in_future: int = 0
    _latencies: Quantiles = field(default_factory=Quantiles)
    _hours: Hours = field(default_factory=Hours)
    first: int = _NEVER
    last: int = -_NEVER

    def add(self, table: pa.Table) -> None:
        """Count the rows of a table with :attr:`COLUMNS`, as ``PredictionLog.batches(failed=None)`` gives."""
        import pyarrow.compute as pc

        if not table.num_rows:
            return
        found = requests_of(table)
        self.rows += found.rows
        self.failed += found.failed_rows
        self.refused += found.refused_rows
        self.requests += found.answered
        self.failed_requests += found.failed
        self._latencies.add(found.took_ms)
        notes = table["note"].filter(pc.is_null(table["error"]))
        self.flagged += len(notes) - notes.null_count
        self._add_times(_microseconds(table, "asked_at"), _microseconds(table, "answered_at"))

    def health(self, until: datetime | None = None) -> Health:
        """What there was so far.

        Parameters
        ----------
        until : datetime, optional
            Up to when it should have been asked; by default, up to when it was asked last.
        """
        asked = self.first < _NEVER
        return Health(
            role=self.role,
            version=self.version,
            rows=self.rows,
            failed=self.failed,
            refused=self.refused,
            flagged=self.flagged,
            p50_ms=self._latencies.at(0.5),
            p95_ms=self._latencies.at(0.95),
            p99_ms=self._latencies.at(0.99),
            first=_moment(self.first) if asked else None,
            last=_moment(self.last) if asked else None,
            volume=self._hours.volume(),
            silences=self._hours.silences(until),
            answered_before_asked=self.answered_before_asked,
            asked_in_future=self.asked_in_future,
            requests=self.requests,
            failed_requests=self.failed_requests,
        )

    def _add_times(self, asked: np.ndarray[Any, Any], answered: np.ndarray[Any, Any]) -> None:
        self._hours.add(asked)
        self.answered_before_asked += int((answered < asked).sum())
        self.asked_in_future += int((asked > (self.now - _EPOCH) // timedelta(microseconds=1)).sum())
        self.first = min(self.first, int(asked.min()))
        self.last = max(self.last, int(asked.max()))


def by_version(table: pa.Table) -> Iterator[tuple[Role, int, pa.Table]]:
    """The rows of each role and version in a table with ``role`` and ``model_version``."""
    import pyarrow.compute as pc

    pairs = table.select(["role", "model_version"]).group_by(["role", "model_version"]).aggregate([])
    for pair in pairs.to_pylist():
        role, version = pair["role"], pair["model_version"]
        here = pc.and_(pc.equal(table["role"], role), pc.equal(table["model_version"], version))
        yield role, version, table if pairs.num_rows == 1 else table.filter(here)


def _microseconds(table: pa.Table, name: str) -> np.ndarray[Any, Any]:
    import pyarrow as pa

    moments: np.ndarray[Any, Any] = table[name].cast(pa.int64()).to_numpy()
    return moments


def _moment(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)
