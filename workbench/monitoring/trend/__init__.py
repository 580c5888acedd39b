"""Each window held against the trend of the earlier ones: a slow climb is found before it crosses a line.

:func:`profile_of` keeps the few figures of a window that are worth following (:class:`Profile`);
:func:`judge_trend` says of every feature whether one of them climbs, jumped or stays where it was.
"""

from __future__ import annotations

from workbench.monitoring.trend.judging import judge_trend
from workbench.monitoring.trend.profile import FeatureProfile, Profile, profile_of
from workbench.monitoring.trend.result import FeatureTrend, TrendResult, TrendVerdict

__all__ = [
    "FeatureProfile",
    "FeatureTrend",
    "Profile",
    "TrendResult",
    "TrendVerdict",
    "judge_trend",
    "profile_of",
]
