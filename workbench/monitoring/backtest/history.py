"""The history that a backtest replays: what was asked when, what turned out true, and when that was known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from workbench.config import BacktestConfig
from workbench.config.backtest import rows_of
from workbench.config.fields import Duration
from workbench.data.tables import DatasetVersion, Tables
from workbench.errors import DatasetNotFound, UnknownName, UsageError
from workbench.monitoring.findings.windows import Window, cut
from workbench.project import CONFIG_NAME, Project
from workbench.tracking import reports
from workbench.tracking.inputs import is_published

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["History", "Plan", "plan_of"]

_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True)
class Plan:
    """Which history is replayed, and in which steps.

    Attributes
    ----------
    dataset : DatasetVersion
        Of the project's own, which is only read.
    time, target, known_at : str
        Its columns.
    since, until : date
        The first day and the one after the last, in ``timezone``.
    step : str
        ``day``, ``hour``, a length, or so many rows.
    """

    dataset: DatasetVersion
    time: str
    target: str
    known_at: str
    since: date
    until: date
    step: str
    timezone: str

    @property
    def began(self) -> datetime:
        """The first moment."""
        return _midnight(self.since, self.timezone)

    @property
    def ended(self) -> datetime:
        """The moment after the last."""
        return _midnight(self.until, self.timezone)

    def day_of(self, moment: datetime) -> date:
        """The day that a moment lies on, in ``timezone``."""
        return moment.astimezone(ZoneInfo(self.timezone)).date()

    def steps(self) -> tuple[Window, ...]:
        """The stretches of time between which decisions are made, where a step is one of time."""
        size: Any = self.step
        if size != "day":
            size = timedelta(hours=1) if size == "hour" else TypeAdapter(Duration).validate_python(size)
        return self.windows(size)

    def windows(self, size: str | timedelta) -> tuple[Window, ...]:
        """Windows of a size, as far as the history goes."""
        found = cut(self.began, self.ended - _MOMENT, size, self.timezone)
        return tuple(
            Window(each.name, max(each.start, self.began), min(each.end, self.ended)) for each in found
        )


@dataclass(frozen=True, eq=False)
class History:
    """The rows of a plan in the order of asking.

    Attributes
    ----------
    frame : DataFrame
        Their raw columns, with the index 0, 1, …
    asked, known : ndarray of datetime64[us]
        In UTC; ``known`` is NaT where the truth never became known.
    truth : ndarray of float
        0 or 1; NaN where it never became known.
    """

    frame: pd.DataFrame
    asked: NDArray[np.datetime64]
    known: NDArray[np.datetime64]
    truth: NDArray[np.float64]

    @classmethod
    def read(cls, plan: Plan, columns: Sequence[str]) -> History:
        """Read the rows that were asked within the plan, with these raw columns; all, if none are named.

        Raises
        ------
        UsageError
            A column is not there, or holds something else than it should.
        """
        columns = columns or _columns(plan.dataset)
        frame = _read(plan.dataset, [*columns, plan.time, plan.target, plan.known_at])
        asked = _moments(plan.dataset, frame, plan.time)
        if np.isnat(asked).any():
            raise UsageError(f"{plan.dataset}: {np.isnat(asked).sum():,} rows have no {plan.time}")
        here = np.flatnonzero((asked >= _plain(plan.began)) & (asked < _plain(plan.ended)))
        here = here[np.argsort(asked[here], kind="stable")]
        truth, known = _truth(plan.dataset, frame, plan.target), _moments(plan.dataset, frame, plan.known_at)
        never = np.isnan(truth) | np.isnat(known)
        truth[never], known[never] = np.nan, np.datetime64("NaT")
        rows = frame.iloc[here][list(columns)].reset_index(drop=True)
        return cls(rows, asked[here], known[here], truth[here])

    def __len__(self) -> int:
        return len(self.asked)

    def steps(self, plan: Plan) -> tuple[Window, ...]:
        """The stretches of time between which decisions are made.

        One of so many rows ends as the last of them is asked; whatever is asked in that very moment belongs
        to it, too. What is left over goes on to the end of the plan.
        """
        rows = rows_of(plan.step)
        if rows is None:
            return plan.steps()
        last = self.asked[rows - 1 :: rows]
        moments: list[datetime] = np.unique(last[last < self.asked[-1:]]).tolist()
        ends = [moment.replace(tzinfo=UTC) + _MOMENT for moment in moments]
        bounds = zip([plan.began, *ends], [*ends, plan.ended], strict=True)
        return tuple(Window("", start, end) for start, end in bounds)

    def between(self, window: Window) -> slice:
        """The rows that were asked in a window."""
        first, last = np.searchsorted(self.asked, [_plain(window.start), _plain(window.end)])
        return slice(int(first), int(last))


def plan_of(
    project: Project, *, since: date | None = None, until: date | None = None, step: str = ""
) -> Plan:
    """What is to be replayed, by ``[backtest]`` and what is given instead.

    Raises
    ------
    UsageError
        Something is missing or makes no sense; the message says what to declare.
    """
    config = project.config.backtest
    if step:
        config = _with_step(config, step)
    objective, zone = project.objective, project.config.monitoring.timezone
    if not config.known_at:
        raise UsageError(
            f"{CONFIG_NAME}: [backtest] has no known_at: name the column of when the truth became known"
        )
    dataset = _dataset(project, config)
    frame = _read(dataset, [objective.time, objective.target, config.known_at])
    _moments(dataset, frame, config.known_at)
    _truth(dataset, frame, objective.target)
    asked = _moments(dataset, frame, objective.time)
    asked = asked[~np.isnat(asked)]
    if not len(asked):
        raise UsageError(f"{dataset} has no row with a time in {objective.time!r}: there is no history")
    first, last = (_day(moment, zone) for moment in (asked.min(), asked.max()))
    days = timedelta(days=project.config.retraining.holdout_days)
    since, until = since or config.since or first + 2 * days, until or config.until or last + timedelta(1)
    if since >= until:
        raise UsageError(f"from {since} is not before until {until}")
    if since > last or until <= first:
        raise UsageError(f"{dataset} holds {first} to {last}, and nothing from {since} until {until}")
    if since - days <= first:
        raise UsageError(
            f"{dataset} begins on {first}: before {since} a first champion could not learn, and be judged on "
            f"the {days.days} days of [retraining] holdout_days; begin later"
        )
    return Plan(dataset, objective.time, objective.target, config.known_at, since, until, config.step, zone)


def _dataset(project: Project, config: BacktestConfig) -> DatasetVersion:
    """The one that is named, else what a phase that trains has read last."""
    if config.dataset:
        tables = Tables(project.data_uri)
        try:
            return tables.newest(config.dataset, lambda version: is_published(project, version))
        except DatasetNotFound:
            if config.dataset not in (names := tables.names()):
                raise UnknownName("dataset", config.dataset, names, where="[backtest] dataset") from None
            raise
    for phase in project.order(
        name for name in project.config.retraining.phases if name in project.config.phases
    ):
        manifest = reports.latest(project, phase)
        if manifest is not None and manifest.models and manifest.reads:
            return manifest.reads[0]
    raise UsageError(
        f"{CONFIG_NAME}: [backtest] has no dataset, and no phase has trained from one yet: "
        "name it, or run the phases first: workbench run"
    )


def _with_step(config: BacktestConfig, step: str) -> BacktestConfig:
    try:
        return BacktestConfig.model_validate({**config.model_dump(), "step": step})
    except ValidationError as error:
        said = str(error.errors()[0]["msg"]).removeprefix("Value error, ")
        raise UsageError(f"step {step}: {said}") from None


def _columns(dataset: DatasetVersion) -> list[str]:
    import deltalake

    return [field.name for field in deltalake.DeltaTable(dataset.uri, dataset.version).schema().fields]


def _read(dataset: DatasetVersion, columns: Sequence[str]) -> pd.DataFrame:
    known = _columns(dataset)
    for name in columns:
        if name not in known:
            raise UnknownName("column", name, known, where=str(dataset))
    return Tables("").read(dataset, list(dict.fromkeys(columns)))


def _moments(dataset: DatasetVersion, frame: pd.DataFrame, name: str) -> NDArray[np.datetime64]:
    import pandas as pd

    column = frame[name]
    if not isinstance(column.dtype, pd.DatetimeTZDtype):
        raise UsageError(f"{dataset}: column {name!r} holds no times with a zone, but {column.dtype}")
    moments: NDArray[np.datetime64] = (
        column.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy(dtype="datetime64[us]", copy=True)
    )
    return moments


def _truth(dataset: DatasetVersion, frame: pd.DataFrame, name: str) -> NDArray[np.float64]:
    try:
        truth = np.asarray(frame[name].astype("Float64").to_numpy("float64", True, np.nan), dtype=np.float64)
    except (TypeError, ValueError):
        raise UsageError(f"{_no_target(dataset, name)}: it holds {frame[name].dtype}") from None
    odd = truth[~np.isnan(truth) & ~np.isin(truth, (0.0, 1.0))]
    if len(odd):
        raise UsageError(f"{_no_target(dataset, name)}: it holds {odd[0]:g}")
    return truth


def _no_target(dataset: DatasetVersion, name: str) -> str:
    return (
        f"{dataset}: column {name!r} is no yes-or-no target (0 and 1, or true and false), the only kind that "
        "monitor, gates and policies know"
    )


def _midnight(day: date, timezone: str) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(timezone)).astimezone(UTC)


def _plain(moment: datetime) -> np.datetime64:
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "us")


def _day(moment: np.datetime64, timezone: str) -> date:
    aware: datetime = moment.astype("datetime64[us]").item().replace(tzinfo=UTC)
    return aware.astimezone(ZoneInfo(timezone)).date()
