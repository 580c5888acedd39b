"""What versions were asked in a window, and how they answered: all that needs no ground truth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from workbench.data.summary import PREDICTION, Counting
from workbench.monitoring.drift import judge_drift
from workbench.monitoring.findings.finding import VersionFinding, WindowFinding
from workbench.monitoring.findings.windows import Window
from workbench.monitoring.health import HealthCount, by_version
from workbench.monitoring.looking.subject import Subject
from workbench.monitoring.skew import SkewResult, measure_skew, sample_logged
from workbench.monitoring.trend import Profile, TrendResult, judge_trend, profile_of
from workbench.registry.aliases import CHAMPION
from workbench.registry.cases import FEATURE

if TYPE_CHECKING:
    import pyarrow as pa

    from workbench.serving.log.answerers import Answerer

__all__ = ["look_at_asked", "look_at_skew"]

_SCORE = "score"
_WEEK = 7


def look_at_asked(
    subject: Subject,
    window: Window,
    answerers: Sequence[Answerer],
    now: datetime,
    earlier: Sequence[WindowFinding],
) -> Iterator[VersionFinding]:
    """Drift, trend, skew and health of each answerer, whose rows are read once for all of them."""
    if not answerers:
        return
    counts = {(one.role, one.version): _Count.of(subject, one, now) for one in answerers}
    for table in subject.log.batches(
        window.start, window.end, columns=_columns(subject, answerers), failed=None
    ):
        for role, version, part in by_version(table):
            if count := counts.get((role, version)):
                count.add(part)
    newest = max((one.last for one in answerers if one.role == CHAMPION), default=None)
    for one in answerers:
        served, count = subject.served(one.version), counts[one.role, one.version]
        summary = count.counting.summary()
        drift = replace(judge_drift(served.reference, summary), line=subject.config.drift_share)
        profile = profile_of(window.name, summary, drift, version=one.version)
        yield VersionFinding(
            one.role,
            one.version,
            one.rows,
            one.failed,
            drift=drift,
            # Whom no other has followed should have been asked until the end.
            health=count.health.health(window.end if one.last == newest else None),
            profile=profile,
            trend=_trend(subject, profile, earlier) if one.role == CHAMPION else None,
            skew=look_at_skew(subject, window, one) if one.role == CHAMPION else None,
            notes=served.notes,
        )


def look_at_skew(subject: Subject, window: Window, one: Answerer) -> SkewResult:
    """What the server computed for a sample of a version's answers, against the training path."""
    logged = sample_logged(
        subject.log,
        window.start,
        window.end,
        role=one.role,
        version=one.version,
        rows=subject.config.sample,
        of=one.rows,
    )
    return measure_skew(subject.project, logged, subject.training)


@dataclass(frozen=True, eq=False)
class _Count:
    """The rows of one answerer, counted as they are read."""

    counting: Counting
    health: HealthCount

    @classmethod
    def of(cls, subject: Subject, one: Answerer, now: datetime) -> _Count:
        return cls(Counting(subject.served(one.version).reference), HealthCount(one.role, one.version, now))

    def add(self, rows: pa.Table) -> None:
        import pyarrow.compute as pc

        self.health.add(rows)
        if rows["error"].null_count < len(rows):
            rows = rows.filter(pc.is_null(rows["error"]))
        asked = [
            name
            for name in rows.column_names
            # What a log does not have is null in all rows; a number that is missing is NaN.
            if name == _SCORE or (name.startswith(FEATURE) and rows[name].null_count < len(rows))
        ]
        names = [PREDICTION if name == _SCORE else name.removeprefix(FEATURE) for name in asked]
        self.counting.add(rows.select(asked).rename_columns(names))


def _columns(subject: Subject, answerers: Sequence[Answerer]) -> list[str]:
    features = (name for one in answerers for name in subject.served(one.version).reference.columns)
    logged = [FEATURE + name for name in features if name != PREDICTION]
    return list(dict.fromkeys([*HealthCount.COLUMNS, "role", "model_version", "error", _SCORE, *logged]))


def _trend(subject: Subject, profile: Profile, earlier: Sequence[WindowFinding]) -> TrendResult:
    history = [found.champion.profile if found.champion else None for found in earlier]
    reference = profile_of("reference", subject.served(profile.version).reference)
    season = _WEEK if subject.config.window == "day" else None
    return judge_trend(history, profile, reference=reference, season=season)
