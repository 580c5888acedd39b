"""The prediction log cut into windows of time, each with its findings."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.config import MonitoringConfig
from workbench.errors import UnknownName
from workbench.monitoring.drift import PREDICTION, DriftResult, measure_drift
from workbench.monitoring.performance import Performance, Standard, measure_performance
from workbench.registry.gates.validation import plain

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FEATURE", "WindowFinding", "find", "from_frame", "to_frame"]

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
        kept = {"drift": finding.drift.to_json()}
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
                drift=DriftResult.from_json(first["drift"]),
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
