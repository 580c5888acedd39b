"""A year of findings in which something happens, for whoever draws them.

Version 3 loses ground as the wind changes, and version 4, which was asked beside it, takes its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from workbench.monitoring.alerts import Alert
from workbench.monitoring.drift import PREDICTION, Distribution, DriftResult, FeatureDrift
from workbench.monitoring.findings.finding import VersionFinding, WindowFinding
from workbench.monitoring.findings.windows import Window
from workbench.monitoring.health import Health
from workbench.monitoring.health.volume import Volume
from workbench.monitoring.opinions import GroupOpinion, Opinions, Remark
from workbench.monitoring.performance import Calibration, Gap, Labels, Performance, ShadowDelta, Slice
from workbench.monitoring.performance.calibration import Bin
from workbench.monitoring.skew import FeatureSkew, SkewResult
from workbench.monitoring.trend import FeatureProfile, Profile, judge_trend
from workbench.registry.gates.bootstrap import Interval

_FEATURES = (
    *("wind_speed", "temperature", "pressure", "visibility", "precipitation", "hour", "weekday", "distance"),
    *("origin", "carrier", "destination", "delay_before", "flights_before", "humidity", "gusts"),
)
_METHOD = "Wasserstein distance (normed)"
_SLICES = ("EWR", "JFK", "LGA")


def year(
    windows: int = 12, features: int = 15, seed: int = 0, rename: Sequence[str] = ()
) -> list[WindowFinding]:
    """So many windows of so many features; ``rename`` are names for the first of them."""
    random = np.random.default_rng(seed)
    names = [*_FEATURES, *(f"feature_{number:03d}" for number in range(features))][:features]
    names[: len(rename)] = rename
    noise = random.normal(0, 0.12, (windows, features))
    climb = np.arange(windows) / windows
    noise[:, 0] += 1.5 * climb
    lasting = 0.9 * climb
    promoted = windows * 2 // 3
    found, profiles = [], list[Profile | None]()
    for at in range(windows):
        levels = noise[at] - (noise[promoted] * climb[at] if at >= promoted else 0)
        levels[1] += lasting[at]
        version = 4 if at >= promoted else 3
        drift = _drift(names, levels, at)
        start, end = (datetime(2013 + month // 12, month % 12 + 1, 1, tzinfo=UTC) for month in (at, at + 1))
        profile = _profile(f"{start:%Y-%m}", names, levels, version)
        reference = _profile("reference", names, levels * 0, version)
        trend = judge_trend(profiles, profile, reference=reference) if at == windows - 1 else None
        profiles.append(profile)
        lost = 0.06 * climb[at] if version == 3 else 0.0
        newest = at == windows - 1
        rows, failed, p99_ms = 9000 + 100 * at, int(random.integers(9, 27)), 20 + 8 * random.random()
        champion = VersionFinding(
            "champion",
            version,
            rows,
            failed,
            drift=drift,
            health=_health("champion", version, rows, failed, p99_ms),
            profile=profile,
            trend=trend,
            skew=_skew(names) if newest else None,
            performance=_performance("champion", version, 0.75 - lost + random.normal(0, 0.004), newest),
            opinions=_opinions() if newest else None,
            notes=("3 answers without a time are left out",) if newest else (),
        )
        versions = [champion]
        if promoted - 3 <= at < promoted:
            shadow = VersionFinding(
                "shadow",
                4,
                rows,
                18,
                drift=drift,
                health=_health("shadow", 4, rows, 18, 31.0),
                profile=profile,
                performance=_performance("shadow", 4, 0.755 + random.normal(0, 0.004), newest),
                delta=_delta(0.01 + 0.01 * (at - promoted + 3)),
            )
            versions.append(shadow)
        found.append(WindowFinding(Window(profile.window, start, end), tuple(versions), end))
    return found


def _drift(names: Sequence[str], levels: np.ndarray, at: int) -> DriftResult:
    judged = []
    for name, level in zip(names, levels, strict=True):
        score = 0.03 + 0.1 * abs(float(level))
        verdict = "drifted" if score >= 0.1 else "stable"
        new = 0.02 if name == "carrier" and at == 8 else 0.0
        note = "new since the reference: 9E (2.00% of rows)" if new else ""
        judged.append(FeatureDrift(name, _METHOD, score, 0.1, verdict, note, 0.01, 0.01, new, 0.0, 0.0))  # type: ignore[arg-type]
    judged.append(FeatureDrift(PREDICTION, _METHOD, 0.04 + 0.03 * abs(float(levels[0])), 0.1, "stable"))
    edges = tuple(f"{low} to {low + 5}" for low in range(0, 50, 5))
    reference = np.exp(-(((np.arange(10) - 3) / 2) ** 2))
    window = np.exp(-(((np.arange(10) - 3 - 2 * levels[0]) / 2) ** 2))
    bars = Distribution(edges, tuple(reference / reference.sum()), tuple(window / window.sum()))
    return DriftResult.of(judged, 9000, 50_000, dict.fromkeys(names[:3], bars))


def _profile(window: str, names: Sequence[str], levels: np.ndarray, version: int) -> Profile:
    features = {
        name: FeatureProfile(
            10 + 0.2 * float(level), 2.0, 0.01, {}, 0.03 + 0.1 * abs(float(level)), 0.1, _METHOD
        )
        for name, level in zip(names, levels, strict=True)
    }
    return Profile(window, 9000, features, version)


def _performance(role: str, version: int, value: float, newest: bool) -> Performance:
    low, high = value - 0.012, value + 0.012
    labelled = 3100 if newest else 8800
    verdict = "inconclusive" if newest else "dropped" if value < 0.72 else "held"
    why = f"roc_auc {value:.3f} [{low:.3f}, {high:.3f}] where 0.750 was expected"
    labels = Labels(
        rows=9000,
        labelled=labelled,
        median_hours=20.0,
        p90_hours=40.0,
        p99_hours=60.0,
        age_hours=10.0 if newest else 700.0,
        before_asked=0,
        state="early" if newest else "ripe",
        why="the truth of 34% of the answers is known so far" if newest else "all labels are in",
    )
    slices = tuple(
        Slice(
            "origin",
            name,
            3000,
            2900,
            Interval(value - 0.02 * at, value - 0.02 * at - 0.03, value - 0.02 * at + 0.03),
            0.74,
            True,
            0.2,
            "dropped" if value - 0.02 * at < 0.68 else "held",
            f"roc_auc {value - 0.02 * at:.3f} where 0.740 was expected",
        )
        for at, name in enumerate(_SLICES)
    )
    bins = tuple(
        Bin(900, score, score * (1.1 if version == 3 else 1.0)) for score in np.linspace(0.05, 0.8, 10)
    )
    calibration = Calibration(bins, Interval(0.03, 0.02, 0.04), 0.05, "passed", "0.030 [0.020, 0.040]")
    gap = Gap("origin", "recall", "LGA", "EWR", Interval(0.04, 0.01, 0.07), 0.1, "passed")
    return Performance(
        role=role,
        model_version=version,
        rows=9000,
        labelled=labelled,
        metric="roc_auc",
        value=value,
        low=low,
        high=high,
        expected=0.75,
        verdict=verdict,  # type: ignore[arg-type]
        why=labels.why if newest else why,
        positive_share=0.24,
        flagged=2000,
        flagged_positive=900,
        labels=labels,
        slices=slices,
        gaps=(gap,),
        calibration=calibration,
    )


def _health(role: str, version: int, rows: int, failed: int, p99_ms: float) -> Health:
    times = datetime(2013, 1, 1, tzinfo=UTC), datetime(2013, 1, 31, tzinfo=UTC)
    volume = Volume("day", times[0], (rows,))
    return Health(role, version, rows, failed, 0, 0, p99_ms / 5, p99_ms / 2, p99_ms, *times, volume)


def _opinions() -> Opinions:
    remark = Remark(datetime(2013, 12, 24, tzinfo=UTC), "gate", "p-1", 2.0, "<b>too late</b> to be of use")
    gate = GroupOpinion("gate", 30, 28, Interval(3.1, 2.6, 3.6), 4)
    nobody = GroupOpinion("", 12, 12, Interval(4.0, 3.1, 4.6), 0)
    whole = Interval(3.3, 2.9, 3.7)
    return Opinions(42, 40, whole, 4, (gate, nobody), (remark,), "ok", "3.300 [2.900, 3.700]")


def _skew(names: Sequence[str]) -> SkewResult:
    skewed = FeatureSkew(
        names[0],
        rows=900,
        differing=90,
        largest=4.0,
        code=90,
        verdict="skewed",
        note="90 of 900 rows differ because of the code",
        prediction_id="p-17",
        served="12.0",
        training="8.0",
    )
    return SkewResult((skewed, *(FeatureSkew(name, rows=900, verdict="equal") for name in names[1:])), 900)


def _delta(difference: float) -> ShadowDelta:
    return ShadowDelta(
        champion=3,
        shadow=4,
        rows=9000,
        labelled=8800,
        champion_only=0,
        shadow_only=0,
        disagreement=Interval(0.06, 0.05, 0.07),
        distance=0.04,
        metric="roc_auc",
        champion_value=0.74,
        shadow_value=0.74 + difference,
        difference=Interval(difference, difference - 0.008, difference + 0.008),
        verdict="ok",
        why=f"roc_auc of shadow v4 {0.74 + difference:.3f} against 0.740 of v3",
    )


def alerts() -> list[Alert]:
    """One that is open and critical, and one that is over."""
    return [
        _alert(1, "performance-dropped", "performance.drop", "critical", "2013-07", "2013-08"),
        _alert(2, "data-drift", "drift.share", "warning", "2013-03", "2013-03", cleared="recovered"),
    ]


def _alert(
    number: int, rule: str, signal: str, severity: str, first: str, last: str, cleared: str = ""
) -> Alert:
    says = f"{signal} is bad, as it has been since {first}"
    looks = [
        {"window": window, "value": 0.05, "verdict": "bad", "says": says, "violates": True}
        for window in dict.fromkeys((first, last))
    ]
    start, end = datetime(2013, 7, 1, tzinfo=UTC), datetime(2013, 9, 1, tzinfo=UTC)
    return Alert(
        id=number,
        key=f"key{number}",
        log="log",
        model="flights",
        version=3,
        rule=rule,
        signal=signal,
        severity=severity,  # type: ignore[arg-type]
        owner="",
        first_window=first,
        first_start=start,
        last_window=last,
        last_end=end,
        raised_at=end,
        cleared_at=end if cleared else None,
        cleared=cleared,  # type: ignore[arg-type]
        evidence={"rule": f"{signal} is bad in 2 of 3 windows", "windows": looks, "earlier": 0},
    )
