"""What comparing a window with a reference showed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal

from workbench.data.summary import PREDICTION
from workbench.errors import UnknownName
from workbench.monitoring.findings.documents import from_document, to_document
from workbench.monitoring.findings.signal import Signal, SignalVerdict
from workbench.registry.gates.validation import plain

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MISSING_MOVED", "Distribution", "DriftResult", "DriftVerdict", "FeatureDrift"]

DriftVerdict = Literal["drifted", "stable", "inconclusive"]
_NAN = float("nan")
_SIGNAL: dict[str, SignalVerdict] = {"drifted": "bad", "stable": "ok", "inconclusive": "inconclusive"}

#: So much more or less missing is drift, whatever the values that are left say.
MISSING_MOVED = 0.1
# From this share of drifted features on, Evidently calls a whole table drifted.
_SHARE = 0.5


@dataclass(frozen=True)
class FeatureDrift:
    """The judgement on one feature.

    Attributes
    ----------
    feature : str
    method : str
        As Evidently calls it; ``column``, ``type`` or ``missing`` where structure decides.
    score, threshold : float
        A small p-value speaks for a change, a large distance does; NaN where nothing was measured.
    verdict : str
        ``drifted``, ``stable``, or ``inconclusive`` when too little is known.
    note : str
        What else there is to know, in words.
    missing, reference_missing : float
        Share of rows without a (finite) value.
    new : float
        Share of the window's rows with a category that the reference has not.
    vanished : float
        Share of the reference's rows with a category that the window lacks, although by its size it would
        have ten or more.
    outside : float
        Share of the window's values below the reference's smallest or above its largest.
    """

    feature: str
    method: str = ""
    score: float = _NAN
    threshold: float = _NAN
    verdict: DriftVerdict = "inconclusive"
    note: str = ""
    missing: float = _NAN
    reference_missing: float = _NAN
    new: float = _NAN
    vanished: float = _NAN
    outside: float = _NAN


@dataclass(frozen=True)
class Distribution:
    """A feature in at most 20 bars.

    Attributes
    ----------
    labels : tuple of str
        What each bar counts: a value, or a range of numbers.
    reference, window : tuple of float
        The share of values in each, between 0 and 1.
    """

    labels: tuple[str, ...]
    reference: tuple[float, ...]
    window: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class DriftResult:
    """Which features drifted.

    Attributes
    ----------
    features : DataFrame
        One row for each feature, with the columns of :class:`FeatureDrift` and ``drifted``. The scores' own
        drift is :data:`~workbench.data.summary.PREDICTION`.
    rows, reference_rows : int
    distributions : mapping of str to Distribution
        See :meth:`distribution`.
    line : float
        The share of drifted features from which on the whole has drifted.
    """

    features: pd.DataFrame
    rows: int
    reference_rows: int
    distributions: Mapping[str, Distribution] = field(default_factory=dict, repr=False)
    line: float = _SHARE

    @classmethod
    def of(
        cls,
        features: Sequence[FeatureDrift],
        rows: int,
        reference_rows: int,
        distributions: Mapping[str, Distribution],
    ) -> DriftResult:
        """The result of such judgements."""
        return cls(_table([asdict(item) for item in features]), rows, reference_rows, distributions)

    @property
    def judged(self) -> pd.DataFrame:
        """The features (not the score) about which something can be said."""
        table = self.features
        return table[(table["feature"] != PREDICTION) & (table["verdict"] != "inconclusive")]

    @property
    def share(self) -> float:
        """The share of judged features that drifted; NaN when none could be judged."""
        judged = self.judged
        return float(judged["drifted"].mean()) if len(judged) else _NAN

    @property
    def drifted(self) -> tuple[str, ...]:
        """Names of the features that drifted."""
        judged = self.judged
        return tuple(judged.loc[judged["drifted"], "feature"])

    @property
    def prediction(self) -> DriftVerdict | None:
        """The verdict on the scores; None when the reference has none."""
        found = self.features.loc[self.features["feature"] == PREDICTION, "verdict"]
        return found.iloc[0] if len(found) else None

    def distribution(self, feature: str) -> Distribution:
        """A feature's values in the reference and in the window; without bars if the reference has none.

        Raises
        ------
        UnknownName
            There is no such feature.
        """
        if feature not in self.distributions:
            raise UnknownName("feature", feature, self.distributions, where="what was judged")
        return self.distributions[feature]

    def signals(self) -> Iterator[Signal]:
        """What alerts may look at."""
        yield self._share_signal()
        for row in self.features.to_dict("records"):
            name, verdict = row["feature"], _SIGNAL[row["verdict"]]
            says = f"{name}: {_said(row)}"
            if name == PREDICTION:
                yield Signal("drift.prediction", row["score"], verdict, says)
                continue
            yield Signal(f"drift.feature.{name}", row["score"], verdict, says)
            yield _missing_signal(row)

    def _share_signal(self) -> Signal:
        judged, drifted = len(self.judged), self.drifted
        if not judged:
            return Signal("drift.share", _NAN, "inconclusive", "no feature could be judged")
        says = f"{len(drifted)} of {judged} judged features drifted"
        says += f": {', '.join(drifted)}" if drifted else ""
        return Signal("drift.share", self.share, "bad" if self.share >= self.line else "ok", says)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values; NaN is null."""
        return {
            "rows": self.rows,
            "reference_rows": self.reference_rows,
            "line": self.line,
            "features": plain(self.features.drop(columns="drifted").to_dict("records")),
            "distributions": {name: to_document(item) for name, item in self.distributions.items()},
        }

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> DriftResult:
        """A result from what :meth:`to_dict` gave."""
        bars = {name: from_document(Distribution, item) for name, item in raw["distributions"].items()}
        return cls(_table(raw["features"]), raw["rows"], raw["reference_rows"], bars, raw["line"])


_FIGURES = ("score", "threshold", "missing", "reference_missing", "new", "vanished", "outside")


def _table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    names = [item.name for item in fields(FeatureDrift)]
    table = pd.DataFrame(rows, columns=names)
    table.insert(names.index("verdict") + 1, "drifted", table["verdict"] == "drifted")
    return table.astype({**dict.fromkeys(_FIGURES, float), "drifted": bool})


def _said(row: Mapping[Any, Any]) -> str:
    """The verdict in words: the figure, the line it is held to, and the note."""
    says = [str(row["verdict"])]
    if row["score"] == row["score"]:
        line = row["threshold"]
        times = f", {row['score'] / line:.2g} times the line" if line else ""
        says.append(f"{row['method']} {row['score']:.3g} where the line is {line:g}{times}")
    if row["note"]:
        says.append(str(row["note"]))
    return "; ".join(says)


def _missing_signal(row: Mapping[Any, Any]) -> Signal:
    share, before = row["missing"], row["reference_missing"]
    name = f"drift.missing.{row['feature']}"
    if share != share or before != before or row["verdict"] == "inconclusive":
        return Signal(name, share, "inconclusive", f"{row['feature']}: {row['note'] or 'nothing to compare'}")
    says = f"{row['feature']}: {share:.1%} missing, {before:.1%} in the reference"
    return Signal(name, share, "bad" if abs(share - before) > MISSING_MOVED else "ok", says)
