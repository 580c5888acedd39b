"""The loop over numbers that numba compiles; see :mod:`workbench.data.summary.binning` for what it counts.

Importing this compiles it, or takes the machine code that numba kept in ``__pycache__`` beside this file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit, types
from numpy.typing import NDArray

__all__ = ["count"]

_Floats = NDArray[np.float64]
_Counts = NDArray[np.int64]
# Values that are searched for together, so that the processor need not wait for one of them.
_BLOCK = 64

_F = TypeVar("_F", bound=Callable[..., Any])

# Arrow's memory may not be written to, and this type takes both: one signature, compiled once.
_GIVEN = types.Array(types.float64, 1, "C", readonly=True)
_FILLED, _COUNTED = types.float64[::1], types.int64[::1]
_SIGNATURE = types.void(_GIVEN, _GIVEN, types.float64, _COUNTED, _COUNTED, _FILLED, _FILLED)


def _compiled(function: _F) -> _F:
    made: Any
    try:
        made = njit(_SIGNATURE, cache=True, nogil=True)(function)
    except RuntimeError:  # numba finds no folder that it may write to
        made = njit(_SIGNATURE, nogil=True)(function)
    return cast(_F, made)


@_compiled
def count(
    values: _Floats,
    edges: _Floats,
    centre: float,
    points: _Counts,
    between: _Counts,
    sums: _Floats,
    found: _Floats,
) -> None:
    """Add ``values`` to ``points``, ``between`` and ``sums``; ``found`` takes what is told beside."""
    missing = infinite = 0
    smallest, largest, total, squares = np.inf, -np.inf, 0.0, 0.0
    places = np.zeros(_BLOCK, np.int64)
    for begin in range(0, len(values), _BLOCK):
        block = values[begin : begin + _BLOCK]
        # How many edges lie below each value: searches that halve without a branch to be guessed.
        places[:] = 0
        left = len(edges)
        while left > 1:
            half = left >> 1
            for at in range(len(block)):
                places[at] += half * (edges[places[at] + half - 1] < block[at])
            left -= half
        for at in range(len(block)):
            value = block[at]
            if np.isnan(value):
                missing += 1
                continue
            if np.isinf(value):
                infinite += 1
                continue
            smallest, largest = min(smallest, value), max(largest, value)
            moved = value - centre
            total += moved
            squares += moved * moved
            place = places[at] + (edges[places[at]] < value)
            if place < len(edges) and edges[place] == value:
                points[place] += 1
            else:
                between[place] += 1
                sums[place] += value - edges[max(place - 1, 0)]
    found[0] = missing
    found[1] = infinite
    found[2] = smallest
    found[3] = largest
    found[4] = total
    found[5] = squares
