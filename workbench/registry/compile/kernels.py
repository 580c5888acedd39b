"""The loops that numba compiles. They take a model as arrays, so nothing is compiled for one model alone.

numba keeps the machine code in ``__pycache__`` beside this file, or in the user's cache folder if that cannot
be written; if neither can, each process compiles for itself. Nothing is compiled with fast arithmetic: each
operation is the one that is written here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from workbench.registry.compile.operations import (
    ADD,
    CLIP,
    DIVIDE,
    FILL,
    FINITE,
    FINITE_OR_MISSING,
    MISSING,
    MULTIPLY,
    SINGLE,
    SUBTRACT,
)

__all__ = ["COLUMN", "NODE", "OPERATION", "SPLIT", "boosted", "boosted_together", "encode", "linear", "voted"]

#: A node of a tree in 16 bytes. The right child follows the left one; a leaf has ``left`` -1, and its
#: ``value`` is what it answers, or the row of a table that does; a categorical split's, the row of its bits.
NODE = np.dtype(
    [("value", "f8"), ("left", "i4"), ("feature", "u2"), ("categorical", "u1"), ("missing", "u1")]
)
#: A split of a tree as a mask: ``mask`` has the bits of the leaves that remain where a row goes right.
SPLIT = np.dtype([("value", "f8"), ("mask", "u8"), ("feature", "i4"), ("missing", "i4")])
#: A column of the model's matrix: looked up (``table`` >= 0: where its values begin) or a number.
COLUMN = np.dtype([("source", "i4"), ("table", "i4"), ("first", "i4"), ("last", "i4")])
OPERATION = np.dtype([("code", "i8"), ("first", "f8"), ("second", "f8")])

# Rows that pass a tree together: as many as stay in the processor's nearest cache.
_BLOCK = 64
# Where the only bit of a number is: with this factor the upper six bits of each of the 64 products differ.
_DE_BRUIJN, _ONE, _ALL = np.uint64(0x03F79D71B4CB0A89), np.uint64(1), np.uint64(2**64 - 1)
_PLACES = np.zeros(64, dtype=np.int64)
for _place in range(64):
    _PLACES[((1 << _place) * int(_DE_BRUIJN) % 2**64) >> 58] = _place

_F = TypeVar("_F", bound=Callable[..., Any])
_Array = NDArray[Any]


def _compiled(function: _F) -> _F:
    made: Any
    try:
        made = njit(cache=True, nogil=True)(function)
    except RuntimeError:  # numba finds no folder that it may write to
        made = njit(nogil=True)(function)
    return cast(_F, made)


@_compiled
def encode(
    numbers: _Array, codes: _Array, columns: _Array, operations: _Array, tables: _Array, out: _Array
) -> int:
    """Fill the model's matrix.

    Parameters
    ----------
    numbers : float64 (sources, rows)
    codes : int64 (looked up columns, rows)
    columns : COLUMN (features,)
    operations : OPERATION (any,)
    tables : float64 (any,)
    out : float64 (rows, features)

    Returns
    -------
    int
        0, or 1 + the first feature that a value is refused for.
    """
    rows, features = out.shape
    for feature in range(features):
        column = columns[feature]
        source, first, last = column.source, column.first, column.last
        if column.table >= 0:
            for row in range(rows):
                out[row, feature] = tables[column.table + codes[source, row]]
            continue
        if first == last:
            for row in range(rows):
                out[row, feature] = numbers[source, row]
            continue
        for row in range(rows):
            value = numbers[source, row]
            for place in range(first, last):
                code, operand = operations[place].code, operations[place].first
                if code == FILL:
                    if value != value:
                        value = operand
                elif code == ADD:
                    value = value + operand
                elif code == SUBTRACT:
                    value = value - operand
                elif code == MULTIPLY:
                    value = value * operand
                elif code == DIVIDE:
                    value = value / operand
                elif code == CLIP:
                    if value < operand:
                        value = operand
                    elif value > operations[place].second:
                        value = operations[place].second
                elif code == SINGLE:
                    value = np.float64(np.float32(value))
                elif code == MISSING:
                    value = 1.0 if value != value else 0.0
                elif code == FINITE_OR_MISSING:
                    if np.isinf(value):
                        return feature + 1
                elif code == FINITE and not np.isfinite(value):
                    return feature + 1
            out[row, feature] = value
    return 0


@_compiled
def _leaf(matrix: _Array, row: int, nodes: _Array, root: int, bits: _Array) -> int:
    """The leaf that a row ends in.

    As scikit-learn has it: `<=` goes left; a missing value goes where the split says, and so does a category
    that was unknown to it.
    """
    place = root
    while nodes[place].left >= 0:
        node = nodes[place]
        value = matrix[row, node.feature]
        if value != value:
            left = node.missing == 1
        elif node.categorical == 0:
            left = value <= node.value
        else:
            left = node.missing == 1
            if value >= 0:
                split, category = int(node.value), int(value) & 255
                word, bit = category // 32, category % 32
                if (bits[split, word] >> bit) & 1:
                    left = True
                elif (bits[split, 8 + word] >> bit) & 1:
                    left = False
        place = node.left if left else node.left + 1
    return place


@_compiled
def boosted(matrix: _Array, nodes: _Array, roots: _Array, bits: _Array, start: _Array, out: _Array) -> None:
    """Add up the leaves of trees that take turns between the outputs.

    Parameters
    ----------
    matrix : float64 (rows, features)
    nodes : NODE (any,)
    roots : int64 (trees,)
        Tree ``t`` adds to output ``t % outputs``.
    bits : uint32 (categorical splits, 16)
        Which categories go left, and which are known.
    start : float64 (outputs,)
    out : float64 (outputs, rows)
    """
    outputs, rows = out.shape
    for output in range(outputs):
        for row in range(rows):
            out[output, row] = start[output]
    for begin in range(0, rows, _BLOCK):
        end = min(begin + _BLOCK, rows)
        for tree in range(roots.shape[0]):
            output, root = tree % outputs, roots[tree]
            for row in range(begin, end):
                out[output, row] += nodes[_leaf(matrix, row, nodes, root, bits)].value


@_compiled
def boosted_together(
    matrix: _Array, splits: _Array, leaves: _Array, begins: _Array, start: _Array, out: _Array
) -> None:
    """What :func:`boosted` does, by masks (:mod:`.masks`); the sums are taken in the same order.

    Parameters
    ----------
    splits : SPLIT (any,)
    leaves : float64 (any,)
    begins : int64 (trees + 1, 2)
    """
    outputs, rows = out.shape
    for output in range(outputs):
        for row in range(rows):
            out[output, row] = start[output]
    columns, remain = np.empty((matrix.shape[1], _BLOCK)), np.empty(_BLOCK, dtype=np.uint64)
    for begin in range(0, rows, _BLOCK):
        count = min(_BLOCK, rows - begin)
        for feature in range(matrix.shape[1]):
            for row in range(count):
                columns[feature, row] = matrix[begin + row, feature]
        for tree in range(begins.shape[0] - 1):
            remain[:] = _ALL
            for place in range(begins[tree, 0], begins[tree + 1, 0]):
                value, mask, column = splits[place].value, splits[place].mask, columns[splits[place].feature]
                # A missing value compares as false: not right, or not left.
                if splits[place].missing == 1:
                    for row in range(count):
                        remain[row] &= mask if column[row] > value else _ALL
                else:
                    for row in range(count):
                        remain[row] &= _ALL if column[row] <= value else mask
            output, leaf = tree % outputs, begins[tree, 1]
            for row in range(count):
                first = remain[row] & (~remain[row] + _ONE)
                out[output, begin + row] += leaves[leaf + _PLACES[(first * _DE_BRUIJN) >> np.uint64(58)]]


@_compiled
def voted(matrix: _Array, nodes: _Array, roots: _Array, values: _Array, out: _Array) -> None:
    """Add up what the leaves of trees hold, a number for each output.

    Parameters
    ----------
    values : float64 (leaves, outputs)
    out : float64 (rows, outputs)
        Filled with zeros.
    """
    rows, outputs = out.shape
    bits = np.zeros((0, 16), dtype=np.uint32)
    for begin in range(0, rows, _BLOCK):
        end = min(begin + _BLOCK, rows)
        for tree in range(roots.shape[0]):
            root = roots[tree]
            for row in range(begin, end):
                leaf = int(nodes[_leaf(matrix, row, nodes, root, bits)].value)
                for output in range(outputs):
                    out[row, output] += values[leaf, output]


@_compiled
def linear(matrix: _Array, weights: _Array, intercept: _Array, out: _Array) -> None:
    """Weighted sums, always in the order of the features: an answer does not depend on the rows beside it.

    Parameters
    ----------
    weights : float64 (outputs, features)
    out : float64 (rows, outputs)
    """
    rows, outputs = out.shape
    for row in range(rows):
        for output in range(outputs):
            total = 0.0
            for feature in range(matrix.shape[1]):
                total += matrix[row, feature] * weights[output, feature]
            out[row, output] = total + intercept[output]
