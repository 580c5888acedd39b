"""What stands in a column while a pipeline is followed: where its values come from, and what is done to them.

A pipeline is flattened by pushing one symbol for each column through its steps. What comes out for each
column of the model's matrix is a :class:`Number` (a raw number and a chain of operations) or a
:class:`Coded` (a raw column whose value is looked up in a table).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from workbench.registry.compile.operations import Operation, run
from workbench.registry.compile.refusal import NotCompiled

__all__ = ["OTHER", "Coded", "Derived", "Key", "Number", "Raw", "Symbol", "Text", "applied", "numeric"]

#: A raw value as it is looked up: text, a number, or None when it is missing.
Key = str | float | None
#: Stands for every raw value that a table does not name.
OTHER = "\0other"


@dataclass(frozen=True)
class Raw:
    """A raw column that nothing has been done to; what takes it first decides whether it is a number."""

    name: str


@dataclass(frozen=True)
class Text:
    """A raw category; ``missing`` is what an imputer puts where there is none."""

    name: str
    missing: str | None = None


@dataclass(frozen=True)
class Derived:
    """A column of what a row-wise function makes of others; ``function`` is its place among the functions."""

    function: int
    column: int


@dataclass(frozen=True)
class Number:
    """A number, from a raw column or a function, and what is done to it."""

    source: str | Derived
    operations: tuple[Operation, ...] = ()


@dataclass(frozen=True)
class Coded:
    """A raw column that is looked up.

    Attributes
    ----------
    text : bool
        Whether the raw column is a category; else it is a number.
    values : mapping
        What becomes of each raw value, of None (missing) and of :data:`OTHER`; None where the plain
        path raises ``ValueError``.
    """

    name: str
    text: bool
    values: Mapping[Key, float | None] = field(hash=False)


Symbol = Raw | Text | Number | Coded


def numeric(symbol: Symbol, step: str) -> Number | Coded:
    """The symbol where a number is needed.

    Raises
    ------
    NotCompiled
        It is text.
    """
    if isinstance(symbol, Raw):
        return Number(symbol.name)
    if isinstance(symbol, Text):
        raise NotCompiled(f"{step}: column {symbol.name!r} is text there, which it does not take")
    return symbol


def applied(symbol: Symbol, operations: Sequence[Operation], step: str) -> Number | Coded:
    """The symbol after these operations; a table is computed ahead."""
    found = numeric(symbol, step)
    if isinstance(found, Number):
        return replace(found, operations=(*found.operations, *operations))
    return replace(found, values={key: _value(value, operations) for key, value in found.values.items()})


def _value(value: float | None, operations: Sequence[Operation]) -> float | None:
    if value is None:
        return None
    try:
        return float(run(operations, np.array([value]))[0])
    except ValueError:
        return None
