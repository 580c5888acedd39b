"""A prediction log in which the months tell a story."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd

from workbench.config import MonitoringConfig
from workbench.monitoring.drift import DriftResult
from workbench.monitoring.performance import Performance
from workbench.monitoring.windows import WindowFinding

CONFIG = MonitoringConfig(window="month", drift_share=0.5, performance_drop=0.05, minimum_labels=300)


def reference(count: int = 2000) -> pd.DataFrame:
    random = np.random.default_rng(9)
    frame = pd.DataFrame({"wind": random.normal(size=count), "origin": random.choice(["EWR", "JFK"], count)})
    return frame.assign(score=_score(frame["wind"]))


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
    names = [f"f{number}" for number in range(features)]
    table = pd.DataFrame(
        {
            "feature": names,
            "method": "Wasserstein distance (normed)",
            "score": [0.3 if number < drifted else 0.02 for number in range(features)],
            "threshold": 0.1,
            "verdict": ["drifted" if number < drifted else "stable" for number in range(features)],
            "drifted": [number < drifted for number in range(features)],
            "note": "",
        }
    ).astype({"drifted": bool})
    performances = ()
    if verdict is not None:
        performances = (
            Performance(
                role="champion",
                model_version=3,
                rows=900,
                labelled=100 if verdict == "inconclusive" else 880,
                metric="roc_auc",
                value=value,
                low=value - 0.02,
                high=value + 0.02,
                expected=0.75,
                verdict=verdict,  # type: ignore[arg-type]
                why=f"roc_auc {value:.3f} [{value - 0.02:.3f}, {value + 0.02:.3f}] where 0.750 was expected",
                positive_share=0.25,
                flagged=200,
                flagged_positive=90,
            ),
        )
    after = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    drift = DriftResult(table, 900, 2000)
    return WindowFinding(
        f"{year}-{month:02d}", datetime(year, month, 1, tzinfo=UTC), after, drift, performances
    )
