"""Boosted trees of other libraries, checked before the libraries read them.

XGBoost and LightGBM read files in C++ and trust the numbers in them: a size, a child or a feature that is
not there makes them read or write beside their memory, or walk in a circle. So the numbers are checked
here, in Python. That is also why XGBoost's models are kept as JSON: nobody checks UBJSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UnsafeModel

__all__ = ["check_lightgbm", "check_xgboost"]

_LARGEST = 512 * 2**20
_SETTING = re.compile(r"\[\w+: .*\]")
_XGBOOST_NODES = (
    *("base_weights", "default_left", "left_children", "loss_changes", "parents", "right_children"),
    *("split_conditions", "split_indices", "split_type", "sum_hessian"),
)
_LIGHTGBM_SPLITS = (
    *("split_feature", "split_gain", "threshold", "decision_type", "left_child", "right_child"),
    *("internal_value", "internal_weight", "internal_count"),
)
_LIGHTGBM_LEAVES = ("leaf_value", "leaf_weight", "leaf_count")
_LIGHTGBM_KNOWN = {
    *(*_LIGHTGBM_SPLITS, *_LIGHTGBM_LEAVES, "num_leaves", "num_cat", "is_linear", "shrinkage"),
    *("cat_boundaries", "cat_threshold"),
}


def check_xgboost(file: Path) -> None:
    """Refuse a JSON file that does not hold whole trees of one answer.

    Raises
    ------
    UnsafeModel
        The message says what is wrong with which tree.
    """
    try:
        learner = json.loads(_text(file))["learner"]
        booster = learner["gradient_booster"]
        if booster["name"] != "gbtree":
            raise UnsafeModel(f"{file.name} holds no boosted trees (gbtree), which alone are kept")
        model, about = booster["model"], learner["learner_model_param"]
        features, trees = _count(about["num_feature"]), model["trees"]
        if _count(about["num_class"]) > 1 or _count(about.get("num_target", 1)) != 1:
            _wrong(file, "its trees give more than one answer")
        if _count(model["gbtree_model_param"]["num_trees"]) != len(trees):
            _wrong(file, "it holds another number of trees than it says")
        if model["tree_info"] != [0] * len(trees):
            _wrong(file, "its trees are of several classes")
        rounds = np.array(model.get("iteration_indptr") or [0, len(trees)], dtype=np.int64)
        if rounds[0] != 0 or rounds[-1] != len(trees) or (np.diff(rounds) < 0).any():
            _wrong(file, "its rounds are not its trees")
        for name in ("feature_names", "feature_types"):
            if len(learner.get(name) or []) not in (0, features):
                _wrong(file, f"its {name} are not as many as its features")
        _check_categories(file, model.get("cats") or {}, features)
        for number, tree in enumerate(trees):
            if tree["id"] != number:
                _wrong(file, f"tree {number} has another number")
            _check_xgboost_tree(file, f"tree {number}", tree, features)
    except (
        KeyError,
        TypeError,
        ValueError,
        IndexError,
        OverflowError,
        RecursionError,
        AttributeError,
    ) as error:
        raise UnsafeModel(f"{file.name} is no model of XGBoost's in JSON: {_short(error)}") from error


def _check_xgboost_tree(file: Path, where: str, tree: dict[str, Any], features: int) -> None:
    about = tree["tree_param"]
    nodes = _count(about["num_nodes"])
    if _count(about["size_leaf_vector"]) > 1 or _count(about["num_feature"]) != features:
        _wrong(file, f"{where} is of another shape")
    for name in _XGBOOST_NODES:
        if len(tree[name]) != nodes:
            _wrong(file, f"{where} has {len(tree[name])} {name}, and {nodes} nodes")
    left, right = _whole(tree["left_children"]), _whole(tree["right_children"])
    inner = left != -1
    if (inner != (right != -1)).any():
        _wrong(file, f"{where} has a node with one child")
    _check_children(file, where, left[inner], right[inner], nodes)
    if not _within(_whole(tree["split_indices"])[inner], features):
        _wrong(file, f"{where} splits by a feature that is not there")
    parents = _whole(tree["parents"])
    if not _within(parents[1:], nodes):
        _wrong(file, f"{where} has a parent that is not there")
    sizes, starts = _whole(tree["categories_sizes"]), _whole(tree["categories_segments"])
    ours = _whole(tree["categories_nodes"])
    values = _whole(tree["categories"])
    if not (len(sizes) == len(starts) == len(ours)) or not _within(ours, nodes) or not _within(values, 2**24):
        _wrong(file, f"{where} has categories of no node")
    if (sizes < 0).any() or (starts < 0).any() or (starts + sizes > len(values)).any():
        _wrong(file, f"{where} has categories that are not there")
    split_type = _whole(tree["split_type"])
    if not _within(split_type, 2) or set(np.flatnonzero(split_type == 1)) != set(ours.tolist()):
        _wrong(file, f"{where} splits by categories where it has none")


def _check_categories(file: Path, cats: dict[str, Any], features: int) -> None:
    """The categories that the training rows had; XGBoost maps others' onto them."""
    if not cats:
        return
    segments, order = _whole(cats["feature_segments"]), _whole(cats["sorted_idx"])
    if len(segments) == 0 and len(order) == 0 and not cats["enc"]:
        return
    if len(cats["enc"]) != features or len(segments) != features + 1 or segments[0] != 0:
        _wrong(file, "its categories are not of its features")
    lengths = np.diff(segments)
    if (lengths < 0).any() or segments[-1] != len(order):
        _wrong(file, "its categories are not as many as it says")
    for number, (known, length) in enumerate(zip(cats["enc"], lengths, strict=True)):
        offsets, values = _whole(known.get("offsets", [])), known.get("values", [])
        part = order[segments[number] : segments[number + 1]]
        if sorted(part.tolist()) != list(range(length)):
            _wrong(file, f"the categories of feature {number} have no order")
        if "offsets" not in known:
            if len(values) != length:
                _wrong(file, f"the categories of feature {number} are not as many as it says")
        elif length and (
            len(offsets) != length + 1
            or offsets[0] != 0
            or (np.diff(offsets) < 0).any()
            or offsets[-1] != len(values)
        ):
            _wrong(file, f"the categories of feature {number} are not where it says")


def check_lightgbm(file: Path) -> None:
    """Refuse a text file that does not hold whole trees of one answer.

    Raises
    ------
    UnsafeModel
        The message says what is wrong with which tree.
    """
    content = _text(file)
    try:
        head, _, rest = content.partition("\nTree=0\n")
        if not head.startswith("tree\n") or not rest:
            _wrong(file, "it is not whole")
        about = _lines(head.removeprefix("tree\n"))
        sizes = [_count(size) for size in about["tree_sizes"].split()]
        features = _count(about["max_feature_idx"]) + 1
        if (_count(about["num_class"]), _count(about["num_tree_per_iteration"])) != (1, 1):
            _wrong(file, "its trees give more than one answer")
        if not _count(about["label_index"]) <= features:
            _wrong(file, "its label is not there")
        for name in ("feature_names", "feature_infos"):
            if len(about[name].split(" ")) != features:
                _wrong(file, f"its {name} are not as many as its features")
        # Sizes count bytes, and names need not be plain letters.
        raw = content.encode()
        start = len(head.encode()) + 1
        for number, size in enumerate(sizes):
            part = raw[start : start + size].decode()
            if not part.startswith(f"Tree={number}\n") or not part.endswith("\n\n"):
                _wrong(file, f"tree {number} is not as long as it says")
            _check_lightgbm_tree(file, f"tree {number}", _lines(part.partition("\n")[2]), features)
            start += size
        after = raw[start:].decode()
        if not after.startswith("end of trees\n"):
            _wrong(file, "it holds more than the trees that it says")
        settings = re.search(r"\nparameters:\n(.*)\n\nend of parameters\n", after, re.DOTALL)
        if settings is None or not all(map(_SETTING.fullmatch, settings[1].split("\n"))):
            _wrong(file, "its parameters are not whole")
    except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
        raise UnsafeModel(f"{file.name} is no model of LightGBM's in text: {_short(error)}") from error


def _check_lightgbm_tree(file: Path, where: str, tree: dict[str, str], features: int) -> None:
    if unknown := sorted(set(tree) - _LIGHTGBM_KNOWN):
        _wrong(file, f"{where} says {unknown[0][:40]}, which is not known")
    leaves, categories = _count(tree["num_leaves"]), _count(tree["num_cat"])
    if tree.get("is_linear", "0") != "0":
        raise UnsafeModel(f"{file.name} holds linear trees, which are not kept: train without linear_tree")
    if leaves < 1 or (leaves == 1 and categories):
        _wrong(file, f"{where} has no leaves")
    columns = {name: tree[name].split() for name in (*_LIGHTGBM_SPLITS, *_LIGHTGBM_LEAVES) if name in tree}
    for name, values in columns.items():
        wanted = leaves if name in _LIGHTGBM_LEAVES else leaves - 1
        if len(values) != wanted and not (leaves == 1 and name != "leaf_value"):
            _wrong(file, f"{where} has {len(values)} {name}, and {leaves} leaves")
        np.array(values, dtype=float)  # raises at what is no number
    if "leaf_value" not in columns or (leaves > 1 and not set(_LIGHTGBM_SPLITS[:6]) <= set(columns)):
        _wrong(file, f"{where} lacks a part")
    float(tree["shrinkage"])
    if leaves == 1:
        return
    left, right = (_whole(columns[name]) for name in ("left_child", "right_child"))
    _check_children(file, where, left[left >= 0], right[right >= 0], leaves - 1)
    ends = np.concatenate([~left[left < 0], ~right[right < 0]])
    if not _within(ends, leaves) or len(np.unique(ends)) != leaves:
        _wrong(file, f"{where} leads to a leaf that is not there")
    if not _within(_whole(columns["split_feature"]), features):
        _wrong(file, f"{where} splits by a feature that is not there")
    kinds = _whole(columns["decision_type"])
    if not _within(kinds, 16):
        _wrong(file, f"{where} decides in a way that is not known")
    chosen = np.array(columns["threshold"], dtype=float)[(kinds & 1) == 1]
    _check_lightgbm_categories(file, where, tree, categories, chosen)


def _check_lightgbm_categories(
    file: Path, where: str, tree: dict[str, str], categories: int, chosen: NDArray[np.float64]
) -> None:
    bounds = _whole(tree.get("cat_boundaries", "0").split())
    words = _whole(tree.get("cat_threshold", "").split())
    whole = len(bounds) == categories + 1 and bounds[0] == 0 and bounds[-1] == len(words)
    if not whole or (np.diff(bounds) <= 0).any() or not _within(words, 2**32):
        _wrong(file, f"{where} has categories that are not there")
    if (chosen != np.floor(chosen)).any() or not _within(chosen, categories):
        _wrong(file, f"{where} splits by categories where it has none")


def _check_children(
    file: Path, where: str, left: NDArray[np.int64], right: NDArray[np.int64], nodes: int
) -> None:
    """Each node is the child of one other at the most, and the root of none: so there is no circle."""
    children = np.concatenate([left, right])
    if not _within(children - 1, nodes - 1) or len(np.unique(children)) != len(children):
        _wrong(file, f"{where} has children that are not there, or twice")


def _within(values: NDArray[Any], limit: int) -> bool:
    return bool(((values >= 0) & (values < limit)).all())


def _whole(values: Sequence[Any]) -> NDArray[np.int64]:
    """Whole numbers; raises ``ValueError`` at anything else."""
    if any(isinstance(value, float | bool) for value in values):
        raise ValueError("a number that has to be whole is not")
    return np.array([int(value) for value in values], dtype=np.int64)


def _count(text: Any) -> int:
    """A small whole number, as text or not."""
    if not re.fullmatch(r"\d{1,9}", str(text)):
        raise ValueError(f"{str(text)[:20]!r} is no count")
    return int(text)


def _lines(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in filter(None, text.split("\n")):
        name, _, value = line.partition("=")
        if name in found:
            raise ValueError(f"{name[:40]} stands twice")
        found[name] = value
    return found


def _text(file: Path) -> str:
    if file.stat().st_size > _LARGEST:
        raise UnsafeModel(f"{file.name} has {file.stat().st_size:,} bytes, more than trees have")
    try:
        return file.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnsafeModel(f"{file.name} holds no text") from error


def _short(error: Exception) -> str:
    said = f"no {error}" if isinstance(error, KeyError) else str(error)
    return " ".join(said[:120].split())


def _wrong(file: Path, why: str) -> NoReturn:
    raise UnsafeModel(f"{file.name} is damaged or made up: {why}")
