"""What the charts look at of a window's finding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from workbench.monitoring.drift import DriftResult
from workbench.monitoring.figures.chart import VERSIONS
from workbench.monitoring.health import Health
from workbench.monitoring.opinions import Opinions
from workbench.monitoring.performance import Performance, ShadowDelta
from workbench.monitoring.skew import SkewResult
from workbench.monitoring.trend import TrendResult
from workbench.monitoring.windows import WindowFinding
from workbench.registry.aliases import CHAMPION

__all__ = [
    "CHAMPION",
    "Finding",
    "VersionSeen",
    "WindowSeen",
    "champion",
    "version_colours",
    "versions_of",
]


class VersionSeen(Protocol):
    """One version in one role in one window; None is what was not measured."""

    @property
    def role(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def rows(self) -> int: ...
    @property
    def drift(self) -> DriftResult | None: ...
    @property
    def performance(self) -> Performance | None: ...
    @property
    def trend(self) -> TrendResult | None: ...
    @property
    def health(self) -> Health | None: ...
    @property
    def delta(self) -> ShadowDelta | None: ...
    @property
    def opinions(self) -> Opinions | None: ...
    @property
    def skew(self) -> SkewResult | None: ...
    @property
    def notes(self) -> Sequence[str]: ...


class WindowSeen(Protocol):
    """One window with all versions that answered in it."""

    @property
    def name(self) -> str: ...
    @property
    def versions(self) -> Sequence[VersionSeen]: ...


Finding = WindowSeen | WindowFinding


@dataclass(frozen=True)
class _Measured:
    """A version of a finding that knows drift and performance only."""

    role: str
    version: int
    rows: int
    drift: DriftResult | None
    performance: Performance | None
    trend: TrendResult | None = None
    health: Health | None = None
    delta: ShadowDelta | None = None
    opinions: Opinions | None = None
    skew: SkewResult | None = None
    notes: Sequence[str] = ()


def versions_of(finding: Finding) -> Sequence[VersionSeen]:
    """All that answered in a window, or what drift there was where nobody did."""
    if not isinstance(finding, WindowFinding):
        return finding.versions
    if not finding.performances:
        return (_Measured(CHAMPION, 0, 0, finding.drift, None),)
    return tuple(
        _Measured(part.role, part.model_version, part.rows, drift, part)
        for part in finding.performances
        for drift in (finding.drift if part is finding.champion else None,)
    )


def version_colours(findings: Sequence[Finding]) -> dict[int, str]:
    """A colour for each version, the same on all charts of the same findings."""
    versions = sorted({item.version for finding in findings for item in versions_of(finding)})
    return {version: VERSIONS[at % len(VERSIONS)] for at, version in enumerate(versions)}


def champion(finding: Finding) -> VersionSeen | None:
    """Of two champions in one window the one that answered more."""
    found = [item for item in versions_of(finding) if item.role == CHAMPION]
    return max(found, key=lambda item: item.rows) if found else None
