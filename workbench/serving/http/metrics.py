"""What Prometheus asks for at ``/metrics``.

One worker counts in memory. Several count in files that all of them read (prometheus_client's multiprocess
mode), so that any of them answers for all; what is not counted but looked at is at most a second old there.

An update takes one to three microseconds, so what a micro-batch has in common is counted once for all of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

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
    registry_age_seconds: float = 0.0
    uncompacted_rows: int = 0
    shadow_rows: int = 0
    shadow_failed_rows: int = 0
    shadow_dropped_rows: int = 0


class Metrics:
    """The figures of one server process.

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
        self._folder, self._look, self._seen = folder, look, Now()
        self._registry = registry = prometheus_client.CollectorRegistry()

        def counter(name: str, about: str, *labels: str) -> Counter:
            return Counter(f"workbench_{name}", about, labels, registry=registry)

        def histogram(name: str, about: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(f"workbench_{name}", about, labels, buckets=buckets, registry=registry)

        def gauge(
            name: str, about: str, together: Literal["livesum", "livemax", "liveall"], *labels: str
        ) -> Gauge:
            return Gauge(f"workbench_{name}", about, labels, multiprocess_mode=together, registry=registry)

        requests = counter("requests", "Requests by the class of their status.", "status")
        self._statuses = {number: requests.labels(f"{number}xx") for number in range(1, 6)}
        self._seconds = histogram(
            "request_seconds", "From a request's arrival to its answer.", _REQUEST_SECONDS
        )
        self._predictions = counter("predictions", "Rows answered.", "version", "role")
        self._refused = counter("refused", "Requests refused, by reason.", "reason")
        self._log_failures = counter("log_failures", "Times that the prediction log could not be written.")
        shadows = counter("shadow_rows", "Rows for the shadows, by what became of them.", "outcome")
        self._shadows = [shadows.labels(outcome) for outcome in ("answered", "failed", "dropped")]
        stages = histogram("stage_seconds", "A micro-batch's time, by stage.", _STAGE_SECONDS, "stage")
        self._stages = {name: stages.labels(name) for name in ("features", "model", "commit")}
        self._batch = histogram("batch_rows", "Rows of a micro-batch.", _BATCH_ROWS)
        self._waiting = gauge("waiting_requests", "Requests that are not answered yet.", "livesum")
        self._champion = gauge("champion_version", "The version that answers; 0: none.", "liveall")
        self._age = gauge("registry_age_seconds", "Since the registry was last looked at.", "livemax")
        self._uncompacted = gauge(
            "uncompacted_rows", "Rows of the prediction log that are not compacted.", "livesum"
        )
        self._by_version: dict[tuple[int, str], Counter] = {}
        self._by_reason: dict[str, Counter] = {}

    def replied(self, status: int, seconds: float) -> None:
        """A request has got an answer of this status, so many seconds after it arrived."""
        self._statuses[status // 100].inc()
        self._seconds.observe(seconds)

    def answered(self, version: int, role: str, rows: int) -> None:
        """A version has answered rows of a micro-batch."""
        counter = self._by_version.get((version, role))
        if counter is None:
            counter = self._predictions.labels(str(version), role)
            self._by_version[version, role] = counter
        counter.inc(rows)

    def refused(self, reason: str) -> None:
        """A request was refused; reasons are few words, and few."""
        counter = self._by_reason.get(reason)
        if counter is None:
            counter = self._by_reason[reason] = self._refused.labels(reason)
        counter.inc()

    def took(self, stage: Stage, seconds: float) -> None:
        """A stage of a micro-batch is done."""
        self._stages[stage].observe(seconds)

    def gathered(self, rows: int) -> None:
        """A micro-batch of so many rows was taken."""
        self._batch.observe(rows)

    def log_failed(self) -> None:
        """The prediction log could not be written."""
        self._log_failures.inc()

    def refresh(self) -> None:
        """Look at what is not counted; to be called about once a second."""
        now, before = self._look(), self._seen
        self._seen = now
        self._waiting.set(now.waiting)
        self._champion.set(now.champion)
        self._age.set(now.registry_age_seconds)
        self._uncompacted.set(now.uncompacted_rows)
        rows = (now.shadow_rows, now.shadow_failed_rows, now.shadow_dropped_rows)
        earlier = (before.shadow_rows, before.shadow_failed_rows, before.shadow_dropped_rows)
        for counter, count, counted in zip(self._shadows, rows, earlier, strict=True):
            counter.inc(count - counted)

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
