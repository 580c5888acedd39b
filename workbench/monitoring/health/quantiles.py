"""Quantiles of as many durations as there are, in memory that does not grow with them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["EXACT", "RELATIVE_ERROR", "Quantiles"]

#: Of so many values quantiles are exact, and of more they are this share away from the exact one at most.
EXACT, RELATIVE_ERROR = 100_000, 0.01
_LEAST, _MOST = 1e-4, 1e9
_GROWTH = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)


class Quantiles:
    """Durations of any unit, counted.

    More than :data:`EXACT` are counted in bins as DDSketch has them (Masson, Rim and Lee, VLDB 2019): a bin
    reaches from ``g ** (i - 1)`` to ``g ** i`` with ``g = (1 + e) / (1 - e)``, and ``2 * g ** i / (g + 1)``
    stands for all in it, from which none is further away than the share ``e``. That holds from 0.0001 to 1e9;
    what lies beyond counts as the nearer of the two. NaN are left out.
    """

    def __init__(self) -> None:
        self.count = 0
        self._values: list[NDArray[np.float64]] | None = []
        self._bins = np.zeros(_bin(np.array([_MOST]))[0] + 1, dtype=np.int64)

    def add(self, values: NDArray[Any]) -> None:
        known = np.asarray(values, dtype=float)
        known = known[~np.isnan(known)]
        self.count += len(known)
        if self._values is None:
            self._put(known)
            return
        self._values.append(known)
        if self.count > EXACT:
            for earlier in self._values:
                self._put(earlier)
            self._values = None

    def at(self, share: float) -> float:
        """The least value that such a share of all does not exceed; NaN of none."""
        if not self.count:
            return float("nan")
        if self._values is not None:
            return float(np.quantile(np.concatenate(self._values), share, method="inverted_cdf"))
        rank = max(1, int(np.ceil(share * self.count)))
        place = int(np.searchsorted(np.cumsum(self._bins), rank))
        return float(_LEAST * 2 * _GROWTH**place / (_GROWTH + 1))

    def _put(self, values: NDArray[np.float64]) -> None:
        self._bins += np.bincount(_bin(values), minlength=len(self._bins))


def _bin(values: NDArray[np.float64]) -> NDArray[np.int64]:
    inside = np.clip(values, _LEAST, _MOST)
    bins: NDArray[np.int64] = np.ceil(np.log(inside / _LEAST) / np.log(_GROWTH)).astype(np.int64)
    return bins
