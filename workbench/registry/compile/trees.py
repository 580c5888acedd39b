"""Trees as arrays: histogram gradient boosting, gradient boosting, forests and single trees.

Sums are taken in scikit-learn's own order and its link functions are applied to arrays of the same shape, so
answers are equal to the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)

from workbench.registry.compile import kernels, links
from workbench.registry.compile.masks import FROM_ROWS, masks_of
from workbench.registry.compile.operations import FINITE, FINITE_OR_MISSING, SINGLE, Operation
from workbench.registry.compile.refusal import NotCompiled

__all__ = ["BOOSTED", "FORESTS", "HISTOGRAM", "TREES", "Boosted", "Grove", "Voted"]

HISTOGRAM = (HistGradientBoostingClassifier, HistGradientBoostingRegressor)
BOOSTED = (GradientBoostingClassifier, GradientBoostingRegressor)
FORESTS = (RandomForestClassifier, RandomForestRegressor, ExtraTreesClassifier, ExtraTreesRegressor)
TREES = (DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor)
# What 16 bytes of a node hold.
_MOST_FEATURES = 2**16
_MOST_NODES = 2**31 - 1


@dataclass(frozen=True)
class Grove:
    """The nodes of all trees of a model.

    Attributes
    ----------
    nodes : NODE (any,)
        The roots come first, then each pair of children.
    roots : int64 (trees,)
    bits : uint32 (categorical splits, 16)
    leaves : int
        Of the largest tree.
    """

    nodes: NDArray[Any]
    roots: NDArray[np.int64]
    bits: NDArray[np.uint32]
    leaves: int

    @property
    def description(self) -> str:
        return f"{len(self.roots):,} trees of up to {self.leaves:,} leaves"

    def thresholds(self, feature: int) -> NDArray[np.float64]:
        """Where the trees split that feature, as a number."""
        nodes = self.nodes
        chosen = (nodes["left"] >= 0) & (nodes["categorical"] == 0) & (nodes["feature"] == feature)
        return np.unique(nodes["value"][chosen])


@dataclass(frozen=True)
class _Tree:
    """One tree with children anywhere: what both of scikit-learn's kinds are brought to."""

    left: NDArray[np.int64]  # -1 in a leaf
    right: NDArray[np.int64]
    feature: NDArray[np.int64]
    value: NDArray[np.float64]
    categorical: NDArray[np.uint8]
    missing: NDArray[np.uint8]


def _grove(trees: Sequence[_Tree], bits: Sequence[NDArray[np.uint32]] = ()) -> Grove:
    sizes = [len(tree.left) for tree in trees]
    if sum(sizes) > _MOST_NODES or any(tree.feature.max() >= _MOST_FEATURES for tree in trees):
        raise NotCompiled("its trees are too large")
    nodes, begin = np.zeros(sum(sizes), kernels.NODE), 0
    roots = np.cumsum([0, *sizes[:-1]]).astype(np.int64)
    for tree, begin in zip(trees, roots.tolist(), strict=True):
        # Breadth first, each left child followed by its right one.
        order, place = [0], 0
        children = np.full(len(tree.left), -1, dtype=np.int64)
        while place < len(order):
            node = order[place]
            if tree.left[node] >= 0:
                children[place] = begin + len(order)
                order += [int(tree.left[node]), int(tree.right[node])]
            place += 1
        part, chosen = nodes[begin : begin + len(order)], np.array(order)
        part["left"] = children[: len(order)]
        part["value"], part["feature"] = tree.value[chosen], np.maximum(tree.feature[chosen], 0)
        part["categorical"], part["missing"] = tree.categorical[chosen], tree.missing[chosen]
    leaves = max(int((tree.left < 0).sum()) for tree in trees)
    table = np.array(bits, dtype=np.uint32).reshape(-1, 16)
    return Grove(nodes, roots, table, leaves)


class Boosted:
    """Trees that take turns between the outputs, a start and a link."""

    exact = True

    def __init__(
        self, grove: Grove, start: NDArray[np.float64], link: links.Link, decides: bool, share: int = 0
    ) -> None:
        self.grove, self.link, self.decides, self.share = grove, link, decides, share
        self.start = np.array(start.ravel(), dtype=np.float64)
        self.masks = masks_of(grove.nodes, grove.roots, grove.leaves)
        self.description = grove.description

    def raw(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """The sums, (outputs, rows)."""
        grove = self.grove
        out = np.empty((len(self.start), len(matrix)))
        if self.masks is not None and len(matrix) >= FROM_ROWS:
            masks = self.masks
            kernels.boosted_together(matrix, masks.splits, masks.leaves, masks.begins, self.start, out)
        else:
            kernels.boosted(matrix, grove.nodes, grove.roots, grove.bits, self.start, out)
        return out

    def decision(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """What scikit-learn's ``decision_function`` gives."""
        raw = self.raw(matrix)
        return raw[0] if len(raw) == 1 else raw.T

    def answers(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        raw = self.raw(matrix)
        if self.share:
            raw /= self.share
        return self.link(raw)


class Voted:
    """Trees whose leaves hold a number for each class: the mean of them."""

    exact = True
    decides = False

    def __init__(self, grove: Grove, values: NDArray[np.float64], share: int) -> None:
        self.grove, self.share = grove, share
        self.values = np.array(values, dtype=np.float64, order="C")
        self.description = grove.description

    def decision(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        raise AttributeError("forests have no decision function")

    def answers(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        out = np.zeros((len(matrix), self.values.shape[1]))
        kernels.voted(matrix, self.grove.nodes, self.grove.roots, self.values, out)
        if self.share:
            out /= self.share
        return out


def histogram(estimator: Any) -> Boosted:
    """Histogram gradient boosting; its own encoder has been followed already."""
    known, places = estimator._bin_mapper.make_known_categories_bitsets()
    trees: list[_Tree] = []
    bits: list[NDArray[np.uint32]] = []
    for iteration in estimator._predictors:
        for predictor in iteration:
            nodes = predictor.nodes
            leaf, categorical = nodes["is_leaf"] == 1, nodes["is_categorical"] == 1
            categorical &= ~leaf
            value = np.where(leaf, nodes["value"], nodes["num_threshold"])
            for node in np.flatnonzero(categorical):
                value[node] = len(bits)
                raw = predictor.raw_left_cat_bitsets[nodes["bitset_idx"][node]]
                bits.append(np.concatenate([raw, known[places[nodes["feature_idx"][node]]]]))
            trees.append(
                _Tree(
                    left=np.where(leaf, -1, nodes["left"].astype(np.int64)),
                    right=np.where(leaf, -1, nodes["right"].astype(np.int64)),
                    feature=nodes["feature_idx"].astype(np.int64),
                    value=value,
                    categorical=categorical.astype(np.uint8),
                    missing=nodes["missing_go_to_left"].astype(np.uint8),
                )
            )
    start = np.asarray(estimator._baseline_prediction, dtype=np.float64)
    link = links.of_loss(estimator._loss, hasattr(estimator, "classes_"))
    return Boosted(_grove(trees, bits), start, link, decides=hasattr(estimator, "classes_"))


def boosted(estimator: Any) -> tuple[Boosted, list[Operation]]:
    """Gradient boosting, and how it checks its input."""
    init = estimator.init_
    if not (isinstance(init, str) or type(init) in (DummyClassifier, DummyRegressor)):
        raise NotCompiled(f"it starts from a {type(init).__name__}")
    start = estimator._raw_predict_init(np.zeros((1, estimator.n_features_in_), dtype=np.float32))
    trees = []
    for tree in estimator.estimators_.ravel():
        found = tree.tree_
        leaf = found.children_left < 0
        # The product, as scikit-learn computes it, before it is added.
        value = np.where(leaf, estimator.learning_rate * found.value[:, 0, 0], found.threshold)
        trees.append(_plain(found, value))
    link = links.of_loss(estimator._loss, hasattr(estimator, "classes_"))
    if link is links.multinomial:
        link = links.multinomial_by_rows
    model = Boosted(_grove(trees), start, link, decides=hasattr(estimator, "classes_"))
    return model, [Operation(SINGLE), Operation(FINITE)]


def forest(estimator: Any, members: Sequence[Any]) -> tuple[Boosted | Voted, list[Operation]]:
    """A forest, or a single tree as a forest of one, and how it checks its input."""
    if estimator.n_outputs_ != 1:
        raise NotCompiled("it has several outputs")
    allowed = members[0]._support_missing_values(np.zeros((1, 1), dtype=np.float32))
    checks = [Operation(SINGLE), Operation(FINITE_OR_MISSING if allowed else FINITE)]
    share = len(members) if members[0] is not estimator else 0
    classes = hasattr(estimator, "classes_")
    trees, values, begin = [], [], 0
    for member in members:
        found = member.tree_
        leaf = found.children_left < 0
        if classes:
            held = found.value[leaf, 0, : estimator.n_classes_]
            value = found.threshold.copy()
            value[leaf] = np.arange(begin, begin + len(held))
            values.append(held)
            begin += len(held)
        else:
            value = np.where(leaf, found.value[:, 0, 0], found.threshold)
        trees.append(_plain(found, value))
    grove = _grove(trees)
    if classes:
        return Voted(grove, np.concatenate(values), share), checks
    return Boosted(grove, np.zeros(1), links.identity, decides=False, share=share), checks


def _plain(found: Any, value: NDArray[np.float64]) -> _Tree:
    missing = getattr(found, "missing_go_to_left", np.zeros(found.node_count))
    return _Tree(
        left=found.children_left.astype(np.int64),
        right=found.children_right.astype(np.int64),
        feature=found.feature.astype(np.int64),
        value=value,
        categorical=np.zeros(found.node_count, dtype=np.uint8),
        missing=np.asarray(missing).astype(np.uint8),
    )
