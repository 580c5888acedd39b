"""Encoders of categories as tables: the fitted encoder itself is asked, once for each value that it knows.

A value that it does not know, a missing one and (of numbers) an infinite one are asked for, too. Where the
encoder raises ``ValueError``, the table says so, and so will the compiled path.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, TargetEncoder

from workbench.registry.compile.columns import frame_of
from workbench.registry.compile.operations import FILL, FINITE, FINITE_OR_MISSING, run
from workbench.registry.compile.refusal import NotCompiled
from workbench.registry.compile.symbols import OTHER, Coded, Key, Number, Raw, Symbol, Text

__all__ = ["ENCODERS", "encoded"]

ENCODERS = (OneHotEncoder, OrdinalEncoder, TargetEncoder)
# Operations after which a number is still the one that the encoder knows, or a refusal.
_KEEPING = {FILL, FINITE, FINITE_OR_MISSING}


def encoded(encoder: Any, symbols: Sequence[Symbol], step: str) -> list[Symbol]:
    """What a fitted encoder makes of each column, in the order of its output.

    Raises
    ------
    NotCompiled
        It gives float32 or objects, or a column cannot be followed to a raw one.
    """
    kind = np.dtype(getattr(encoder, "dtype", np.float64))
    if kind != np.float64 and kind.kind not in "iub":
        raise NotCompiled(f"{step}: it gives {kind}, in which later steps would round")
    columns = [_Column(encoder, symbols, place, step) for place in range(len(symbols))]
    found: list[Symbol] = []
    for column in columns:
        found += column.tables()
    return found


class _Column:
    """One column of an encoder."""

    def __init__(self, encoder: Any, symbols: Sequence[Symbol], place: int, step: str) -> None:
        self.encoder, self.place, self.step = encoder, place, step
        self.symbol = symbols[place]
        self.categories: NDArray[Any] = encoder.categories_[place]
        self.known = [value for value in self.categories.tolist() if not _missing(value)]
        texts = {isinstance(value, str) for value in self.known}
        if len(texts) > 1:
            raise NotCompiled(f"{step}: column {_called(self.symbol)} mixes text and numbers")
        self.text = texts == {True}

    def tables(self) -> list[Symbol]:
        inner = self._raw_values()
        # The encoder is asked for each distinct value once, whatever raw values led to it.
        values = list({_key(value): value for value in inner.values() if value is not _REFUSED}.values())
        answers = dict(zip(map(_key, values), self._ask(values), strict=True))
        name, text = _origin(self.symbol, self.text, self.step)
        return [
            Coded(
                name,
                text,
                {
                    raw: None if value is _REFUSED else _at(answers[_key(value)], output)
                    for raw, value in inner.items()
                },
            )
            for output in range(len(self._outputs()))
        ]

    def _raw_values(self) -> dict[Key, Any]:
        """What the encoder is given for each raw value."""
        symbol = self.symbol
        if isinstance(symbol, Coded):
            return {raw: _REFUSED if value is None else value for raw, value in symbol.values.items()}
        if isinstance(symbol, Text) or (isinstance(symbol, Raw) and self.text):
            missing = symbol.missing if isinstance(symbol, Text) else None
            given: dict[Key, Any] = {value: value for value in self.known}
            if missing is not None:
                given[missing] = missing
            return {**given, None: missing, OTHER: _unknown_text(self.known)}
        if self.text:
            raise NotCompiled(f"{self.step}: column {_called(symbol)} is a number there, and text was fitted")
        operations = symbol.operations if isinstance(symbol, Number) else ()
        if any(operation.code not in _KEEPING for operation in operations):
            raise NotCompiled(f"{self.step}: column {_called(symbol)} is computed before it is encoded")
        numbers = [float(value) for value in self.known]
        fills = [operation.first for operation in operations if operation.code == FILL]
        raws: dict[Key, float] = {value: value for value in (*numbers, *fills, np.inf, -np.inf)}
        raws |= {None: np.nan, OTHER: _unknown_number([*numbers, *fills])}
        return {raw: _ran(operations, value) for raw, value in raws.items()}

    def _outputs(self) -> range:
        """Which columns of the encoder's output are this one's."""
        encoder, place = self.encoder, self.place
        if type(encoder) is OneHotEncoder:
            counts = [int(count) for count in encoder._n_features_outs]
            return range(sum(counts[:place]), sum(counts[: place + 1]))
        each = len(encoder.classes_) if getattr(encoder, "target_type_", "") == "multiclass" else 1
        return range(place * each, (place + 1) * each)

    def _ask(self, values: list[Any]) -> list[NDArray[np.float64] | None]:
        """The outputs for each value; None where the encoder raises ``ValueError``."""
        try:
            return list(self._transformed(values))
        except ValueError:
            if len(values) <= 1:
                return [None] * len(values)
            # Few values are refused, so halves find them soon.
            half = len(values) // 2
            return [*self._ask(values[:half]), *self._ask(values[half:])]

    def _transformed(self, values: list[Any]) -> NDArray[np.float64]:
        names = getattr(self.encoder, "feature_names_in_", None)
        given = {}
        for place, categories in enumerate(self.encoder.categories_):
            name = str(place) if names is None else names[place]
            column = values if place == self.place else [_first(categories)] * len(values)
            text = any(isinstance(value, str) for value in categories.tolist())
            text = text or any(isinstance(value, str) for value in column)
            given[name] = np.array(
                [None if text and _missing(value) else value for value in column],
                dtype=object if text else np.float64,
            )
        with warnings.catch_warnings():
            # Of unknown categories, and of names that it was fitted without.
            warnings.simplefilter("ignore")
            made = self.encoder.transform(frame_of(given))
        dense = made.toarray() if hasattr(made, "toarray") else np.asarray(made)
        return np.ascontiguousarray(dense[:, list(self._outputs())], dtype=np.float64)


_REFUSED: Any = object()


def _ran(operations: Any, value: float) -> Any:
    try:
        return float(run(operations, np.array([value]))[0])
    except ValueError:
        return _REFUSED


def _origin(symbol: Symbol, text: bool, step: str) -> tuple[str, bool]:
    if isinstance(symbol, Coded):
        return symbol.name, symbol.text
    if isinstance(symbol, Number):
        if not isinstance(symbol.source, str):
            raise NotCompiled(f"{step}: it encodes what a function computed")
        return symbol.source, False
    return symbol.name, text or isinstance(symbol, Text)


def _called(symbol: Symbol) -> str:
    return repr(symbol.source if isinstance(symbol, Number) else symbol.name)


def _missing(value: Any) -> bool:
    return value is None or value != value


def _key(value: Any) -> Any:
    return None if _missing(value) else value


def _at(answers: NDArray[np.float64] | None, output: int) -> float | None:
    return None if answers is None else float(answers[output])


def _first(categories: NDArray[Any]) -> Any:
    value = categories.tolist()[0]
    return None if value is None else value


def _unknown_text(known: Sequence[str]) -> str:
    value = "unknown"
    while value in known:
        value += "_"
    return value


def _unknown_number(known: Sequence[float]) -> float:
    """A number that is none of them, and that no rounding makes one of them."""
    return float(max((abs(value) for value in known), default=0.0) * 2 + 1.5)
