"""Tensors of the Open Inference Protocol, in JSON, to columns of cells."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import chain
from math import prod
from typing import Any

import msgspec

from workbench.serving.protocol.cells import Cell
from workbench.serving.protocol.decoding import check_rows, check_twice, only_known
from workbench.serving.protocol.refused import Refused, shown

__all__ = ["Input", "read_columns"]

_INTEGERS = {
    f"{sign}INT{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if not sign else (0, 2**bits - 1)
    for bits in (8, 16, 32, 64)
    for sign in ("", "U")
}
_FLOATS = ("FP16", "FP32", "FP64")


class Input(msgspec.Struct):
    """A tensor as it was sent."""

    name: str
    shape: list[int]
    datatype: str
    data: list[Cell | list[Cell]]


def read_columns(
    inputs: list[Input], names: Sequence[str], known: Collection[str], most_rows: int
) -> tuple[Mapping[str, Sequence[Cell]], int]:
    """The columns that the tensors are, and how many rows they have.

    Raises
    ------
    Refused
        With 400 or 413.
    """
    check_twice([tensor.name for tensor in inputs])
    own = set(names)
    columns: dict[str, Sequence[Cell]] = {}
    for tensor in inputs:
        cells, width = _cells(tensor)
        if width == 1 and (tensor.name in own or len(names) != 1):
            columns[tensor.name] = cells
        elif len(inputs) == 1 and width == len(names):
            columns = {name: cells[place::width] for place, name in enumerate(names)}
        else:
            raise Refused(
                400,
                f"input {shown(tensor.name)} has {width} columns; send one tensor for each column, "
                f"or a single one of {len(names)} columns",
            )
    rows = [tensor.shape[0] for tensor in inputs]
    if len(set(rows)) > 1:
        raise Refused(400, "the inputs have different numbers of rows")
    check_rows(rows[0] if rows else 0, most_rows)
    return only_known(columns, known, ()), rows[0]


def _cells(tensor: Input) -> tuple[list[Cell], int]:
    """The data of a tensor, flat, and how many columns it has."""
    where = f"input {shown(tensor.name)}"
    shape = tensor.shape
    if not 1 <= len(shape) <= 2 or min(shape) < 0:
        raise Refused(400, f"{where} has the shape {shown(shape)}; it may be [rows] or [rows, columns]")
    width = shape[1] if len(shape) == 2 else 1
    flat = _flat(where, tensor.data, width)
    if len(flat) != prod(shape):
        raise Refused(400, f"{where} has {len(flat)} values for the shape {shown(shape)}")
    fits, expected = _check(where, tensor.datatype)
    for place, cell in enumerate(flat):
        if cell is not None and not fits(cell):
            raise Refused(400, f"{where}, value {place}: expected {expected}, got {shown(cell)}")
    if tensor.datatype == "BOOL":
        flat = [None if cell is None else int(cell) for cell in flat]
    return flat, width


def _flat(where: str, data: list[Any], width: int) -> list[Cell]:
    nested = [type(row) is list for row in data]
    if not any(nested):
        return data
    if not all(nested) or any(len(row) != width for row in data):
        raise Refused(400, f"{where} has nested data whose rows have not {width} values each")
    return list(chain.from_iterable(data))


def _check(where: str, datatype: str) -> tuple[Callable[[Any], bool], str]:
    if datatype == "BYTES":
        return (lambda cell: type(cell) is str), "text"
    if datatype == "BOOL":
        return (lambda cell: type(cell) is bool), "true or false"
    if datatype in _FLOATS:
        return (lambda cell: type(cell) in (int, float)), "a number"
    if datatype in _INTEGERS:
        low, high = _INTEGERS[datatype]
        return (lambda cell: type(cell) is int and low <= cell <= high), f"an integer of the type {datatype}"
    known = ", ".join(("BOOL", *_INTEGERS, *_FLOATS, "BYTES"))
    raise Refused(400, f"{where} has the datatype {shown(datatype)}; known are {known}")
