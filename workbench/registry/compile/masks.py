"""Trees as masks, for many rows at once: every split of a tree is asked, in any order and without a branch.

The leaves of a tree are numbered from the left. A row that goes right at a split can end in none of the
leaves on the split's left; of those that remain when all splits were asked, the first is the one it ends in.
So a processor compares several rows in one instruction, and never guesses a branch wrong. After QuickScorer:
Lucchese et al., "QuickScorer: A Fast Algorithm to Rank Documents with Additive Ensembles of Regression
Trees", SIGIR 2015.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.registry.compile import kernels

__all__ = ["FROM_ROWS", "Masks", "masks_of"]

#: For fewer rows it is quicker to follow each down its trees.
FROM_ROWS = 4
_MOST_LEAVES = 64  # the bits of a mask


@dataclass(frozen=True)
class Masks:
    """The splits and leaves of all trees of a model.

    Attributes
    ----------
    splits : SPLIT (any,)
    leaves : float64 (any,)
    begins : int64 (trees + 1, 2)
        Where each tree's splits and leaves begin.
    """

    splits: NDArray[Any]
    leaves: NDArray[np.float64]
    begins: NDArray[np.int64]


def masks_of(nodes: NDArray[Any], roots: NDArray[np.int64], most_leaves: int) -> Masks | None:
    """The same trees as masks; None where one has too many leaves, or splits by categories."""
    if most_leaves > _MOST_LEAVES or nodes["categorical"].any():
        return None
    splits: list[tuple[float, int, int, int]] = []
    leaves: list[float] = []

    def follow(place: int) -> None:
        node = nodes[place]
        if node["left"] < 0:
            leaves.append(node["value"])
            return
        first = len(leaves)
        follow(node["left"])
        on_the_left = (1 << len(leaves) - begin) - (1 << first - begin)
        splits.append((node["value"], ~on_the_left % 2**64, node["feature"], node["missing"]))
        follow(node["left"] + 1)

    begins = []
    for root in roots.tolist():
        begin = len(leaves)
        begins.append((len(splits), begin))
        follow(root)
    begins.append((len(splits), len(leaves)))
    return Masks(np.array(splits, dtype=kernels.SPLIT), np.array(leaves), np.array(begins, dtype=np.int64))
