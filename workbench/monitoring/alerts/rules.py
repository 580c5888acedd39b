"""What the rules of ``[[monitoring.alerts]]`` make of the windows: in which of them each is violated."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property

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
    """What one rule sees of one signal of one version, window by window, the oldest first.

    Attributes
    ----------
    goes_on : datetime or None
        The start of the first window that is judged here. Those before it are among the looks only as far as
        they count for later ones. None when all are judged.
    """

    rule: AlertConfig
    model: str
    version: int
    signal: str
    looks: tuple[Look, ...]
    goes_on: datetime | None = None


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


def streams(
    rules: Sequence[AlertConfig],
    findings: Sequence[WindowSignals],
    settled: Callable[[Stream], datetime | None] = lambda _: None,
) -> Iterator[Stream]:
    """Every signal that a rule covers. Of two findings on one version in one window the first counts.

    Parameters
    ----------
    settled : callable, optional
        Tells of a stream, which is handed in without its windows, by when they had ended that need not be
        judged: of these only the newest are looked at, as many as tell how it goes on.
    """
    windows: dict[tuple[str, int], dict[tuple[datetime, datetime], WindowSignals]] = {}
    for found in sorted(findings, key=lambda each: (each.start, each.end)):
        windows.setdefault((found.model, found.version), {}).setdefault((found.start, found.end), found)
    for (model, version), seen in windows.items():
        watched = _Watched(list(seen.values()))
        for rule in rules:
            for name in watched.names(rule):
                stream = Stream(rule, model, version, storable(name), ())
                yield watched.seen(stream, name, settled(stream))


@dataclass(frozen=True, eq=False)
class _Watched:
    """A version's windows, the oldest first."""

    windows: Sequence[WindowSignals]
    _by_name: dict[int, dict[str, Signal]] = field(default_factory=dict)

    def names(self, rule: AlertConfig) -> list[str]:
        """The signals that a rule covers."""
        return list(filter(rule.covers, self._names))

    def seen(self, stream: Stream, name: str, settled: datetime | None) -> Stream:
        """The stream of a signal, with the windows that it is judged by."""
        first, goes_on = 0, None
        if settled is not None:
            over = bisect_right(self.windows, settled, key=lambda each: each.end)
            first, goes_on = self._before(over, stream.rule, name)
        looks = tuple(self._look(at, stream.rule, name) for at in range(first, len(self.windows)))
        return replace(stream, looks=looks, goes_on=goes_on)

    def _before(self, over: int, rule: AlertConfig, name: str) -> tuple[int, datetime | None]:
        """From which one on windows count for those from ``over`` on, and where judging goes on; all when
        too few tell anything."""
        goes_on, conclusive = None, 0
        for at in reversed(range(over)):
            signal = self._signal(at, name)
            if signal is not None and _violates(rule, signal) is not None:
                goes_on, conclusive = goes_on or self.windows[at].start, conclusive + 1
                if conclusive == rule.windows:
                    return at, goes_on
        return 0, None

    @cached_property
    def _names(self) -> list[str]:
        return list(dict.fromkeys(signal.name for found in self.windows for signal in found.signals))

    def _signal(self, place: int, name: str) -> Signal | None:
        if place not in self._by_name:
            self._by_name[place] = {signal.name: signal for signal in self.windows[place].signals}
        return self._by_name[place].get(name)

    def _look(self, place: int, rule: AlertConfig, name: str) -> Look:
        return _look(rule, self.windows[place], self._signal(place, name))


def judge(stream: Stream) -> list[Evaluated]:
    """The rule at each window that can be told anything about: k of the last n of these violate it."""
    conclusive = [look for look in stream.looks if look.violates is not None]
    found = []
    for at, look in enumerate(conclusive):
        last = conclusive[max(0, at + 1 - stream.rule.windows) : at + 1]
        violated = sum(bool(each.violates) for each in last) >= stream.rule.needed
        found.append(Evaluated(look, violated, last[0]))
    return [each for each in found if stream.goes_on is None or each.look.start >= stream.goes_on]


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
