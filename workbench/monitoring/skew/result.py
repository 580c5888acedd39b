"""What comparing serving with training showed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

from workbench.monitoring.findings.documents import from_document, to_document
from workbench.monitoring.findings.signal import Signal, SignalVerdict

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FeatureSkew", "SkewResult", "SkewVerdict"]

SkewVerdict = Literal["skewed", "equal", "inconclusive"]
_NAN = float("nan")
_SIGNAL: dict[str, SignalVerdict] = {"skewed": "bad", "equal": "ok", "inconclusive": "inconclusive"}


@dataclass(frozen=True)
class FeatureSkew:
    """One feature on both sides.

    Attributes
    ----------
    rows, differing : int
        How many rows were compared, and how many of them differ.
    largest : float
        The largest difference of two numbers; NaN where there is none.
    later, code : int
        Of the differing rows, those that differ because data arrived later, and because of the code; of the
        rest it is not known.
    verdict : str
        ``skewed``, ``equal``, or ``inconclusive`` when it cannot be compared. A feature of which at most 1 %
        of the rows differ, all because data arrived later, counts as equal.
    note : str
        The same in words.
    prediction_id, served, training : str
        The row with the largest difference, and what stands on either side.
    """

    feature: str
    rows: int = 0
    differing: int = 0
    largest: float = _NAN
    later: int = 0
    code: int = 0
    verdict: SkewVerdict = "inconclusive"
    note: str = ""
    prediction_id: str = ""
    served: str = ""
    training: str = ""

    @property
    def share(self) -> float:
        """Of the compared rows, those that differ; NaN when none were compared."""
        return self.differing / self.rows if self.rows else _NAN


@dataclass(frozen=True, eq=False)
class SkewResult:
    """Which features differ between serving and training.

    Attributes
    ----------
    rows : int
        How many logged rows were looked at.
    unbuilt : int
        Those of them that the training path raised on.
    note : str
        What there is to know about all features.
    untried : bool
        The training path was not there; it may be another time.
    """

    judgements: tuple[FeatureSkew, ...]
    rows: int
    unbuilt: int = 0
    note: str = ""
    untried: bool = False

    @property
    def features(self) -> pd.DataFrame:
        """One row for each feature, with the attributes of :class:`FeatureSkew` and ``share``."""
        import pandas as pd

        names = [field.name for field in fields(FeatureSkew)]
        table = pd.DataFrame([asdict(item) for item in self.judgements], columns=names)
        table.insert(names.index("largest"), "share", [item.share for item in self.judgements])
        return table.astype({"share": float, "largest": float})

    @property
    def judged(self) -> tuple[FeatureSkew, ...]:
        """The features about which something can be said."""
        return tuple(item for item in self.judgements if item.verdict != "inconclusive")

    @property
    def skewed(self) -> tuple[str, ...]:
        """Names of the features that differ."""
        return tuple(item.feature for item in self.judgements if item.verdict == "skewed")

    @property
    def share(self) -> float:
        """The share of judged features that differ; NaN when none could be judged."""
        return len(self.skewed) / len(self.judged) if self.judged else _NAN

    @property
    def verdict(self) -> SkewVerdict:
        """``skewed`` when any feature is, ``equal`` when those that could be judged are not."""
        return "skewed" if self.skewed else "equal" if self.judged else "inconclusive"

    def signals(self) -> Iterator[Signal]:
        """``skew.share``, and ``skew.feature.NAME``: the share of its rows that differ."""
        says = f"{len(self.skewed)} of {len(self.judged)} features differ between serving and training"
        says += f": {', '.join(self.skewed)}" if self.skewed else ""
        says = "; ".join(filter(None, (says, self.note)))
        yield Signal("skew.share", self.share, _SIGNAL[self.verdict], says)
        for item in self.judgements:
            says = f"{item.feature}: {item.note or item.verdict}"
            yield Signal(f"skew.feature.{item.feature}", item.share, _SIGNAL[item.verdict], says)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values; NaN is null."""
        return to_document(self)

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> SkewResult:
        return from_document(cls, raw)
