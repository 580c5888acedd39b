"""Which features climb, and which jumped, with a bound on false alarms over all of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.monitoring.drift import FEWEST_ROWS
from workbench.monitoring.trend.fitting import Fit, fit, surprise, trend_p
from workbench.monitoring.trend.levels import DRIFT, levels_of
from workbench.monitoring.trend.profile import FeatureProfile, Profile
from workbench.monitoring.trend.result import FeatureTrend, TrendResult, TrendVerdict

__all__ = ["judge_trend"]

Floats = NDArray[np.float64]

_FEWEST, _MOST = 4, 12
_MOST_SEASONS = 4
# A move of less than this is none, however sure it is.
_SMALLEST_JUMP = 0.25
_ORDER = {"climbing": 0, "jump": 1, "steady": 2, "inconclusive": 3}
_DIGITS = 4


@dataclass(frozen=True)
class _Course:
    """One figure of one feature over the windows, with the p-values of a trend and of a jump in it.

    They are NaN where it never moved, so that there is nothing to test.
    """

    feature: str
    figure: str
    levels: Floats
    fit: Fit
    trend: float
    jump: float


def judge_trend(
    history: Sequence[Profile | None],
    current: Profile,
    *,
    reference: Profile,
    horizon: int = 6,
    false_alarms: float = 0.05,
    season: int | None = None,
) -> TrendResult:
    """Hold the newest window against the trend of the earlier ones.

    The trend of a figure is its Theil–Sen slope over the last 12 windows, and sure by Kendall's tau. A jump
    is a newest window outside of the prediction interval of that line through the earlier ones. Both tests of
    all figures of all features are held to ``false_alarms`` together, by Benjamini and Hochberg's procedure,
    which bounds the chance of any alarm where nothing moves. So a few windows of many features cannot prove a
    trend: with 15 features it takes seven or more.

    Parameters
    ----------
    history : sequence of Profile or None
        The earlier windows, oldest first, at even distances; None where there is none. One of fewer than 200
        rows counts as none, whose figures are chance.
    current : Profile
        The newest window.
    reference : Profile
        That of the current version's reference.
    horizon : int
        A trend that crosses its line within so many windows counts as climbing.
    false_alarms : float
        Between 0 and 1.
    season : int, optional
        After how many windows the season repeats, such as 7 for days. Windows are then compared with those in
        the same place of the last four seasons (Hirsch, Slack and Smith, 1982); at least two are needed.
        Without it a season's rise is a rise.
    """
    looked_at = _MOST if season is None else season * _MOST_SEASONS
    windows = [*history, current][-looked_at:]
    if season is not None:  # whole seasons
        windows = windows[len(windows) % season :] if len(windows) >= 2 * season else []
    courses = list(_courses(windows, current, reference, horizon, season)) if windows else []
    sure = _sure(courses, false_alarms)
    names = tuple(item.window if item is not None else "" for item in windows)
    found: dict[str, list[tuple[_Course, bool, bool]]] = {name: [] for name in reference.features}
    for course, (climbs, jumped) in zip(courses, sure, strict=True):
        found[course.feature].append((course, climbs, jumped))
    features = [_feature(name, courses, names) for name, courses in found.items()]
    features.sort(key=lambda item: (_ORDER[item.verdict], np.nan_to_num(item.windows_left), item.p))
    return TrendResult(current.window, tuple(features), horizon, false_alarms)


def _courses(
    windows: Sequence[Profile | None],
    current: Profile,
    reference: Profile,
    horizon: int,
    season: int | None,
) -> Iterator[_Course]:
    for name, base in reference.features.items():
        newest = current.features.get(name)
        if newest is None:
            continue
        rows = [_levels(item, name, base, newest, current.version) for item in windows]
        for figure in rows[-1]:
            levels = np.array([row.get(figure, math.nan) for row in rows])
            if not np.isfinite(levels[-1]) or np.isfinite(levels).sum() < _FEWEST:
                continue
            if np.nanmax(levels) == np.nanmin(levels):
                level = Fit(0.0, 0.0, 0.0, float(levels[-1]))
                yield _Course(name, figure, levels, level, math.nan, math.nan)
                continue
            line = fit(levels, season)
            moved, jump = surprise(levels, season)
            # What is of no matter counts as nothing at all, which only makes the rest more careful.
            yield _Course(
                feature=name,
                figure=figure,
                levels=levels,
                fit=line,
                trend=trend_p(levels, season) if _left(line, figure) <= horizon else 1.0,
                jump=jump if abs(moved) >= _SMALLEST_JUMP and _worse(moved, figure) else 1.0,
            )


def _levels(
    window: Profile | None, name: str, base: FeatureProfile, newest: FeatureProfile, version: int
) -> dict[str, float]:
    if window is None or window.rows < FEWEST_ROWS or name not in window.features:
        return {}
    return dict(levels_of(window.features[name], base, newest if window.version == version else None))


def _worse(move: float, figure: str) -> bool:
    return move > 0 or figure != DRIFT


def _left(line: Fit, figure: str) -> float:
    """Windows until the fitted line crosses 1 (or −1, where it falls); infinite when it never will."""
    if line.slope == 0 or not math.isfinite(line.slope) or not _worse(line.slope, figure):
        return math.inf
    return max(0.0, (math.copysign(1, line.slope) - line.level) / line.slope)


def _sure(courses: Sequence[_Course], false_alarms: float) -> list[tuple[bool, bool]]:
    from scipy.stats import false_discovery_control

    values = np.array([[course.trend, course.jump] for course in courses]).reshape(-1, 2)
    tested = np.isfinite(values)
    if tested.any():
        values[tested] = false_discovery_control(values[tested])
    return [(bool(trend), bool(jump)) for trend, jump in values <= false_alarms]


def _feature(
    name: str, courses: Sequence[tuple[_Course, bool, bool]], windows: tuple[str, ...]
) -> FeatureTrend:
    if not courses:
        return FeatureTrend(
            name, "inconclusive", f"fewer than {_FEWEST} windows, or too few rows, to compare"
        )
    climbing = [course for course, climbs, _ in courses if climbs]
    jumped = [course for course, _, jump in courses if jump]
    verdict: TrendVerdict
    if climbing:
        chosen = min(climbing, key=lambda course: _left(course.fit, course.figure))
        verdict, p, says = "climbing", chosen.trend, _climb_in_words(chosen)
    elif jumped:
        chosen = min(jumped, key=lambda course: course.jump)
        verdict, p = "jump", chosen.jump
        says = f"{chosen.figure} jumped to {chosen.levels[-1]:+.0%} of the way to its line"
    else:
        chosen = max((course for course, _, _ in courses), key=lambda course: abs(course.fit.level))
        verdict, p = "steady", float(np.fmin(chosen.trend, chosen.jump))
        says = f"{chosen.figure} stays at {chosen.fit.level:+.0%} of the way to its line"
    line = chosen.fit
    return FeatureTrend(
        feature=name,
        verdict=verdict,
        says=says,
        figure=chosen.figure,
        slope=line.slope,
        low=line.low,
        high=line.high,
        level=line.level,
        windows_left=_left(line, chosen.figure) if verdict == "climbing" else math.nan,
        p=p,
        windows=windows,
        levels=tuple(np.round(chosen.levels, _DIGITS).tolist()),
    )


def _climb_in_words(course: _Course) -> str:
    line = course.fit
    moves = "rises" if line.slope > 0 else "falls"
    left = _left(line, course.figure)
    says = f"{course.figure} {moves} by {abs(line.slope):.0%} of the way to its line a window"
    if left == 0:
        return f"{says} and has crossed it"
    windows = math.ceil(left)
    return f"{says} and crosses it in {windows} window{'s' if windows > 1 else ''}"
