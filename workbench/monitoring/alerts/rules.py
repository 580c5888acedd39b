"""What the rules of ``[[monitoring.alerts]]`` make of the windows: in which of them each is violated."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from workbench.config.alerts import AlertConfig
from workbench.monitoring.findings.signal import Signal
from workbench.store.texts import storable

__all__ = ["Evaluated", "Look", "Stream", "WindowSignals", "judge", "streams"]


@dataclass(frozen=True)
class WindowSignals:
    """The signals of one version in one window, ``[start, end)``; both are aware."""

    window: str
    start: datetime
    end: datetime
    model: str
    version: int
    signals: Sequence[Signal]


@dataclass(frozen=True)
class Look:
    """One window as a rule sees it.

    Attributes
    ----------
    verdict : str
        The signal's own, or ``absent`` where the window has no such signal.
    violates : bool or None
        None where nothing can be told: the signal is inconclusive, absent, or no number.
    """

    window: str
    start: datetime
    end: datetime
    value: float
    verdict: str
    says: str
    violates: bool | None


@dataclass(frozen=True)
class Stream:
    """What one rule sees of one signal of one version, window by window, the oldest first."""

    rule: AlertConfig
    model: str
    version: int
    signal: str
    looks: tuple[Look, ...]


@dataclass(frozen=True)
class Evaluated:
    """A rule at a window about which something can be told.

    Attributes
    ----------
    violated : bool
        Whether enough of the last windows violate it.
    since : Look
        The oldest window that this was decided on.
    """

    look: Look
    violated: bool
    since: Look


def streams(rules: Sequence[AlertConfig], findings: Sequence[WindowSignals]) -> Iterator[Stream]:
    """Every signal that a rule covers. Of two findings on one version in one window the first counts."""
    windows: dict[tuple[str, int], dict[tuple[datetime, datetime], WindowSignals]] = {}
    for found in sorted(findings, key=lambda each: (each.start, each.end)):
        windows.setdefault((found.model, found.version), {}).setdefault((found.start, found.end), found)
    for (model, version), seen in windows.items():
        signals = [{signal.name: signal for signal in found.signals} for found in seen.values()]
        names = list(dict.fromkeys(name for each in signals for name in each))
        for rule in rules:
            for name in filter(rule.covers, names):
                looks = (
                    _look(rule, found, each.get(name))
                    for found, each in zip(seen.values(), signals, strict=True)
                )
                yield Stream(rule, model, version, storable(name), tuple(looks))


def judge(stream: Stream) -> list[Evaluated]:
    """The rule at each window that can be told anything about: k of the last n of these violate it."""
    conclusive = [look for look in stream.looks if look.violates is not None]
    found = []
    for at, look in enumerate(conclusive):
        last = conclusive[max(0, at + 1 - stream.rule.windows) : at + 1]
        violated = sum(bool(each.violates) for each in last) >= stream.rule.needed
        found.append(Evaluated(look, violated, last[0]))
    return found


def _look(rule: AlertConfig, found: WindowSignals, signal: Signal | None) -> Look:
    at = (found.window, found.start, found.end)
    if signal is None:
        return Look(*at, math.nan, "absent", "", None)
    return Look(*at, signal.value, signal.verdict, signal.says, _violates(rule, signal))


def _violates(rule: AlertConfig, signal: Signal) -> bool | None:
    if signal.verdict == "inconclusive":
        return None
    if rule.above is None and rule.below is None:
        return signal.verdict == "bad"
    if math.isnan(signal.value):
        return None
    return signal.value > rule.above if rule.above is not None else signal.value < (rule.below or 0.0)
