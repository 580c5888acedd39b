"""A slow climb is found before it crosses the line, and noise is not a climb."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tests.repeats import repeats
from workbench.data.summary import Counting, summarize
from workbench.monitoring.trend import (
    FeatureProfile,
    Profile,
    TrendResult,
    judge_trend,
    profile_of,
)

_METHOD = "Wasserstein distance (normed)"
_FEATURES = tuple(f"f{number}" for number in range(15))


def _feature(level: float = 0.0, *, missing: float = 0.0, share: float = 0.5) -> FeatureProfile:
    """A number whose mean lies ``level`` tenths of a standard deviation off, and its distance with it."""
    return FeatureProfile(
        centre=5 + 0.2 * level,
        spread=2,
        missing=missing,
        shares={"EWR": share, "(new)": 0.0},
        score=0.1 * abs(level),
        threshold=0.1,
        method=_METHOD,
    )


REFERENCE = Profile("reference", 9000, dict.fromkeys(_FEATURES, _feature()))


def _windows(levels: np.ndarray) -> list[Profile | None]:
    """``levels`` is windows by features."""
    return [
        Profile(
            f"w{at:02d}", 900, {name: _feature(level) for name, level in zip(_FEATURES, row, strict=True)}
        )
        for at, row in enumerate(levels)
    ]


def _judge(windows: Sequence[Profile | None], **options: object) -> TrendResult:
    current = windows[-1]
    assert current is not None
    return judge_trend(windows[:-1], current, reference=REFERENCE, **options)  # type: ignore[arg-type]


def _verdict(result: TrendResult, feature: str = "f0") -> str:
    return next(item.verdict for item in result.features if item.feature == feature)


def _noise(windows: int, seed: int, size: float = 0.1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, size, (windows, len(_FEATURES)))


@pytest.mark.practice("P11")
def test_a_slow_climb_is_found_windows_before_it_crosses_the_line() -> None:
    ahead = []
    for seed in range(4):
        levels = _noise(16, seed, 0.08)  # as much as it climbs in a window
        levels[:, 0] += np.arange(16) / 12
        windows = _windows(levels)
        crossed = next(at for at in range(16) if levels[at, 0] >= 1)
        found = next(at for at in range(5, 16) if _judge(windows[: at + 1]).climbing)
        result = _judge(windows[: found + 1])
        (climb,) = result.climbing
        assert climb.feature == "f0"
        assert 0 < climb.windows_left <= 6
        assert found + climb.windows_left == pytest.approx(12, abs=2)
        assert "of the way to its line a window and crosses it in" in climb.says
        ahead.append(crossed - found)
    assert min(ahead) >= 2
    assert np.mean(ahead) >= 3


@pytest.mark.practice("P11")
def test_steady_noise_seldom_calls() -> None:
    rounds = repeats(400, 60)
    noisy = [_windows(_noise(12, 100 + seed, 0.6)) for seed in range(rounds)]
    called = sum(
        any(item.verdict in ("climbing", "jump") for item in _judge(windows).features) for windows in noisy
    )
    # Of a 5 % chance each, so many are exceeded once in a thousand times.
    from scipy.stats import binom

    assert called <= binom.isf(0.001, rounds, 0.05)
    assert all(item.verdict == "steady" for item in _judge(noisy[0]).features)


def test_a_window_where_the_earlier_ones_do_not_lead_is_a_jump_and_a_climb_that_goes_on_is_none() -> None:
    levels = _noise(12, 1)
    levels[:, 1] += np.arange(12) * 0.15
    levels[-1, 0] = 2
    result = _judge(_windows(levels))
    (jumped,) = result.jumped
    assert jumped.feature == "f0"
    assert jumped.says.endswith("% of the way to its line")
    assert _verdict(result, "f1") == "climbing"
    assert result.climbing[0].windows_left == 0
    assert "has crossed it" in result.climbing[0].says
    assert [item.feature for item in result.features[:2]] == ["f1", "f0"]


@pytest.mark.parametrize(
    ("moving", "figure"),
    [
        ({"missing": 0.008}, "missing"),
        ({"share": -0.02}, "share of EWR"),
    ],
)
def test_what_no_number_shows_is_followed_too(moving: dict[str, float], figure: str) -> None:
    rate = next(iter(moving.values()))
    windows: list[Profile | None] = []
    for at, profile in enumerate(_windows(_noise(10, 2))):
        assert profile is not None
        start = 0.0 if "missing" in moving else 0.5
        odd = _feature(**{next(iter(moving)): start + rate * at + 0.001 * (-1) ** at})  # type: ignore[arg-type]
        windows.append(Profile(profile.window, 900, {**profile.features, "f0": odd}))
    (climb,) = _judge(windows).climbing
    assert (climb.feature, climb.figure) == ("f0", figure)


def test_windows_that_are_missing_count_as_time_and_few_are_inconclusive() -> None:
    levels = _noise(14, 3, 0.02)
    levels[:, 0] += np.arange(14) / 16
    windows = _windows(levels)
    whole = _judge(windows).climbing[0]
    windows[4] = windows[8] = None
    gaps = _judge(windows).climbing[0]
    assert gaps.slope == pytest.approx(whole.slope, rel=0.1)
    assert gaps.windows.count("") == 2
    assert np.isnan(gaps.levels).sum() == 2
    assert {item.verdict for item in _judge(windows[-3:]).features} == {"inconclusive"}
    assert {item.verdict for item in _judge([None] * 9 + windows[-1:]).features} == {"inconclusive"}


@pytest.mark.parametrize(("rows", "verdict"), [(5, "inconclusive"), (900, "jump")])
def test_what_a_few_rows_show_is_chance(rows: int, verdict: str) -> None:
    windows = _windows(_noise(10, 4))
    far = replace(REFERENCE, rows=rows, features=dict.fromkeys(_FEATURES, _feature(6.0)))
    assert {item.verdict for item in _judge([*windows, far]).features} == {verdict}


def test_a_season_is_no_climb_when_it_is_known_and_a_climb_under_it_is_found() -> None:
    week = np.sin(np.arange(28) / 7 * 2 * np.pi)[:, None] * 3
    steady = _windows(_noise(28, 4) + week)
    assert not any(item.verdict in ("climbing", "jump") for item in _judge(steady, season=7).features)
    levels = _noise(28, 4) + week
    levels[:, 0] += np.arange(28) / 34
    result = _judge(_windows(levels), season=7, horizon=10)
    assert [item.feature for item in result.climbing] == ["f0"]
    assert result.climbing[0].slope == pytest.approx(1 / 34, rel=0.3)
    levels[-1, 3] += 2
    assert _verdict(_judge(_windows(levels), season=7), "f3") == "jump"
    assert {item.verdict for item in _judge(steady[:13], season=7).features} == {"inconclusive"}


def test_scores_of_another_version_or_method_are_not_compared() -> None:
    levels = _noise(12, 5, 0.02)
    levels[:, 0] += np.arange(12) / 14
    windows = _windows(levels)
    assert _judge(windows).climbing[0].figure in ("drift score", "centre")
    newest = windows[-1]
    assert newest is not None
    other = Profile(newest.window, 900, newest.features, version=2)
    assert [item.figure for item in _judge([*windows[:-1], other]).climbing] == ["centre"]


def test_p_values_count_by_their_magnitude() -> None:
    windows: list[Profile | None] = [
        Profile(
            f"w{at}",
            300,
            {"f0": FeatureProfile(score=float(p), threshold=0.05, method="K-S p_value")},
        )
        for at, p in enumerate(10.0 ** -np.array([0.1, 0.2, 0.3, 0.45, 0.5, 0.65, 0.8, 0.9]))
    ]
    (climb,) = _judge(windows).climbing
    assert climb.figure == "drift score"
    assert climb.level == pytest.approx(np.log10(10**0.9) / -np.log10(0.05), abs=0.05)


def test_a_profile_is_made_of_summaries_and_survives_its_way_through_text() -> None:
    random = np.random.default_rng(0)
    before = pd.DataFrame(
        {"wind": random.normal(3, 2, 5000), "origin": random.choice(["EWR", "JFK"], 5000, p=[0.7, 0.3])}
    ).assign(nothing=np.nan)
    now = before.assign(wind=before["wind"].where(before.index % 4 > 0) + 1)
    now.loc[:499, "origin"] = "LGA"
    reference = summarize(before)
    counting = Counting(reference)
    counting.add(now)
    profile = profile_of("2026-01", counting.summary(), version=3)
    wind = profile.features["wind"]
    assert (wind.centre, wind.spread) == pytest.approx((now["wind"].mean(), now["wind"].std(ddof=0)))
    assert wind.missing == 0.25
    shares = now["origin"].value_counts(normalize=True)
    assert profile.features["origin"].shares == pytest.approx(
        {"EWR": shares["EWR"], "JFK": shares["JFK"], "(new)": 0.1}
    )
    again = Profile.from_dict(profile.to_dict())
    assert again.to_dict() == profile.to_dict()
    result = judge_trend([again] * 5, profile, reference=profile_of("reference", reference))
    assert {item.verdict for item in result.features} == {"steady"}


def test_an_empty_window_is_inconclusive() -> None:
    frame = pd.DataFrame({"wind": [1.0, 2.0], "origin": ["a", "b"]})
    reference = summarize(frame)
    counting = Counting(reference)
    counting.add(frame[:0])
    empty = profile_of("2026-01", counting.summary())
    result = judge_trend([empty] * 6, empty, reference=profile_of("reference", reference))
    assert {item.verdict for item in result.features} == {"inconclusive"}
    nothing = judge_trend([], Profile("w", 0, {}), reference=REFERENCE)
    assert {item.verdict for item in nothing.features} == {"inconclusive"}


def test_signals_tell_how_many_climb_and_the_result_survives_its_way_through_text() -> None:
    levels = _noise(12, 6, 0.02)
    levels[:, 0] += np.arange(12) / 14
    result = _judge(_windows(levels))
    signals = {signal.name: signal for signal in result.signals()}
    assert (signals["trend.climbing"].value, signals["trend.climbing"].verdict) == (1, "bad")
    assert signals["trend.climbing"].says.startswith("f0: ")
    assert signals["trend.feature.f0"].verdict == "bad"
    assert signals["trend.feature.f1"].verdict == "ok"
    again = TrendResult.from_dict(result.to_dict())
    assert again.to_dict() == result.to_dict()
    assert again.climbing[0].levels == result.climbing[0].levels
    few = {signal.name: signal for signal in _judge(_windows(levels[:2])).signals()}
    assert few["trend.climbing"].verdict == "inconclusive"
