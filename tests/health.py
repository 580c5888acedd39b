"""The health of every version in a log, as the monitor counts it."""

from __future__ import annotations

from datetime import datetime

from workbench.monitoring.health import Health, HealthCount, by_version
from workbench.serving import PredictionLog
from workbench.serving.log.batch import Role

__all__ = ["health_of"]


def health_of(
    log: PredictionLog, start: datetime | None = None, end: datetime | None = None, *, now: datetime
) -> tuple[Health, ...]:
    """Of what was asked in ``[start, end)``, the champions first."""
    counts: dict[tuple[Role, int], HealthCount] = {}
    columns = ("role", "model_version", *HealthCount.COLUMNS)
    for table in log.batches(start, end, columns=columns, failed=None):
        for role, version, rows in by_version(table):
            counts.setdefault((role, version), HealthCount(role, version, now)).add(rows)
    return tuple(counts[key].health() for key in sorted(counts))
