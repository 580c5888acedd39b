"""The requests behind a version's answers: rows that were asked together are fast, slow or lost together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from workbench.serving.answering.failures import REFUSED
from workbench.serving.log.unkept import unkept

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Requests", "requests_of"]

# Senders may give the same id to many requests, which then differ in when and how quickly they were answered.
_ONE = ["request_id", "answered_at", "latency_ms"]


@dataclass(frozen=True, eq=False)
class Requests:
    """What became of requests, and of their rows.

    Attributes
    ----------
    took_ms : ndarray
        Latency of each that was answered.
    failed : int
        How many could not be answered; those that were refused for what is wrong in them are left out. Of
        failures that the log does not hold only the rows are known: they count as if they had been asked
        together as those were that it holds.
    rows, failed_rows, refused_rows : int
        Rows of those that were answered, that failed, and that were refused.
    """

    COLUMNS: ClassVar = (*_ONE, "note", "error")

    took_ms: NDArray[np.float64]
    failed: int
    rows: int
    failed_rows: int
    refused_rows: int

    @property
    def answered(self) -> int:
        return len(self.took_ms)

    @property
    def p99_ms(self) -> float:
        """Latency that 99 in 100 of those answered do not exceed; NaN of none."""
        if not self.answered:
            return float("nan")
        return float(np.quantile(self.took_ms, 0.99, method="inverted_cdf"))

    def slower_than(self, limit_ms: float) -> int:
        """How many took longer; none where the limit is NaN."""
        return int((self.took_ms > limit_ms).sum())


def requests_of(answers: pa.Table) -> Requests:
    """The requests of answers and failures with :attr:`Requests.COLUMNS`."""
    import pyarrow.compute as pc

    answered = pc.is_null(answers["error"])
    predictions, others = answers.filter(answered), answers.filter(pc.invert(answered))
    was_refused = pc.equal(others["error"], REFUSED)
    refused, failed = others.filter(was_refused), others.filter(pc.invert(was_refused))
    kept, lost = len(_each(failed)), unkept(failed["note"].to_pylist())
    return Requests(
        took_ms=_each(predictions),
        failed=kept + (-(-lost * kept // len(failed)) if lost else 0),
        rows=len(predictions),
        failed_rows=len(failed) + lost,
        refused_rows=len(refused) + unkept(refused["note"].to_pylist()),
    )


def _each(rows: pa.Table) -> NDArray[np.float64]:
    """Latency, once for each request."""
    once = rows.group_by(_ONE, use_threads=False).aggregate([])
    found: NDArray[np.float64] = once["latency_ms"].to_numpy()
    return found
