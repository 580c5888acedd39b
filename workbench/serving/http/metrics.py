"""What Prometheus asks for at ``/metrics``.

One worker counts in memory. Several count in files that all of them read (prometheus_client's multiprocess
mode), so that any of them answers for all.

The library takes two to four microseconds for each observation: some percent of what a request takes. So
numbers are counted in plain Python, and handed to it once a second (:meth:`Metrics.refresh`). What a worker
says of the others is therefore at most a second old, and a worker that is killed takes its last second along.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Counter, Histogram

__all__ = ["CONTENT_TYPE", "Metrics", "Now", "Stage", "forget"]

#: Of what :meth:`Metrics.render` gives.
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Stage = Literal["features", "model", "commit"]

_REQUEST_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_STAGE_SECONDS = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5)
_BATCH_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096, 16384)
_DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"


@dataclass(frozen=True)
class Now:
    """What is looked at rather than counted as it happens; the rows of shadows are since the start."""

    waiting: int = 0
    champion: int = 0
    refused_versions: int = 0
    registry_age_seconds: float = 0.0
    uncompacted_rows: int = 0
    shadow_rows: int = 0
    shadow_failed_rows: int = 0
    shadow_dropped_rows: int = 0


class _Count:
    """A counter that is written by one thread, and handed on as far as it has come."""

    __slots__ = ("_given", "_to", "value")

    def __init__(self, to: Counter) -> None:
        self._to, self._given, self.value = to, 0, 0

    def hand_over(self) -> None:
        value = self.value
        self._to.inc(value - self._given)
        self._given = value


class _Spread:
    """The same for a histogram."""

    __slots__ = ("_bounds", "_counts", "_given", "_given_sum", "_sum", "_to")

    def __init__(self, to: Histogram, bounds: tuple[float, ...]) -> None:
        self._to, self._bounds = to, bounds
        self._counts, self._sum = [0] * (len(bounds) + 1), 0.0
        self._given, self._given_sum = list(self._counts), 0.0

    def note(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def hand_over(self) -> None:
        counts, total = self._counts.copy(), self._sum
        # Histogram.observe takes one observation only.
        for bucket, count, given in zip(self._to._buckets, counts, self._given, strict=True):
            if count != given:
                bucket.inc(count - given)
        self._to._sum.inc(total - self._given_sum)
        self._given, self._given_sum = counts, total


class Metrics:
    """The figures of one server process.

    Each method may be called in another thread, but in one at a time.

    Parameters
    ----------
    folder : str
        Where several workers keep them; empty: in memory.
    look : callable, optional
        What :meth:`refresh` asks.
    """

    def __init__(self, folder: str = "", look: Callable[[], Now] = Now) -> None:
        import prometheus_client
        from prometheus_client import Counter, Gauge, Histogram, values

        if folder:
            # The library looks at its environment once, and may have been imported long ago.
            os.environ[_DIRECTORY] = folder
            values.ValueClass = values.get_value_class()  # type: ignore[no-untyped-call]
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
        self._folder, self._look = folder, look
        self._registry = registry = prometheus_client.CollectorRegistry()

        def counter(name: str, about: str, *labels: str) -> Counter:
            return Counter(f"workbench_{name}", about, labels, registry=registry)

        def histogram(name: str, about: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(f"workbench_{name}", about, labels, buckets=buckets, registry=registry)

        def gauge(name: str, about: str, together: Literal["livesum", "livemax", "liveall"]) -> Gauge:
            return Gauge(f"workbench_{name}", about, registry=registry, multiprocess_mode=together)

        requests = counter("requests", "Requests by the class of their status.", "status")
        self._statuses = {number: _Count(requests.labels(f"{number}xx")) for number in range(1, 6)}
        seconds = histogram("request_seconds", "From a request's arrival to its answer.", _REQUEST_SECONDS)
        self._seconds = _Spread(seconds, _REQUEST_SECONDS)
        self._predictions = counter("predictions", "Rows answered.", "version", "role")
        self._by_version: dict[tuple[int, str], _Count] = {}
        self._refused = counter("refused", "Requests refused, by reason.", "reason")
        self._by_reason: dict[str, _Count] = {}
        failures = counter("log_failures", "Times that the prediction log could not be written.")
        self._log_failures = _Count(failures)
        shadows = counter("shadow_rows", "Rows for the shadows, by what became of them.", "outcome")
        outcomes = ("answered", "failed", "dropped")
        self._shadows = [_Count(shadows.labels(outcome)) for outcome in outcomes]
        stages = histogram("stage_seconds", "A micro-batch's time, by stage.", _STAGE_SECONDS, "stage")
        self._stages = {name: _Spread(stages.labels(name), _STAGE_SECONDS) for name in get_args(Stage)}
        batch = histogram("batch_rows", "Rows of a micro-batch.", _BATCH_ROWS)
        self._batch = _Spread(batch, _BATCH_ROWS)
        self._waiting = gauge("waiting_requests", "Requests that are not answered yet.", "livesum")
        self._champion = gauge("champion_version", "The version that answers; 0: none.", "liveall")
        self._refused_versions = gauge(
            "refused_versions", "Versions that are to answer and are not put in front.", "livemax"
        )
        self._age = gauge("registry_age_seconds", "Since the registry was last looked at.", "livemax")
        self._uncompacted = gauge(
            "uncompacted_rows", "Rows of the prediction log that are not compacted.", "livesum"
        )

    def replied(self, status: int, seconds: float) -> None:
        """A request has got an answer of this status, so many seconds after it arrived."""
        self._statuses[status // 100].value += 1
        self._seconds.note(seconds)

    def answered(self, version: int, role: str, rows: int) -> None:
        """A version has answered rows of a micro-batch."""
        count = self._by_version.get((version, role))
        if count is None:
            count = _Count(self._predictions.labels(str(version), role))
            self._by_version = {**self._by_version, (version, role): count}
        count.value += rows

    def refused(self, reason: str) -> None:
        """A request was refused; reasons are few words, and few."""
        count = self._by_reason.get(reason)
        if count is None:
            count = _Count(self._refused.labels(reason))
            self._by_reason = {**self._by_reason, reason: count}
        count.value += 1

    def took(self, stage: Stage, seconds: float) -> None:
        """A stage of a micro-batch is done."""
        self._stages[stage].note(seconds)

    def gathered(self, rows: int) -> None:
        """A micro-batch of so many rows was taken."""
        self._batch.note(rows)

    def log_failed(self) -> None:
        """The prediction log could not be written."""
        self._log_failures.value += 1

    def refresh(self) -> None:
        """Hand over what was counted, and look at what is not; to be called about once a second."""
        now = self._look()
        self._waiting.set(now.waiting)
        self._champion.set(now.champion)
        self._refused_versions.set(now.refused_versions)
        self._age.set(now.registry_age_seconds)
        self._uncompacted.set(now.uncompacted_rows)
        rows = (now.shadow_rows, now.shadow_failed_rows, now.shadow_dropped_rows)
        for count, value in zip(self._shadows, rows, strict=True):
            count.value = value
        by_label = (*self._by_version.values(), *self._by_reason.values())
        for count in (*self._statuses.values(), *self._shadows, self._log_failures, *by_label):
            count.hand_over()
        for spread in (self._seconds, self._batch, *self._stages.values()):
            spread.hand_over()

    def render(self) -> bytes:
        """All of it, of all workers, as Prometheus reads it (:data:`CONTENT_TYPE`)."""
        from prometheus_client import generate_latest

        self.refresh()
        return generate_latest(self._everybodys())

    def _everybodys(self) -> CollectorRegistry:
        if not self._folder:
            return self._registry
        from prometheus_client import CollectorRegistry
        from prometheus_client.multiprocess import MultiProcessCollector

        registry = CollectorRegistry()
        MultiProcessCollector(registry, self._folder)  # type: ignore[no-untyped-call]
        return registry


def forget(folder: str, pid: int) -> None:
    """A worker has ended: what it said about its present state goes, what it has counted stays."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(pid, folder)  # type: ignore[no-untyped-call]
