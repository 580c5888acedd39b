"""How often tests repeat what is up to chance: kills, races, damage.

By default some times, so that all tests fit into what CI has; with ``make faults``, which sets
``WORKBENCH_TESTS=full``, as often as it takes to be sure.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

__all__ = ["FULL", "moments", "repeats"]

FULL = os.environ.get("WORKBENCH_TESTS") == "full"
_SHARE, _LEAST = 10, 4
_GOLDEN = (5**0.5 - 1) / 2


def repeats(full: int, fewer: int = 0) -> int:
    """``full`` with ``make faults``, else ``fewer``, which is a tenth and at least 4 unless it is said."""
    return full if FULL else min(full, fewer or max(_LEAST, full // _SHARE))


def moments(seed: int, longest: float, shortest: float = 0.0) -> Iterator[float]:
    """Seconds to wait before each kill: few of them cover the span, too, and more fill the gaps.

    Steps of the golden ratio modulo 1, from a start drawn by ``seed``: Weyl's sequence of lowest discrepancy.
    """
    place = random.Random(seed).random()
    while True:
        yield shortest + (longest - shortest) * place
        place = (place + _GOLDEN) % 1
