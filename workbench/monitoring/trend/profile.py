"""The figures of a window that are followed from window to window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from workbench.data.summary import CategorySummary, NumberSummary, Summary
from workbench.monitoring.findings.documents import from_document, to_document

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["NEW", "FeatureProfile", "Profile", "profile_of"]

#: The share of values that the reference has not, among the shares of a feature's categories.
NEW = "(new)"
_MAIN_CATEGORIES = 5
_NAN = float("nan")


class _Judged(Protocol):
    """A drift result, of which only the table is read."""

    @property
    def features(self) -> pd.DataFrame: ...


@dataclass(frozen=True)
class FeatureProfile:
    """One feature in one window; NaN is what it has not.

    Attributes
    ----------
    centre, spread : float
        Mean and standard deviation of a number.
    missing : float
        The share of rows without a value.
    shares : mapping of str to float
        Of the reference's five most common categories, and of all that are :data:`NEW` together.
    score, threshold : float
        Of its drift, measured by ``method``.
    """

    centre: float = _NAN
    spread: float = _NAN
    missing: float = _NAN
    shares: Mapping[str, float] = field(default_factory=dict)
    score: float = _NAN
    threshold: float = _NAN
    method: str = ""


@dataclass(frozen=True)
class Profile:
    """One window, feature by feature.

    Attributes
    ----------
    window : str
        Its name.
    rows : int
    features : mapping of str to FeatureProfile
    version : int
        The model version against whose reference the drift was measured.
    """

    window: str
    rows: int
    features: Mapping[str, FeatureProfile]
    version: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values; NaN is null."""
        return to_document(self)

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> Profile:
        return from_document(cls, raw)


def profile_of(window: str, summary: Summary, drift: _Judged | None = None, *, version: int = 0) -> Profile:
    """The profile of a window, or without ``drift`` that of a reference."""
    judged = {} if drift is None else drift.features.set_index("feature").to_dict("index")
    features = {}
    for name, column in summary.columns.items():
        about = judged.get(name, {})
        features[name] = FeatureProfile(
            centre=column.mean if isinstance(column, NumberSummary) else _NAN,
            spread=column.std if isinstance(column, NumberSummary) else _NAN,
            missing=column.missing_share,
            shares=_shares(column) if isinstance(column, CategorySummary) else {},
            score=about.get("score", _NAN),
            threshold=about.get("threshold", _NAN),
            method=about.get("method", ""),
        )
    return Profile(window, summary.rows, features, version)


def _shares(column: CategorySummary) -> dict[str, float]:
    if not column.present:
        return {}
    main = zip(
        column.values[:_MAIN_CATEGORIES].to_pylist(), column.counts[:_MAIN_CATEGORIES].tolist(), strict=True
    )
    shares = {value: count / column.present for value, count in main}
    return {**shares, NEW: float(column.new_counts.sum()) / column.present}
