"""What a window of a prediction log showed, version by version: kept as JSON, read back by anybody."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import chain
from typing import Any

from workbench.monitoring.drift import DriftResult
from workbench.monitoring.findings.documents import from_document, to_document
from workbench.monitoring.findings.signal import Signal
from workbench.monitoring.findings.windows import Window
from workbench.monitoring.health import Health
from workbench.monitoring.opinions import Opinions
from workbench.monitoring.performance import Performance, ShadowDelta
from workbench.monitoring.skew import SkewResult
from workbench.monitoring.trend import Profile, TrendResult
from workbench.registry.aliases import CHAMPION

__all__ = ["VersionFinding", "WindowFinding"]

_ABOUT = ("role", "version", "rows", "failed")
_PARTS: dict[str, Any] = {
    "drift": DriftResult,
    "health": Health,
    "profile": Profile,
    "trend": TrendResult,
    "skew": SkewResult,
    "performance": Performance,
    "delta": ShadowDelta,
    "opinions": Opinions,
}


@dataclass(frozen=True, eq=False)
class VersionFinding:
    """How one version fared in one window, in one role.

    Attributes
    ----------
    rows, failed : int
        Its answers in the log, and rows that it could not answer.
    drift : DriftResult
        Of what it was asked, against the reference that was kept when it was registered.
    health : Health
        Volume, latency and failures.
    profile : Profile
        The few figures that are followed from window to window.
    trend : TrendResult or None
        Of a champion: this window's profile against the trend of earlier ones.
    skew : SkewResult or None
        Of a champion: what the server computed against the training path.
    performance : Performance or None
        As far as the truth is known.
    delta : ShadowDelta or None
        Of a shadow: against the champion, on what both answered.
    opinions : Opinions or None
        What users thought of its answers.
    notes : tuple of str
        What could not be looked at, and why.
    """

    role: str
    version: int
    rows: int
    failed: int
    drift: DriftResult
    health: Health
    profile: Profile
    trend: TrendResult | None = None
    skew: SkewResult | None = None
    performance: Performance | None = None
    delta: ShadowDelta | None = None
    opinions: Opinions | None = None
    notes: tuple[str, ...] = ()

    def signals(self) -> Iterator[Signal]:
        """Every figure that a rule for alerts may look at."""
        return iter(self._signals)

    @cached_property
    def _signals(self) -> tuple[Signal, ...]:
        """Put into words once: rules look through the windows again whenever one has ended."""
        parts = (self.drift, self.health, self.trend, self.skew, self.performance, self.delta, self.opinions)
        return tuple(chain.from_iterable(part.signals() for part in parts if part is not None))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        about = {name: getattr(self, name) for name in _ABOUT}
        parts = {name: part.to_dict() for name in _PARTS if (part := getattr(self, name)) is not None}
        return {**about, "notes": list(self.notes), **parts}

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> VersionFinding:
        about = {name: raw[name] for name in _ABOUT}
        parts = {name: kind.from_dict(raw[name]) for name, kind in _PARTS.items() if name in raw}
        return cls(**about, notes=tuple(raw["notes"]), **parts)


@dataclass(frozen=True, eq=False)
class WindowFinding:
    """What one window showed.

    Attributes
    ----------
    versions : tuple of VersionFinding
        One for each role and version that answered; the champion with most answers first. Empty when
        nobody was asked.
    evaluated_at : datetime
        As of when this was known.
    told : int
        Grows with whatever is said of any answers in the log: how much had been said by then.
    judged_by : str
        What by, as a hash: thresholds, and what is asked of a version.
    """

    window: Window
    versions: tuple[VersionFinding, ...]
    evaluated_at: datetime
    told: int = 0
    judged_by: str = ""

    @property
    def name(self) -> str:
        return self.window.name

    @property
    def over(self) -> bool:
        """Whether the window had ended by then."""
        return self.evaluated_at >= self.window.end

    @cached_property
    def saw(self) -> tuple[int, int, bool, datetime]:
        """How much there was to be seen, which only ever grows: answers, what was said, the end, time."""
        rows = sum(item.rows + item.failed for item in self.versions)
        return rows, self.told, self.over, self.evaluated_at

    @cached_property
    def champion(self) -> VersionFinding | None:
        """The champion; of two in one window, the one that answered more."""
        return next((item for item in self.versions if item.role == CHAMPION), None)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "window": to_document(self.window),
            "evaluated_at": self.evaluated_at.isoformat(),
            "told": self.told,
            "judged_by": self.judged_by,
            "versions": [item.to_dict() for item in self.versions],
        }

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> WindowFinding:
        return cls(
            from_document(Window, raw["window"]),
            tuple(map(VersionFinding.from_dict, raw["versions"])),
            datetime.fromisoformat(raw["evaluated_at"]),
            raw["told"],
            raw.get("judged_by", ""),  # which findings of older versions lack
        )
