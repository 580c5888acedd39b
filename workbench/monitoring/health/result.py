"""How one version served, and what of it rules for alerts may look at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from workbench.monitoring.findings.signal import Signal, SignalVerdict
from workbench.monitoring.health.shares import least_share
from workbench.monitoring.health.volume import Silence, Volume
from workbench.registry.gates.validation import plain

__all__ = ["Health"]

# Of a version that works, nothing fails; what a few odd rows do is not to call anybody.
_FAILED_SHARE = 0.01
_CONFIDENCE = 0.95
_LATENCIES = ("p50_ms", "p95_ms", "p99_ms")


@dataclass(frozen=True)
class Health:
    """How one version served in one role.

    Attributes
    ----------
    rows : int
        Its predictions.
    failed : int
        Rows that it could not answer, for which it is to blame: it raised, or took too long.
    refused : int
        Rows that are none by what a raw row has to have, for which whoever sent them is to blame.
    flagged : int
        Predictions of which a value was coerced or flagged.
    p50_ms, p95_ms, p99_ms : float
        Latency of requests, from their arrival to their scores; NaN without any. Exact of up to 100,000 of
        them, within 1 % of more.
    first, last : datetime or None
        When it was asked first and last.
    volume : Volume
        Predictions and failures by the hour or the day.
    silences : tuple of Silence
        When it was asked nothing though that is not usual.
    answered_before_asked, asked_in_future : int
        Rows by which clocks are wrong: their times, and so their windows, are not to be relied on.
    requests, failed_requests : int or None
        What the rows were asked in: how many were answered, and how many it could not. None in findings from
        before these were counted, which go by rows.
    """

    role: str
    version: int
    rows: int
    failed: int
    refused: int
    flagged: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    first: datetime | None
    last: datetime | None
    volume: Volume
    silences: tuple[Silence, ...] = ()
    answered_before_asked: int = 0
    asked_in_future: int = 0
    requests: int | None = None
    failed_requests: int | None = None

    @property
    def failed_share(self) -> float:
        """Of the requests that it could have answered; NaN when there were none.

        Rows that were asked together are lost together: one request is no more for having many.
        """
        answered, failed, _ = self._counted
        return failed / (answered + failed) if answered + failed else float("nan")

    @property
    def refused_share(self) -> float:
        """Of all rows that came; NaN when there were none."""
        came = self.rows + self.failed + self.refused
        return self.refused / came if came else float("nan")

    @property
    def flagged_share(self) -> float:
        """Of the predictions; NaN when there are none."""
        return self.flagged / self.rows if self.rows else float("nan")

    @property
    def clock_skew(self) -> int:
        """Rows by which clocks are wrong."""
        return self.answered_before_asked + self.asked_in_future

    def signals(self) -> Iterator[Signal]:
        """``health.rows``, ``health.failed_share``, ``health.p50_ms`` and ``health.p99_ms``.

        The first is bad when there were silences or clocks are wrong, the second when surely more than 1 % of
        the requests failed; a latency is what a rule makes of it.
        """
        yield self._volume_signal()
        yield self._failed_signal()
        answered, _, what = self._counted
        known: SignalVerdict = "ok" if answered else "inconclusive"
        for name in ("p50_ms", "p99_ms"):
            value = getattr(self, name)
            says = f"{value:.3g} ms in {answered:,} {what}" if answered else "no predictions"
            yield Signal(f"health.{name}", value, known, says)

    def to_dict(self) -> dict[str, Any]:
        """As plain values of JSON."""
        return dict(plain(msgspec.to_builtins(self)))

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> Health:
        """What :meth:`to_dict` gave."""
        unknown = {name: float("nan") for name in _LATENCIES if raw[name] is None}
        return msgspec.convert({**raw, **unknown}, cls)

    @property
    def _counted(self) -> tuple[int, int, str]:
        """How many were answered and failed, and what they are."""
        if self.requests is None or self.failed_requests is None:
            return self.rows, self.failed, "rows"
        return self.requests, self.failed_requests, "requests"

    def _volume_signal(self) -> Signal:
        if not (self.rows or self.failed):
            return Signal("health.rows", 0.0, "inconclusive", "nothing was asked")
        parts = [f"{self.rows:,} predictions"]
        if self.silences:
            longest = max(self.silences, key=lambda item: item.expected)
            more = f" (and {len(self.silences) - 1} more)" if len(self.silences) > 1 else ""
            parts.append(f"nothing was asked for {longest}{more}")
        if self.clock_skew:
            parts.append(
                f"clocks are wrong: {self.answered_before_asked:,} rows answered before they were asked,"
                f" {self.asked_in_future:,} asked in the future"
            )
        bad = bool(self.silences) or bool(self.clock_skew)
        return Signal("health.rows", float(self.rows), "bad" if bad else "ok", "; ".join(parts))

    def _failed_signal(self) -> Signal:
        answered, failed, what = self._counted
        asked = answered + failed
        refused = f"; {self.refused:,} more rows were refused as no rows at all" if self.refused else ""
        if not asked:
            return Signal("health.failed_share", float("nan"), "inconclusive", f"nothing was asked{refused}")
        many = least_share(failed, asked, _CONFIDENCE) > _FAILED_SHARE
        says = f"{failed:,} of {asked:,} {what} failed ({self.failed_share:.2%}){refused}"
        return Signal("health.failed_share", self.failed_share, "bad" if many else "ok", says)
