"""What the policy decides, from the monitor's findings and what else is known, and why, in plain words."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, time, timedelta
from typing import Any, Literal

import numpy as np

from workbench.config import MonitoringConfig, RetrainingConfig
from workbench.config.retraining import Trigger
from workbench.monitoring.findings.finding import WindowFinding
from workbench.monitoring.performance import Performance, judge

__all__ = ["Decision", "Situation", "decide"]

_NAMED = 4
_TIMES = ("train_from", "train_until", "known_until")


@dataclass(frozen=True)
class Decision:
    """Whether to retrain.

    Attributes
    ----------
    trigger : str
        ``performance``, ``data_drift``, ``new_data`` or ``schedule``; empty when there is nothing to do.
    reason : str
        One paragraph with the figures.
    train_from, train_until : datetime
        What was asked between them, and was labelled by the latter, may be learnt from; without
        ``train_from`` all that came before.
    known_until : datetime
        The challenger is judged on what was asked since ``train_until`` and labelled by then.
    cause : tuple of str
        What set it off: names of windows, dataset versions, or the day of a schedule.
    """

    retrain: bool
    trigger: Trigger | Literal[""]
    reason: str
    train_from: datetime | None
    train_until: datetime
    known_until: datetime
    cause: tuple[str, ...] = ()

    @property
    def parameters(self) -> dict[str, str]:
        """What phases are given that declare it: days that begin where the project is."""
        days = {"as_of": self.train_until, "known_until": self.known_until}
        if self.train_from is not None:
            days["train_from"] = self.train_from
        return {name: moment.date().isoformat() for name, moment in days.items()}

    def to_dict(self) -> dict[str, Any]:
        raw = asdict(self)
        times = {name: raw[name] and raw[name].isoformat() for name in _TIMES}
        return raw | times | {"cause": list(self.cause)}

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> Decision:
        """A decision from what :meth:`to_dict` gave."""
        times = {name: raw[name] and datetime.fromisoformat(raw[name]) for name in _TIMES}
        return cls(**raw | times | {"cause": tuple(raw["cause"])})


@dataclass(frozen=True)
class Situation:
    """What the policy looks at beside findings.

    Attributes
    ----------
    new_data : tuple of str
        Dataset versions that are newer than those that the champion was trained from.
    scheduled : bool
        Whether a schedule calls for it.
    labels : int or None
        Labels that came in since the last training; None when nobody has counted.
    last : datetime or None
        When the last retraining was decided.
    """

    new_data: tuple[str, ...] = ()
    scheduled: bool = False
    labels: int | None = None
    last: datetime | None = None


@dataclass(frozen=True)
class _Verdict:
    """Whether a trigger calls for retraining, why or why not, and what set it off."""

    calls: bool
    says: str
    cause: tuple[str, ...] = ()


def decide(
    findings: Sequence[WindowFinding],
    *,
    retraining: RetrainingConfig,
    monitoring: MonitoringConfig,
    now: datetime,
    situation: Situation = Situation(),
) -> Decision:
    """Apply the policy to the findings, in order of time, as they are known ``now``.

    Drift and performance need their condition in each of the last ``windows_in_a_row`` windows that could be
    judged; windows that are inconclusive (labels missing, nothing asked) are skipped, and the reason says how
    many. Of two triggers, the one that costs most is told: performance, drift, new data, the schedule.
    """
    in_time = sorted(findings, key=lambda item: item.window.start)
    seen = [finding for finding in in_time if finding.window.end <= now]
    until, known = (_midnight(now, days, monitoring.timezone) for days in (retraining.holdout_days, 0))
    start = None
    if retraining.window == "sliding":
        start = _midnight(now, retraining.holdout_days + retraining.training_days, monitoring.timezone)
    times = (start, until, known)
    said = []
    for trigger, call in _calls(seen, retraining, monitoring, situation, known):
        if not call.calls:
            said.append(call.says)
            continue
        if held_back := _held_back(retraining, situation, now):
            return Decision(False, "", f"No retraining yet, although {call.says}: {held_back}.", *times)
        learns = _learns(retraining, until, known)
        return Decision(
            True, trigger, f"Retraining is called for: {call.says}. {learns}", *times, cause=call.cause
        )
    reason = "No retraining: the policy declares no trigger."
    if said:
        windows = retraining.windows_in_a_row
        needed = f" in {windows} windows in a row" if windows > 1 else ""
        reason = f"No retraining; no trigger was reached{needed}: {'; '.join(said)}."
    return Decision(False, "", reason, *times)


def _calls(
    seen: Sequence[WindowFinding],
    retraining: RetrainingConfig,
    monitoring: MonitoringConfig,
    situation: Situation,
    today: datetime,
) -> Iterator[tuple[Trigger, _Verdict]]:
    """What each declared trigger says, the one that costs most first."""
    row = retraining.windows_in_a_row
    if "performance" in retraining.trigger:
        yield "performance", _in_a_row(seen, row, monitoring, "performance", _dropped, _performance_words)
    if "data_drift" in retraining.trigger:
        yield "data_drift", _in_a_row(seen, row, monitoring, "data drift", _drifted, _drift_words)
    if "new_data" in retraining.trigger:
        news = "; ".join(situation.new_data)
        says = f"new data: {news}" if news else "no dataset is newer than what the champion was trained from"
        yield "new_data", _Verdict(bool(news), says, situation.new_data)
    if "schedule" in retraining.trigger:
        says = "its schedule asks for it" if situation.scheduled else "no schedule asks for it"
        yield "schedule", _Verdict(situation.scheduled, says, (f"{today:%Y-%m-%d}",))


def _in_a_row(
    seen: Sequence[WindowFinding],
    count: int,
    monitoring: MonitoringConfig,
    about: str,
    hits: Callable[[WindowFinding, MonitoringConfig], bool | None],
    told: Callable[[Sequence[WindowFinding], MonitoringConfig], str],
) -> _Verdict:
    judged = [(finding, hits(finding, monitoring)) for finding in seen]
    conclusive = [(finding, hit) for finding, hit in judged if hit is not None]
    last = conclusive[-count:]
    windows = [finding for finding, _ in last]
    if len(last) == count and all(hit for _, hit in last):
        return _Verdict(True, told(windows, monitoring), tuple(finding.name for finding in windows))
    says = told(windows, monitoring) if last else f"nothing can be said about {about} yet"
    if skipped := len(judged) - len(conclusive):
        says += f", {skipped} inconclusive windows left out"
    return _Verdict(False, says)


def _held_back(retraining: RetrainingConfig, situation: Situation, now: datetime) -> str:
    """Why a retraining that is called for has to wait; empty when it has not."""
    if retraining.cooldown is not None and situation.last is not None:
        over = situation.last + retraining.cooldown
        if now < over:
            days = retraining.cooldown / timedelta(days=1)
            return (
                f"the last one was decided on {situation.last:%Y-%m-%d}, and its cooldown of {days:g} days "
                f"ends on {over:%Y-%m-%d %H:%M} UTC"
            )
    if situation.labels is not None and situation.labels < retraining.minimum_labels:
        return (
            f"{situation.labels:,} labels came in since the last training, and "
            f"{retraining.minimum_labels:,} are asked"
        )
    return ""


def _learns(retraining: RetrainingConfig, until: datetime, known: datetime) -> str:
    span = "all that came" if retraining.window == "expanding" else f"the {retraining.training_days} days"
    return (
        f"The challenger learns from {span} before {until:%Y-%m-%d}, as far as outcomes were known by then, "
        f"and is judged on the {retraining.holdout_days} days that follow, as far as outcomes were known by "
        f"{known:%Y-%m-%d}."
    )


def _midnight(now: datetime, days: int, timezone: str) -> datetime:
    """The beginning of the day so many days ago, where the project is."""
    zone = zoneinfo.ZoneInfo(timezone)
    return datetime.combine(now.astimezone(zone).date() - timedelta(days=days), time(), zone)


def _dropped(finding: WindowFinding, monitoring: MonitoringConfig) -> bool | None:
    if (found := _performance(finding)) is None:
        return None
    verdict, _ = judge(found, monitoring)
    return None if verdict == "inconclusive" else verdict == "dropped"


def _drifted(finding: WindowFinding, monitoring: MonitoringConfig) -> bool | None:
    share = finding.champion.drift.share if finding.champion else np.nan
    return None if np.isnan(share) else share >= monitoring.drift_share


def _performance(finding: WindowFinding) -> Performance | None:
    return finding.champion.performance if finding.champion else None


def _performance_words(windows: Sequence[WindowFinding], monitoring: MonitoringConfig) -> str:
    parts = [
        f"in {finding.name} {found.why} ({found.labelled:,} labels)"
        for finding in windows
        if (found := _performance(finding)) is not None
    ]
    counts = f"of which a drop of {monitoring.performance_drop:g} counts"
    return f"the champion's performance, {counts}: {'; '.join(parts)}"


def _drift_words(windows: Sequence[WindowFinding], monitoring: MonitoringConfig) -> str:
    parts = []
    for finding in windows:
        if (reigning := finding.champion) is None:
            continue
        names = reigning.drift.drifted
        shown = ", ".join(names[:_NAMED]) + (
            f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        )
        parts.append(
            f"in {finding.name} {len(names)} of {len(reigning.drift.judged)} features drifted"
            + (f" ({shown})" if names else "")
        )
    return f"data drift, of which a share of {monitoring.drift_share:.0%} counts: {'; '.join(parts)}"
