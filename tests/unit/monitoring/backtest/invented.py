"""Outcomes of policies that never ran: a year of 2013 in which who retrains does better from a day on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np

from workbench.monitoring.backtest.outcome import Backtest, Day, Event, EventKind, PolicyOutcome, Span

__all__ = ["BEGAN", "UNTIL", "Policy", "at", "backtest", "four", "many", "moved"]

BEGAN, UNTIL = date(2013, 1, 1), date(2014, 1, 1)
_ROWS = 900
_STARTS = [date(2013, month, 1) for month in range(1, 13)]


@dataclass(frozen=True)
class Policy:
    """What a policy is invented to have done.

    ``gain`` holds what each day was worth more than without it, from a day on; ``promoted`` all of those that
    it retrained and did not refuse; its models refuse so many rows a day.
    """

    name: str
    gain: Mapping[date, float] = field(default_factory=dict)
    retrained: Sequence[date] = ()
    refused: Sequence[date] = ()
    rolled_back: Sequence[date] = ()
    alerts: Mapping[date, bool | None] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    refuses: int = 0
    seconds: float = 40.0


def at(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 6, tzinfo=UTC)


def backtest(
    policies: Sequence[Policy],
    *,
    began: date = BEGAN,
    until: date = UNTIL,
    unit: str = "minutes of waiting saved",
    metric: str = "roc_auc",
    unlabelled: tuple[date, date] | None = None,
    noise: float = 60.0,
) -> Backtest:
    """The same days for all: what they differ by is their gains, and a little noise of each one's own."""
    return Backtest(
        project="flights",
        name="2013",
        began=began,
        until=until,
        unit=unit,
        metric=metric,
        policies=tuple(
            _outcome(policy, number, began, until, unit, unlabelled, noise)
            for number, policy in enumerate(policies)
        ),
        notes=("latency_ms and memory_mb are left out: they measure this machine",),
    )


def four(**changes: Any) -> Backtest:
    """``drift`` is worth 100 a day from March on, ``monthly`` as much, with more retrainings."""
    drift = [date(2013, 3, 1), date(2013, 6, 12), date(2013, 10, 2)]
    return backtest(
        [
            Policy(
                "never", alerts={date(2013, 7, 2): True, date(2013, 8, 1): False, date(2013, 12, 30): None}
            ),
            Policy("monthly", {date(2013, 3, 1): 100.0}, _STARTS[1:], refused=_STARTS[5:8]),
            Policy("drift", {date(2013, 3, 1): 105.0}, drift, alerts=dict.fromkeys(drift, True)),
            Policy(
                "performance",
                {date(2013, 8, 1): -60.0},
                [date(2013, 8, 1), date(2013, 9, 1)],
                rolled_back=[date(2013, 8, 3)],
                settings={"retraining.trigger": ["performance"], "retraining.training_days": 180},
            ),
        ],
        **changes,
    )


def moved(found: Backtest, at: datetime, timezone: str) -> Backtest:
    """The same in another zone, all that happened having happened at one moment."""
    policies = (
        replace(item, events=tuple(replace(event, at=at) for event in item.events)) for item in found.policies
    )
    return replace(found, policies=tuple(policies), timezone=timezone)


def many(count: int = 24) -> Backtest:
    """A sweep: the more often a variant retrains, the more it is worth, and ever less so."""
    variants = []
    for number in range(count):
        often = 1 + number % 12
        days = [BEGAN + timedelta(days=30 + round(at * 330 / often)) for at in range(often)]
        training, windows = 30 * (1 + number // 6), 1 + number % 6
        variants.append(
            Policy(
                f"drift[training_days={training},windows_in_a_row={windows}]",
                {days[0]: 20.0 * float(np.sqrt(often)) - 4.0 * (number // 12)},
                days,
                settings={"retraining.training_days": training, "retraining.windows_in_a_row": windows},
            )
        )
    return backtest([Policy("never"), *variants])


def _outcome(
    policy: Policy,
    number: int,
    began: date,
    until: date,
    unit: str,
    unlabelled: tuple[date, date] | None,
    noise: float,
) -> PolicyOutcome:
    shared, own = np.random.default_rng(1), np.random.default_rng([number, 2])
    days = []
    for offset in range((until - began).days):
        day = began + timedelta(days=offset)
        weather, chance = shared.normal(scale=600), own.normal(scale=noise)
        known = unlabelled is None or not unlabelled[0] <= day < unlabelled[1]
        gain = max((item for item in policy.gain.items() if item[0] <= day), default=(day, 0.0))[1]
        chance *= bool(gain)  # who never did otherwise is no different
        days.append(
            Day(
                day=day,
                version=1 + sum(when <= day for when in policy.retrained),
                asked=_ROWS,
                answered=_ROWS - policy.refuses,
                labelled=_ROWS if known else 0,
                positives=200 if known else 0,
                worth=1500.0 + weather + gain + chance if known and unit else None,
                metric=0.72 + (weather + gain + chance) / 30_000 if known else None,
            )
        )
    return PolicyOutcome(
        policy=policy.name,
        about=f"what {policy.name} does",
        settings=dict(policy.settings),
        first_version_note="its gates passed",
        days=tuple(days),
        spans=tuple(_spans(days, unit)),
        events=_events(policy),
        trainings=len(policy.retrained),
        seconds=policy.seconds,
        unknown=(f"{unlabelled[0]} to {unlabelled[1]}: no labels",) if unlabelled else (),
    )


def _spans(days: list[Day], unit: str) -> list[Span]:
    found = []
    for name in dict.fromkeys(f"{day.day:%Y-%m}" for day in days):
        inside = [day for day in days if f"{day.day:%Y-%m}" == name]
        known = [day.metric for day in inside if day.metric is not None]
        metric = float(np.mean(known)) if known else None
        found.append(
            Span(
                name,
                at(inside[0].day),
                at(inside[-1].day + timedelta(days=1)),
                sum(day.asked for day in inside),
                sum(day.answered for day in inside),
                sum(day.labelled for day in inside),
                metric,
                None if metric is None else metric - 0.015,
                None if metric is None else metric + 0.015,
                sum(day.worth or 0.0 for day in inside) if unit and known else None,
            )
        )
    return found


def _events(policy: Policy) -> tuple[Event, ...]:
    found: list[Event] = []

    def add(day: date, kind: EventKind, says: str, mattered: bool | None = None) -> None:
        version = 1 + sum(when <= day for when in policy.retrained)
        found.append(Event(at(day), kind, version, says, mattered))

    for day in policy.retrained:
        add(day, "retrained", "Retraining is called for: 5 of 15 features drifted")
        refused = day in policy.refused
        add(
            day,
            "refused" if refused else "promoted",
            "beats champion failed" if refused else "its gates passed",
        )
    for day in policy.rolled_back:
        add(day, "rolled_back", "failed_share is violated")
    for day, mattered in policy.alerts.items():
        add(day, "alert", "data-drift: 5 of 15 features drifted", mattered)
        add(day + timedelta(days=30), "cleared", "data-drift is over")
    return tuple(sorted(found, key=lambda event: event.at))
