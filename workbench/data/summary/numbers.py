"""Numbers: how many at points and in the open intervals between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from workbench.data.summary.binning import Binned, bin_numbers
from workbench.data.summary.column import ColumnSummary, added
from workbench.data.summary.reading import Values

__all__ = ["FEW", "NumberSummary", "summarize_numbers"]

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

# A reference with at most so many values has a point for each. Any other has points at its quantiles, fine
# where it is dense, at its outermost values, where much of a distance can come from few, and at even steps,
# so that no long tail is one bin: 1,024 at most.
_MOST_POINTS, _QUANTILES, _OUTERMOST, _STEPS = 1024, 640, 64, 256
#: With so few values in both reference and window, they are told apart rather than measured.
FEW = 5


@dataclass(frozen=True, eq=False, kw_only=True)
class NumberSummary(ColumnSummary):
    """Numbers, or times as seconds since 1970.

    Attributes
    ----------
    infinite : int
        Rows with an infinite value; all that follows is about the finite ones.
    minimum, maximum, mean, std : float
        NaN without any; ``std`` is the population's.
    edges : ndarray of float64, (k,)
        The points, ascending; they are the reference's, in a window too.
    points : ndarray of int64, (k,)
        How many lie at each point.
    between : ndarray of int64, (k + 1,)
        How many lie below the first point, in each open interval, above the last.
    sums : ndarray of float64, (k + 1,)
        Of their distances from the point below; below the first point, from that, so negative.
    exact : bool
        Whether every value of the reference is a point.
    strays : mapping of float to int, or None
        What lies between the points, value by value. Kept while reference and window have at most
        :data:`FEW` values together; None says that there are more.
    """

    kind: Literal["number", "time"]
    infinite: int
    minimum: float
    maximum: float
    mean: float
    std: float
    edges: Floats
    points: Counts
    between: Counts
    sums: Floats
    exact: bool
    strays: Mapping[float, int] | None

    @property
    def finite(self) -> int:
        """Rows with a finite value."""
        return self.present - self.infinite

    def count(self, values: Values) -> NumberSummary:
        if values.kind != self.kind or values.numbers is None:
            return self._of(self._binned(np.empty(0)), values.rows, values.missing, values.foreign, {})
        binned = self._binned(values.numbers)
        strays: Mapping[float, int] | None = {}
        if binned.between.any():
            strays = _strays(values.numbers, self.edges) if self.exact and len(self.edges) <= FEW else None
        return self._of(binned, values.rows, binned.missing, {}, strays)

    def alike(self, other: ColumnSummary) -> bool:
        if not isinstance(other, NumberSummary) or self.kind != other.kind:
            return False
        return self.edges is other.edges or np.array_equal(self.edges, other.edges)

    def nothing(self, rows: int) -> NumberSummary:
        return self._of(self._binned(np.empty(0)), rows, rows, {}, {})

    def __add__(self, other: NumberSummary) -> NumberSummary:
        self.refuse_apart(other)
        mean, std = _pooled(self, other)
        return NumberSummary(
            kind=self.kind,
            rows=self.rows + other.rows,
            missing=self.missing + other.missing,
            foreign=added(self.foreign, other.foreign),
            infinite=self.infinite + other.infinite,
            minimum=float(np.fmin(self.minimum, other.minimum)),
            maximum=float(np.fmax(self.maximum, other.maximum)),
            mean=mean,
            std=std,
            edges=self.edges,
            points=self.points + other.points,
            between=self.between + other.between,
            sums=self.sums + other.sums,
            exact=self.exact,
            strays=_bounded(self.strays, other.strays, len(self.edges)),
        )

    def _binned(self, numbers: Floats) -> Binned:
        return bin_numbers(numbers, self.edges, self.mean if np.isfinite(self.mean) else 0.0)

    def _of(
        self,
        binned: Binned,
        rows: int,
        missing: int,
        foreign: Mapping[str, int],
        strays: Mapping[float, int] | None,
    ) -> NumberSummary:
        return NumberSummary(
            kind=self.kind,
            rows=rows,
            missing=missing,
            foreign=foreign,
            infinite=binned.infinite,
            minimum=binned.minimum,
            maximum=binned.maximum,
            mean=binned.mean,
            std=binned.std,
            edges=self.edges,
            points=binned.points,
            between=binned.between,
            sums=binned.sums,
            exact=self.exact,
            strays=strays,
        )


def summarize_numbers(kind: Literal["number", "time"], numbers: Floats) -> NumberSummary:
    """The summary of a reference, in bins of its own."""
    finite = np.sort(numbers[np.isfinite(numbers)])
    missing = int(np.count_nonzero(np.isnan(numbers)))
    edges, exact = _edges(finite)
    with np.errstate(over="ignore", invalid="ignore"):
        mean, std = (float(finite.mean()), float(finite.std())) if len(finite) else (float("nan"),) * 2
        binned = bin_numbers(finite, edges, mean if np.isfinite(mean) else 0.0)
    return NumberSummary(
        kind=kind,
        rows=len(numbers),
        missing=missing,
        foreign={},
        infinite=len(numbers) - missing - len(finite),
        minimum=binned.minimum,
        maximum=binned.maximum,
        mean=mean,
        std=std,
        edges=edges,
        points=binned.points,
        between=binned.between,
        sums=binned.sums,
        exact=exact,
        strays={} if exact else None,
    )


def _edges(ascending: Floats) -> tuple[Floats, bool]:
    if not len(ascending):
        return ascending, True
    first = np.concatenate([[True], ascending[1:] != ascending[:-1]])
    if np.count_nonzero(first) <= _MOST_POINTS:
        return ascending[first], True
    quantiles = ascending[np.linspace(0, len(ascending) - 1, _QUANTILES).round().astype(np.int64)]
    with np.errstate(over="ignore", invalid="ignore"):
        steps = np.linspace(ascending[0], ascending[-1], _STEPS)
    ends = ascending[:_OUTERMOST], ascending[-_OUTERMOST:]
    return np.unique(np.concatenate([quantiles, *ends, steps[np.isfinite(steps)]])), False


def _strays(numbers: Floats, edges: Floats) -> dict[float, int] | None:
    finite = numbers[np.isfinite(numbers)]
    values, counts = np.unique(finite[~np.isin(finite, edges)], return_counts=True)
    if len(values) + len(edges) > FEW:
        return None
    return dict(zip(values.tolist(), counts.tolist(), strict=True))


def _bounded(
    first: Mapping[float, int] | None, second: Mapping[float, int] | None, known: int
) -> dict[float, int] | None:
    if first is None or second is None:
        return None
    found = {value: first.get(value, 0) + second.get(value, 0) for value in {**first, **second}}
    return found if not found or len(found) + known <= FEW else None


def _pooled(first: NumberSummary, second: NumberSummary) -> tuple[float, float]:
    """Mean and standard deviation of both together, by Chan, Golub and LeVeque (1979)."""
    one, other = first.finite, second.finite
    if not one or not other:
        kept = second if other else first
        return kept.mean, kept.std
    both = one + other
    with np.errstate(over="ignore", invalid="ignore"):
        apart = np.float64(second.mean) - first.mean
        mean = first.mean + apart * other / both
        squares = one * np.square(first.std) + other * np.square(second.std)
        squares += np.square(apart) * one * other / both
        return float(mean), float(np.sqrt(squares / both))
