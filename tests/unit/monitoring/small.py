"""Answers of a month, and findings as the policy sees them."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd

from workbench.config import MonitoringConfig
from workbench.monitoring.drift import DriftResult, FeatureDrift
from workbench.monitoring.findings.finding import VersionFinding, WindowFinding
from workbench.monitoring.findings.windows import Window
from workbench.monitoring.health import Health
from workbench.monitoring.health.volume import Volume
from workbench.monitoring.performance import Performance
from workbench.monitoring.trend import Profile

CONFIG = MonitoringConfig(window="month", drift_share=0.5, performance_drop=0.05, minimum_labels=300)


def _score(wind: pd.Series) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(1 - 1.5 * wind)))


def predictions(
    month: str,
    count: int = 800,
    *,
    shift: float = 0.0,
    lost: float = 0.0,
    role: str = "champion",
    version: int = 1,
) -> pd.DataFrame:
    """Answers of one month; ``shift`` moves the wind, ``lost`` is the share of labels that are chance."""
    random = np.random.default_rng(sum(map(ord, month)))
    start = pd.Timestamp(f"{month}-01", tz="UTC")
    wind = pd.Series(random.normal(shift, 1, count))
    true = np.where(random.random(count) < lost, 0.3, _score(wind))
    return pd.DataFrame(
        {
            "prediction_id": [f"{month}-{number}" for number in range(count)],
            "asked_at": start + pd.to_timedelta(np.linspace(0, start.days_in_month, count, False), "D"),
            "score": _score(wind),
            "role": role,
            "model_version": version,
            "feature.wind": wind,
            "feature.origin": random.choice(["EWR", "JFK"], count),
            "value": (random.random(count) < true).astype(float),
        }
    )


def finding(
    month: int,
    *,
    drifted: int = 0,
    features: int = 4,
    verdict: str | None = "held",
    value: float = 0.75,
    year: int = 2026,
) -> WindowFinding:
    """A finding as the policy sees it, with figures that have the verdict; None: nobody answered."""
    if verdict == "dropped" and value == 0.75:
        value = 0.65
    start, end = (
        datetime(year, month, 1, tzinfo=UTC),
        datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC),
    )
    window = Window(f"{year}-{month:02d}", start, end)
    if verdict is None:
        return WindowFinding(window, (), end)
    champion = VersionFinding(
        "champion",
        3,
        900,
        0,
        drift=_drift(features, drifted),
        health=Health("champion", 3, 900, 0, 0, 0, 2.0, 3.0, 4.0, start, start, Volume("day", start, (900,))),
        profile=Profile(window.name, 900, {}, 3),
        performance=_performance(verdict, value),
    )
    return WindowFinding(window, (champion,), end)


def _drift(features: int, drifted: int) -> DriftResult:
    judged = [
        FeatureDrift(
            f"f{number}",
            "Wasserstein distance (normed)",
            0.3 if number < drifted else 0.02,
            0.1,
            "drifted" if number < drifted else "stable",
        )
        for number in range(features)
    ]
    return DriftResult.of(judged, 900, 2000, {})


def _performance(verdict: str, value: float) -> Performance:
    low, high = value - 0.02, value + 0.02
    return Performance(
        role="champion",
        model_version=3,
        rows=900,
        labelled=100 if verdict == "inconclusive" else 880,
        metric="roc_auc",
        value=value,
        low=low,
        high=high,
        expected=0.75,
        verdict=verdict,  # type: ignore[arg-type]
        why=f"roc_auc {value:.3f} [{low:.3f}, {high:.3f}] where 0.750 was expected",
        positive_share=0.25,
        flagged=200,
        flagged_positive=90,
    )
