"""How far people agree who labelled the same rows without seeing what the other said.

Cohen's kappa (scikit-learn) is of two people; Krippendorff's alpha (the library ``krippendorff``) is of any
number, each of whom labelled some rows. Both are 1 for full agreement and 0 for what chance would give. Their
intervals come from drawing rows with replacement (percentile bootstrap). What a third person decides does not
count here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

from workbench.data.labels.model import Queue
from workbench.data.labels.results import Result
from workbench.store.texts import one_line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Agreement", "Pair", "Value", "agreement", "kappas"]

_ROUNDS = 1_000
_LEVEL = 0.95


@dataclass(frozen=True)
class Value:
    """A coefficient with its 95 % interval; None where it is not defined, as when all gave the same label."""

    value: float | None
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        if self.value is None:
            return "not defined (only one label was given)"
        if self.low is None or self.high is None:
            return f"{self.value:.2f}"
        return f"{self.value:.2f} (95 %: {self.low:.2f} to {self.high:.2f})"


@dataclass(frozen=True)
class Pair:
    """Two people on the rows that both labelled; ``same`` is the share with the same label."""

    left: str
    right: str
    rows: int
    same: float
    kappa: Value


@dataclass(frozen=True)
class Agreement:
    """Of all people of a queue.

    Attributes
    ----------
    rows : int
        Rows with labels of two people or more.
    same : float or None
        The share of them on which all said the same.
    alpha : Value
        Krippendorff's, nominal.
    pairs : tuple of Pair
    """

    rows: int
    same: float | None
    alpha: Value
    pairs: tuple[Pair, ...]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        if self.same is None:
            return "agreement: no row has two labels yet"
        lines = [
            f"agreement: the same label on {self.same:.0%} of {self.rows} rows that two people labelled",
            f"Krippendorff's alpha: {self.alpha}",
            *(
                f"Cohen's kappa of {one.left} and {one.right} on {one.rows}: {one.kappa}"
                for one in self.pairs
            ),
        ]
        return "\n".join(one_line(line) for line in lines)


def agreement(queue: Queue, results: Sequence[Result], *, rounds: int = _ROUNDS, seed: int = 0) -> Agreement:
    """How far people agree on the rows that two or more of them have labelled."""
    import numpy as np

    labels = {choice.value: place for place, choice in enumerate(queue.choices)}
    both = [each for each in results if len(each.labels) > 1]
    chance = np.random.default_rng(seed)
    counts = np.zeros((len(both), len(labels)), dtype=np.int64)
    pairs: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for number, each in enumerate(both):
        for given in each.labels:
            counts[number, labels[given.label]] += 1
        for one, other in combinations(sorted(each.labels, key=lambda given: given.person), 2):
            pairs[one.person, other.person].append((labels[one.label], labels[other.label]))
    same = float((counts.max(axis=1) == counts.sum(axis=1)).mean()) if both else None
    alpha = _of_alpha(counts, rounds, chance) if both else Value(None)
    found = tuple(_pair(*who, said, len(labels), rounds, chance) for who, said in sorted(pairs.items()))
    return Agreement(len(both), same, alpha, found)


def _of_alpha(counts: NDArray[np.int64], rounds: int, chance: np.random.Generator) -> Value:
    """Of rows, by how many people gave each label to them."""
    import krippendorff

    def alpha(rows: NDArray[np.int64]) -> float:
        if (rows.sum(axis=0) > 0).sum() < 2:
            return float("nan")
        return float(krippendorff.alpha(value_counts=rows, level_of_measurement="nominal"))

    draws = (counts[chance.integers(0, len(counts), len(counts))] for _ in range(rounds))
    return _value(alpha(counts), [alpha(rows) for rows in draws] if len(counts) > 1 else [])


def _pair(
    left: str, right: str, said: list[tuple[int, int]], labels: int, rounds: int, chance: np.random.Generator
) -> Pair:
    import numpy as np
    from sklearn.metrics import cohen_kappa_score

    ours, theirs = np.array(said).T
    table = np.zeros((labels, labels), dtype=np.int64)
    np.add.at(table, (ours, theirs), 1)
    known = np.unique(ours).size > 1 or np.unique(theirs).size > 1 or ours[0] != theirs[0]
    kappa = float(cohen_kappa_score(ours, theirs)) if known else float("nan")
    # To draw rows is to draw how often each pair of labels comes.
    drawn = chance.multinomial(len(said), table.ravel() / len(said), rounds).reshape(-1, labels, labels)
    interval: Sequence[float] | NDArray[np.float64] = kappas(drawn) if len(said) > 1 else []
    return Pair(left, right, len(said), float((ours == theirs).mean()), _value(kappa, interval))


def kappas(tables: NDArray[np.int64]) -> NDArray[np.float64]:
    """Cohen's kappa of many tables at once; NaN where both gave one label only.

    A thousand draws take a second with scikit-learn, for each pair of people. The formula is Cohen's (1960):
    of the observed agreement, what is beyond the agreement that chance would give.

    Parameters
    ----------
    tables : ndarray
        Of shape (tables, labels, labels): how often one gave a label and the other another.
    """
    import numpy as np

    rows = tables.sum(axis=(1, 2))
    observed = np.trace(tables, axis1=1, axis2=2) / rows
    expected = (tables.sum(axis=1) * tables.sum(axis=2)).sum(axis=1) / rows.astype(float) ** 2
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((observed - expected) / (1 - expected))


def _value(value: float, draws: Sequence[float] | NDArray[np.float64]) -> Value:
    import numpy as np

    if value != value:
        return Value(None)
    # A draw in which all gave the same label says nothing.
    found = np.asarray(draws, dtype=float)
    found = found[np.isfinite(found)]
    if not found.size:
        return Value(value)
    low, high = np.quantile(found, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return Value(value, float(low), float(high))
