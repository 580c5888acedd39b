"""The matrix of a model, built from columns without pandas."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import repeat
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.registry.compile import kernels
from workbench.registry.compile.columns import Columns
from workbench.registry.compile.functions import Function
from workbench.registry.compile.refusal import NotCompiled
from workbench.registry.compile.symbols import OTHER, Coded, Derived, Key, Number

__all__ = ["Inputs"]

_LARGEST_TABLE = 50_000_000
# Marks a value in a lookup that the plain path refuses.
_REFUSED = -1


class Inputs:
    """How the columns of a model's matrix come from raw columns.

    Parameters
    ----------
    symbols : sequence of Number or Coded
        One for each column of the matrix.
    functions : sequence of Function
        Those that the symbols name.

    Raises
    ------
    NotCompiled
        A raw column would have to be text and a number at once.
    """

    def __init__(self, symbols: Sequence[Number | Coded], functions: Sequence[Function]) -> None:
        self.symbols, self.functions = tuple(symbols), tuple(functions)
        self.derived = [s.source for s in symbols if isinstance(s, Number) and isinstance(s.source, Derived)]
        self.derived = list(dict.fromkeys(self.derived))
        numbers = [s.source for s in symbols if isinstance(s, Number) and isinstance(s.source, str)]
        self.numbers = list(dict.fromkeys(numbers))
        coded = [symbol for symbol in symbols if isinstance(symbol, Coded)]
        self.lookups = [_Lookup(name, coded) for name in dict.fromkeys(symbol.name for symbol in coded)]
        if both := {lookup.name for lookup in self.lookups if lookup.text} & set(self.numbers):
            raise NotCompiled(f"column {min(both)!r} is taken as text and as a number")
        self._arrays()
        # itemgetter of one name gives no tuple.
        self._pick: Callable[[Columns], Any] = (
            itemgetter(*self.numbers)
            if len(self.numbers) > 1
            else lambda features: tuple(features[name] for name in self.numbers)
        )

    def _arrays(self) -> None:
        """What the kernel reads."""
        sources: list[str | Derived] = [*self.numbers, *self.derived]
        places = {lookup.name: place for place, lookup in enumerate(self.lookups)}
        columns = np.zeros(len(self.symbols), kernels.COLUMN)
        operations: list[tuple[int, float, float]] = []
        tables: list[float] = []
        for feature, symbol in enumerate(self.symbols):
            if isinstance(symbol, Coded):
                columns[feature] = (places[symbol.name], len(tables), 0, 0)
                tables += self.lookups[places[symbol.name]].table(symbol)
                if len(tables) > _LARGEST_TABLE:
                    raise NotCompiled(f"its categories make tables of more than {_LARGEST_TABLE:,} numbers")
                continue
            first = len(operations)
            operations += [(o.code, o.first, o.second) for o in symbol.operations]
            columns[feature] = (sources.index(symbol.source), -1, first, len(operations))
        self.columns, self.tables = columns, np.array(tables, dtype=np.float64)
        self.operations = np.array(operations, dtype=kernels.OPERATION)

    @property
    def names(self) -> list[str]:
        """The raw columns that are read."""
        named = [*self.numbers, *(lookup.name for lookup in self.lookups)]
        for function in self.functions:
            named += function.reads
        return list(dict.fromkeys(named))

    def matrix(self, features: Columns, rows: int) -> NDArray[np.float64]:
        """The model's matrix, (rows, features).

        Raises
        ------
        ValueError
            A value is one that the plain path refuses as well.
        """
        numbers = self._numbers(features, rows)
        codes = self._codes(features, rows)
        out = np.empty((rows, len(self.columns)))
        refused = kernels.encode(numbers, codes, self.columns, self.operations, self.tables, out)
        if refused:
            symbol = self.symbols[refused - 1]
            name = symbol.source if isinstance(symbol, Number) else symbol.name
            raise ValueError(f"a value of {name!r} is infinite, missing or too large for the model")
        return out

    def _numbers(self, features: Columns, rows: int) -> NDArray[np.float64]:
        picked = self._pick(features)
        if self.derived:
            made = [function(features) for function in self.functions]
            picked = (*picked, *(made[item.function][:, item.column] for item in self.derived))
        if not picked:
            return np.empty((0, rows))
        found: NDArray[Any] = np.concatenate(picked)
        if found.dtype != np.float64:
            found = found.astype(np.float64)
        return found.reshape(len(picked), rows)

    def _codes(self, features: Columns, rows: int) -> NDArray[np.int64]:
        codes = [lookup.codes(features[lookup.name], rows) for lookup in self.lookups]
        return np.array(codes, dtype=np.int64).reshape(len(codes), rows)


class _Lookup:
    """The codes of one raw column's values, the same for each table of it."""

    def __init__(self, name: str, symbols: Sequence[Coded]) -> None:
        mine = [symbol for symbol in symbols if symbol.name == name]
        self.name, self.text = name, mine[0].text
        if any(symbol.text != self.text for symbol in mine):
            raise NotCompiled(f"column {name!r} is taken as text and as a number")
        self.keys: list[Key] = list(dict.fromkeys(key for symbol in mine for key in symbol.values))
        codes = {
            key: _REFUSED if any(_of(symbol, key) is None for symbol in mine) else code
            for code, key in enumerate(self.keys)
        }
        self.other, self.missing = codes.pop(OTHER), codes[None]
        if not self.text:
            del codes[None]
        self.get = codes.get

    def table(self, symbol: Coded) -> list[float]:
        values = [_of(symbol, key) for key in self.keys]
        return [np.nan if value is None else value for value in values]

    def codes(self, values: NDArray[Any], rows: int) -> list[int]:
        """The code of each value.

        Raises
        ------
        ValueError
            One has none: the fitted encoder refuses what it does not know.
        """
        if rows == 1:
            value = values[0]
            found = [self.get(value, self.other) if self.text or value == value else self.missing]
        else:
            found = list(map(self.get, values.tolist(), repeat(self.other)))
            if not self.text and self.missing != self.other:
                for place in np.flatnonzero(np.isnan(values)).tolist():
                    found[place] = self.missing
        if _REFUSED in found:
            raise ValueError(f"column {self.name!r} holds a value that the model was not fitted with")
        return found


def _of(symbol: Coded, key: Key) -> float | None:
    return symbol.values[key] if key in symbol.values else symbol.values[OTHER]
