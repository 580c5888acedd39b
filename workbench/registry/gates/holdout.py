"""The rows that a candidate is judged on, with every model's scores for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import DataError, UnknownName
from workbench.registry.gates.bootstrap import Days, metric_rounds
from workbench.tracking.metrics import metric

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MISSING", "MOST_SLICES", "Holdout", "Rows"]

Floats = NDArray[np.float64]
Rows = NDArray[np.bool_]

MISSING = "(missing)"
# A column with more values than this is no grouping; its largest slices are looked at.
MOST_SLICES = 50


@dataclass(frozen=True, eq=False)
class Holdout:
    """Labelled rows, and the draws of days that all intervals on them share.

    Attributes
    ----------
    rows : DataFrame
        The labelled rows.
    y : ndarray of float
        1 where the target turned out true, else 0.
    scores : dict of str to ndarray
        Probability of the positive class for each row, by model.
    metric : str
        The primary metric.
    threshold : float
        The score from which a row is flagged.
    """

    rows: pd.DataFrame
    y: Floats
    scores: dict[str, Floats]
    days: Days
    metric: str
    threshold: float
    _whole: dict[str, tuple[float, Floats]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(
        cls,
        frame: pd.DataFrame,
        *,
        target: str,
        time: str,
        scores: Mapping[str, Any],
        rounds: int,
        seed: int,
        metric: str,
        threshold: float,
    ) -> Holdout:
        """Take the labelled rows of ``frame``.

        Raises
        ------
        UnknownName
            When a column is not there.
        DataError
            When the target is not binary, a time is missing, or scores and rows do not match.
        """
        import pandas as pd

        for column in (target, time):
            if column not in frame.columns:
                raise UnknownName("column", column, map(str, frame.columns), where="the holdout")
        truth = pd.to_numeric(frame[target], errors="coerce").to_numpy(dtype=float, na_value=np.nan)
        labelled = ~np.isnan(truth)
        if not np.isin(truth[labelled], (0.0, 1.0)).all():
            raise DataError(f"target {target!r} holds other values than true and false (or 1 and 0)")
        given = {}
        for name, values in scores.items():
            array = np.asarray(values, dtype=float)
            if array.shape != truth.shape:
                raise DataError(f"{name}: {array.size:,} scores for {len(truth):,} rows of the holdout")
            given[name] = array[labelled]
        rows = frame[labelled].reset_index(drop=True)
        days = Days.of(rows[time], rounds=rounds, seed=seed)
        return cls(rows, truth[labelled], given, days, metric, threshold)

    def measure(self, model: str, rows: Rows | None = None) -> tuple[float, Floats]:
        """The primary metric of a model, on all rows or some: its value, and its value in each round."""
        if rows is not None:
            return self._measure(self.y[rows], self.scores[model][rows], self.days.only(rows))
        if model not in self._whole:
            self._whole[model] = self._measure(self.y, self.scores[model], self.days)
        return self._whole[model]

    def _measure(self, y: Floats, score: Floats, days: Days) -> tuple[float, Floats]:
        value = metric(self.metric, y, score, self.threshold)
        return value, metric_rounds(self.metric, y, score, days, self.threshold)

    def unscored(self, model: str) -> int:
        """Rows for which the model gave no finite score."""
        return int((~np.isfinite(self.scores[model])).sum())

    def slices(self, columns: Sequence[str]) -> Iterator[tuple[str, str, Rows]]:
        """Column, slice and its rows, the largest slice of each column first."""
        for column in columns:
            if column not in self.rows.columns:
                raise UnknownName(
                    "column to group by", column, map(str, self.rows.columns), where="the holdout"
                )
            values = self.rows[column].astype(object)
            labels = values.where(values.notna(), MISSING).astype(str)
            for label in labels.value_counts().index[:MOST_SLICES]:
                yield column, str(label), (labels == label).to_numpy()
