"""The prediction log cut into windows of time, each with its findings."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np

from workbench.config import MonitoringConfig
from workbench.errors import UnknownName
from workbench.monitoring.drift import PREDICTION, DriftResult, measure_drift
from workbench.monitoring.performance import Performance, Standard, measure_performance
from workbench.registry.gates.validation import plain

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FEATURE", "Window", "WindowFinding", "WindowSize", "cut", "find", "from_frame", "to_frame"]

FEATURE = "feature."
CHAMPION = "champion"
_PERIODS = {"day": "D", "week": "W-SUN", "month": "M"}
_NAMES = {"day": "%Y-%m-%d", "week": "%Y-%m-%d", "month": "%Y-%m"}


@dataclass(frozen=True, eq=False)
class WindowFinding:
    """What one window showed.

    Attributes
    ----------
    name : str
        Such as ``"2013-08"``; a week is called by its Monday.
    start, end : datetime
        Aware; the window is ``[start, end)``.
    drift : DriftResult
        Of what the champion was asked.
    performances : tuple of Performance
        One for each role and version that answered; the champion first.
    """

    name: str
    start: datetime
    end: datetime
    drift: DriftResult
    performances: tuple[Performance, ...]

    @property
    def champion(self) -> Performance | None:
        """The performance of the champion; of two in one window, the one that answered more."""
        found = [item for item in self.performances if item.role == CHAMPION]
        return max(found, key=lambda item: item.rows) if found else None


def find(
    predictions: pd.DataFrame,
    *,
    reference: pd.DataFrame,
    config: MonitoringConfig,
    expected: Mapping[int, float] | float = float("nan"),
    metric: str = "roc_auc",
    threshold: float = 0.5,
    time: str = "asked_at",
    label: str = "value",
    timezone: str = "UTC",
    sample: int = 10_000,
    html: bool = True,
    seed: int = 0,
) -> list[WindowFinding]:
    """Judge every window from the first prediction to the last, empty ones included.

    Parameters
    ----------
    predictions : DataFrame
        ``prediction_id``, ``time``, ``score``, ``role``, ``model_version``, ``feature.<name>`` and ``label``
        (missing where the truth is not known yet). An answer that is there twice counts once.
    reference : DataFrame
        The features the champion was trained on, under their own names; a column ``score`` holds its scores.
    expected : float or mapping of version to float
        The primary metric that was reached in validation.
    threshold : float
        The score from which a row counts as flagged.
    timezone : str
        In which days, weeks and months begin.

    Raises
    ------
    UnknownName
        When a column is not there.
    """
    import pandas as pd

    needed = ("prediction_id", time, "score", "role", "model_version", label)
    for column in needed:
        if column not in predictions.columns:
            raise UnknownName("column", column, map(str, predictions.columns), where="the predictions")
    answers = predictions.drop_duplicates(["prediction_id", "role", "model_version"], keep="last")
    answers = answers[answers[time].notna()]
    if answers.empty:
        return []
    moments = pd.to_datetime(answers[time], utc=True).dt.tz_convert(timezone).dt.tz_localize(None)
    periods = moments.dt.to_period(_PERIODS[config.window])
    base = reference.rename(columns={"score": PREDICTION})
    findings = []
    for period in pd.period_range(periods.min(), periods.max(), freq=_PERIODS[config.window]):
        inside = answers[(periods == period).to_numpy()]
        asked = inside[inside["role"] == CHAMPION]
        drift = measure_drift(base, _features(asked), sample=sample, seed=seed, html=html)
        performances = tuple(
            measure_performance(
                rows,
                role=role,
                model_version=version,
                config=config,
                standard=Standard(
                    metric=metric,
                    threshold=threshold,
                    expected=expected.get(version, np.nan) if isinstance(expected, Mapping) else expected,
                ),
                time=time,
                label=label,
                seed=seed,
            )
            for role, version, rows in _answerers(inside)
        )
        findings.append(
            WindowFinding(
                name=period.start_time.strftime(_NAMES[config.window]),
                start=_moment(period.start_time, timezone),
                end=_moment((period + 1).start_time, timezone),
                drift=drift,
                performances=performances,
            )
        )
    return findings


def to_frame(findings: Sequence[WindowFinding]) -> pd.DataFrame:
    """One row for each window and version that answered, to be written as a dataset; without the pages."""
    import pandas as pd

    rows = []
    for finding in findings:
        about: dict[str, Any] = {
            "window": finding.name,
            "start": pd.Timestamp(finding.start).tz_convert("UTC"),
            "end": pd.Timestamp(finding.end).tz_convert("UTC"),
            "drift_share": finding.drift.share,
            "drifted": ", ".join(finding.drift.drifted),
            "prediction_drift": finding.drift.prediction or "",
        }
        kept = {"drift": json.dumps(finding.drift.to_dict())}
        for performance in finding.performances or (_nobody(finding),):
            values = {name: getattr(performance, name) for name in _PERFORMANCE}
            values["metrics"] = json.dumps(plain(values["metrics"]))
            rows.append({**about, **values, **kept})
    columns = [*_ABOUT, *_PERFORMANCE, "drift"]
    return pd.DataFrame(rows, columns=columns)


def from_frame(frame: pd.DataFrame) -> list[WindowFinding]:
    """The findings that :func:`to_frame` was given, without Evidently's pages."""
    findings = []
    for name, rows in frame.groupby("window", sort=False):
        first = rows.iloc[0]
        performances = []
        for record in rows[list(_PERFORMANCE)].to_dict("records"):
            values = {str(key): value for key, value in record.items()}
            stored = json.loads(values.pop("metrics"))
            metrics = {key: np.nan if value is None else value for key, value in stored.items()}
            if values["role"]:
                performances.append(Performance(**values, metrics=metrics))
        findings.append(
            WindowFinding(
                name=str(name),
                start=first["start"].to_pydatetime(),
                end=first["end"].to_pydatetime(),
                drift=DriftResult.from_dict(json.loads(first["drift"])),
                performances=tuple(performances),
            )
        )
    return findings


_ABOUT = ("window", "start", "end", "drift_share", "drifted", "prediction_drift")
_DETAILS = ("odd", "labels", "slices", "gaps", "calibration", "utility", "notes")
_PERFORMANCE = tuple(name for name in Performance.__dataclass_fields__ if name not in _DETAILS)


def _nobody(finding: WindowFinding) -> Performance:
    """What stands in the table for a window in which nobody answered."""
    nothing = float("nan")
    return Performance(
        role="",
        model_version=0,
        rows=0,
        labelled=0,
        metric="",
        value=nothing,
        low=nothing,
        high=nothing,
        expected=nothing,
        verdict="inconclusive",
        why="no predictions",
        positive_share=nothing,
        flagged=0,
        flagged_positive=0,
    )


def _features(asked: pd.DataFrame) -> pd.DataFrame:
    names = {name: name.removeprefix(FEATURE) for name in asked.columns if str(name).startswith(FEATURE)}
    return asked[[*names, "score"]].rename(columns={**names, "score": PREDICTION})


def _answerers(inside: pd.DataFrame) -> Iterator[tuple[str, int, pd.DataFrame]]:
    who = inside[["role", "model_version"]].drop_duplicates().itertuples(index=False, name=None)
    for role, version in sorted(who, key=lambda item: (item[0] != CHAMPION, *item)):
        yield role, int(version), inside[(inside["role"] == role) & (inside["model_version"] == version)]


def _moment(local: pd.Timestamp, timezone: str) -> datetime:
    # Where midnight does not exist on a day when clocks change, the day begins when the clock does.
    moment: datetime = local.tz_localize(
        timezone, nonexistent="shift_forward", ambiguous=True
    ).to_pydatetime()
    return moment


#: ``day``, ``week`` (from Monday), ``month``, or a length of time.
WindowSize = str | timedelta

_DAY = timedelta(days=1)
# Windows of whole days are counted from a Monday, so that those of 7 days are weeks.
_ORIGIN = date(1970, 1, 5)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Window:
    """A stretch of time, ``[start, end)``, in UTC.

    Attributes
    ----------
    name : str
        Such as ``"2013-08"``; what is no month is called by the local day, or hour, on which it begins.
    """

    name: str
    start: datetime
    end: datetime


def cut(first: datetime, last: datetime, size: WindowSize, timezone: str = "UTC") -> tuple[Window, ...]:
    """The windows from the one that holds ``first`` to the one that holds ``last``; aware times.

    Windows of whole days begin at local midnight (or when the clock first shows a later time, where it
    skips midnight), so some have an hour more or less than others; shorter ones are counted in UTC.
    """
    if isinstance(size, timedelta) and size % _DAY:
        return tuple(_of_hours(first, last, size, ZoneInfo(timezone)))
    zone = ZoneInfo(timezone)
    windows = []
    begin = _first_day(first.astimezone(zone).date(), size)
    while _midnight(begin, zone) <= last:
        following = _next_day(begin, size)
        name = f"{begin:%Y-%m}" if size == "month" else f"{begin:%Y-%m-%d}"
        windows.append(Window(name, _midnight(begin, zone), _midnight(following, zone)))
        begin = following
    return tuple(windows)


def _of_hours(first: datetime, last: datetime, size: timedelta, zone: ZoneInfo) -> Iterator[Window]:
    start = _EPOCH + (first - _EPOCH) // size * size
    while start <= last:
        yield Window(f"{start.astimezone(zone):%Y-%m-%d %H:%M}", start, start + size)
        start += size


def _first_day(day: date, size: WindowSize) -> date:
    if size == "month":
        return day.replace(day=1)
    days = _days(size)
    return _ORIGIN + (day - _ORIGIN) // timedelta(days) * timedelta(days)


def _next_day(day: date, size: WindowSize) -> date:
    if size == "month":
        return (day + timedelta(days=32)).replace(day=1)
    return day + timedelta(_days(size))


def _days(size: WindowSize) -> int:
    return size // _DAY if isinstance(size, timedelta) else {"day": 1, "week": 7}[size]


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    # A midnight that the clock skips counts as before the change, which is the same moment as after it.
    return datetime.combine(day, time(), zone).astimezone(UTC)
