"""What was found of the trend, feature by feature."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from workbench.monitoring.findings.documents import from_document, to_document
from workbench.monitoring.findings.signal import Signal, SignalVerdict

__all__ = ["FeatureTrend", "TrendResult", "TrendVerdict"]

TrendVerdict = Literal["climbing", "jump", "steady", "inconclusive"]
_SIGNALS: dict[TrendVerdict, SignalVerdict] = {
    "climbing": "bad",
    "jump": "bad",
    "steady": "ok",
    "inconclusive": "inconclusive",
}
_NAN = float("nan")


@dataclass(frozen=True)
class FeatureTrend:
    """One feature over the windows up to the newest.

    A *level* says how far a figure is on its way from the reference (0) to its line (1, or −1).

    Attributes
    ----------
    verdict : str
        ``climbing``: it surely rises or falls, and will cross its line within the horizon; ``jump``: the
        newest window lies where the earlier ones do not lead; ``steady``; or ``inconclusive``.
    figure : str
        What does: ``drift score``, ``centre``, ``spread``, ``missing`` or ``share of …``.
    slope, low, high : float
        Levels a window, with the 95 % interval.
    level : float
        Where the fitted line stands at the newest window.
    windows_left : float
        Until the line is crossed, 0 when it has been; NaN unless it climbs.
    p : float
        That of the test which the verdict stands on.
    says : str
        The same in words.
    windows : tuple of str
        The windows that were looked at, oldest first.
    levels : tuple of float
        The figure's level in each of them; NaN where there was none.
    """

    feature: str
    verdict: TrendVerdict
    says: str
    figure: str = ""
    slope: float = _NAN
    low: float = _NAN
    high: float = _NAN
    level: float = _NAN
    windows_left: float = _NAN
    p: float = _NAN
    windows: tuple[str, ...] = ()
    levels: tuple[float, ...] = ()


@dataclass(frozen=True)
class TrendResult:
    """The trend of every feature, those worth a word first.

    Attributes
    ----------
    window : str
        The newest.
    features : tuple of FeatureTrend
    horizon : int
        How many windows ahead a crossing counts.
    false_alarms : float
        The share of steady windows in which, at most, anything is said to climb or to have jumped.
    """

    window: str
    features: tuple[FeatureTrend, ...]
    horizon: int
    false_alarms: float

    @property
    def climbing(self) -> tuple[FeatureTrend, ...]:
        """Those that climb, the soonest to cross first."""
        return tuple(item for item in self.features if item.verdict == "climbing")

    @property
    def jumped(self) -> tuple[FeatureTrend, ...]:
        return tuple(item for item in self.features if item.verdict == "jump")

    def signals(self) -> Iterator[Signal]:
        """``trend.climbing``, how many climb, and ``trend.feature.NAME``, its level."""
        climbing = self.climbing
        verdict: SignalVerdict = "bad" if climbing else "inconclusive"
        if not climbing and any(item.verdict != "inconclusive" for item in self.features):
            verdict = "ok"
        says = "; ".join(f"{item.feature}: {item.says}" for item in climbing) or "nothing climbs"
        yield Signal("trend.climbing", float(len(climbing)), verdict, says)
        for item in self.features:
            yield Signal(f"trend.feature.{item.feature}", item.level, _SIGNALS[item.verdict], item.says)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values; NaN is null."""
        return to_document(self)

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> TrendResult:
        return from_document(cls, raw)
