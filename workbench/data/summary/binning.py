"""Numbers into bins: by the loop that numba compiles where it is installed and worth it, else by NumPy.

Both give the same counts; sums may differ in their last digits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["Binned", "bin_numbers"]

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
_Loop = Callable[[Floats, Floats, float, Counts, Counts, Floats, Floats], None]

# Fewer values, all in all, are in their bins before numba is imported.
_WORTH_COMPILING = 5_000_000
_seen = 0
# What the loop gives beside counts and sums.
MISSING, INFINITE, SMALLEST, LARGEST, SUM, SQUARES = range(6)


@dataclass(frozen=True, eq=False)
class Binned:
    """What of some numbers lies at the edges and between them.

    Attributes
    ----------
    points : ndarray of int64, (edges,)
        How many equal each edge.
    between : ndarray of int64, (edges + 1,)
        How many lie below the first edge, in each open interval, above the last.
    sums : ndarray of float64, (edges + 1,)
        Of the distances from the edge below (below the first edge: from it, so negative). Distances, since
        sums of large numbers would lose what lies between them.
    missing, infinite : int
    minimum, maximum, mean, std : float
        Of the finite ones; NaN if there are none. The standard deviation is the population's.
    """

    points: Counts
    between: Counts
    sums: Floats
    missing: int
    infinite: int
    minimum: float
    maximum: float
    mean: float
    std: float


def bin_numbers(values: Floats, edges: Floats, centre: float) -> Binned:
    """Count ``values`` at and between ``edges``, which ascend.

    ``centre`` is a number near to them, such as the reference's mean: moments are taken about it.
    """
    points = np.zeros(len(edges), np.int64)
    between = np.zeros(len(edges) + 1, np.int64)
    sums = np.zeros(len(edges) + 1)
    found = np.array([0.0, 0.0, np.inf, -np.inf, 0.0, 0.0])
    loop = _way(len(values)) if len(edges) else _by_numpy
    with np.errstate(over="ignore", invalid="ignore"):  # sums of numbers near 1e308
        given = np.ascontiguousarray(values), np.ascontiguousarray(edges)
        loop(*given, centre, points, between, sums, found)
        missing, infinite = int(found[MISSING]), int(found[INFINITE])
        there = len(values) - missing - infinite
        if not there:
            nothing = float("nan")
            return Binned(points, between, sums, missing, infinite, nothing, nothing, nothing, nothing)
        moved = found[SUM] / there
        variance = found[SQUARES] / there - moved * moved
        smallest, largest = float(found[SMALLEST]), float(found[LARGEST])
        spread = float(np.sqrt(max(variance, 0.0))) if largest > smallest else 0.0
    return Binned(points, between, sums, missing, infinite, smallest, largest, float(centre + moved), spread)


def _way(values: int) -> _Loop:
    """The one place where it is chosen between them: by how much this process has counted so far."""
    global _seen
    _seen += values
    return (_compiled() if _seen >= _WORTH_COMPILING else None) or _by_numpy


@cache
def _compiled() -> _Loop | None:
    """The loop that numba compiled, or None where it is not installed."""
    try:
        from workbench.data.summary.loop import count
    except ImportError:
        return None
    return count


def _by_numpy(
    values: Floats,
    edges: Floats,
    centre: float,
    points: Counts,
    between: Counts,
    sums: Floats,
    found: Floats,
) -> None:
    finite = values[np.isfinite(values)]
    found[MISSING] = np.count_nonzero(np.isnan(values))
    found[INFINITE] = len(values) - len(finite) - found[MISSING]
    if not len(finite):
        return
    found[SMALLEST], found[LARGEST] = finite.min(), finite.max()
    moved = finite - centre
    found[SUM], found[SQUARES] = moved.sum(), np.dot(moved, moved)
    if not len(edges):
        between[0], sums[0] = len(finite), finite.sum()
        return
    place = np.searchsorted(edges, finite)
    at = edges[np.minimum(place, len(edges) - 1)] == finite
    points += np.bincount(place[at], minlength=len(points))
    off, place = finite[~at], place[~at]
    between += np.bincount(place, minlength=len(between))
    sums += np.bincount(place, off - edges[np.maximum(place - 1, 0)], minlength=len(sums))
