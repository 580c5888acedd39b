"""How versions served: volume, latency and failures, from the log."""

from __future__ import annotations

from workbench.monitoring.health.counting import HealthCount, by_version
from workbench.monitoring.health.result import Health

__all__ = ["Health", "HealthCount", "by_version"]
