"""Steps of a pipeline, followed column by column.

Only scikit-learn's own classes are followed, and no subclass: it may do something else.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.feature_selection._base import SelectorMixin
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    RobustScaler,
    StandardScaler,
)
from sklearn.utils import get_tags
from sklearn.utils.validation import check_array

from workbench.registry.compile.encoders import ENCODERS, encoded
from workbench.registry.compile.functions import Function, reference
from workbench.registry.compile.operations import (
    ADD,
    CLIP,
    DIVIDE,
    FILL,
    FINITE,
    FINITE_OR_MISSING,
    MISSING,
    MULTIPLY,
    SUBTRACT,
    Operation,
)
from workbench.registry.compile.refusal import NotCompiled
from workbench.registry.compile.symbols import Derived, Number, Raw, Symbol, Text, applied

__all__ = ["Flattening"]

_Symbols = Sequence[Symbol]
_NO_INFINITY = Operation(FINITE_OR_MISSING)


@dataclass
class Flattening:
    """Follows columns through fitted transformers, and collects the functions that have to be called.

    Parameters
    ----------
    row_wise : collection of str
        Functions, as ``"module:name"``, of which the project says that each row is treated by itself.
    """

    row_wise: Collection[str] = ()
    functions: list[Function] = field(default_factory=list)

    def transformed(self, transformer: Any, symbols: _Symbols, step: str = "") -> list[Symbol]:
        """The symbols after a fitted transformer.

        Raises
        ------
        NotCompiled
            It, or a step of it, is not known; the message names it.
        """
        if transformer is None or (isinstance(transformer, str) and transformer == "passthrough"):
            return list(symbols)
        kind = type(transformer)
        step = f"{step} ({kind.__name__})" if step else kind.__name__
        if kind is Pipeline:
            found = list(symbols)
            for name, inner in transformer.steps:
                found = self.transformed(inner, found, name)
            return found
        if kind is ColumnTransformer:
            return self._columns(transformer, symbols)
        if kind is FeatureUnion:
            return self._union(transformer, symbols)
        if kind is FunctionTransformer:
            return self._function(transformer, symbols, step)
        if kind in ENCODERS:
            return encoded(transformer, symbols, step)
        if kind is SimpleImputer:
            return _imputed(transformer, symbols, step)
        if kind in _SCALERS:
            return _scaled(transformer, symbols, step)
        if isinstance(transformer, SelectorMixin) and kind.__module__.startswith("sklearn."):
            return _selected(transformer, symbols, step)
        raise NotCompiled(f"step {step} is not known to the compiled path")

    def _columns(self, transformer: Any, symbols: _Symbols) -> list[Symbol]:
        weights = transformer.transformer_weights or {}
        found: list[Symbol] = []
        for name, inner, _ in transformer.transformers_:
            if isinstance(inner, str) and inner == "drop":
                continue
            places = transformer._transformer_to_input_indices[name]
            taken = [symbols[place] for place in places]
            if not taken:
                continue
            made = self.transformed(inner, taken, name)
            found += _weighted(made, weights.get(name), name)
        return found

    def _union(self, transformer: Any, symbols: _Symbols) -> list[Symbol]:
        weights = transformer.transformer_weights or {}
        found: list[Symbol] = []
        for name, inner in transformer.transformer_list:
            if isinstance(inner, str) and inner == "drop":
                continue
            found += _weighted(self.transformed(inner, symbols, name), weights.get(name), name)
        return found

    def _function(self, transformer: Any, symbols: _Symbols, step: str) -> list[Symbol]:
        function = transformer.func
        if function is None and not transformer.validate:
            return list(symbols)
        if transformer.validate:
            symbols = [applied(symbol, [Operation(FINITE)], step) for symbol in symbols]
        if function is None or _only_checks(function):
            return [applied(symbol, (), step) for symbol in symbols]
        simple = isinstance(function, np.ufunc) and function.nin == function.nout == 1
        name = reference(function)
        if not simple and name not in self.row_wise:
            raise NotCompiled(f"step {step}: nobody declared {name} row-wise ([serving] row_wise)")
        framed = not simple and not transformer.validate and all(isinstance(item, Raw) for item in symbols)
        if not framed:
            symbols = [applied(symbol, (), step) for symbol in symbols]
        called: Callable[..., Any] = functools.partial(function, **(transformer.kw_args or {}))
        made = Function(called, tuple(symbols), framed, name, step)
        self.functions.append(made)
        place = len(self.functions) - 1
        return [Number(Derived(place, column)) for column in range(made.width())]


def _only_checks(function: Any) -> bool:
    """Whether it is what histogram gradient boosting puts before its numbers: to float64, unchecked."""
    return (
        isinstance(function, functools.partial)
        and function.func is check_array
        and not function.args
        and set(function.keywords) == {"dtype", "ensure_all_finite"}
        and function.keywords["ensure_all_finite"] is False
        and list(function.keywords["dtype"]) == [np.float64]
    )


def _weighted(symbols: _Symbols, weight: float | None, step: str) -> list[Symbol]:
    if weight is None:
        return list(symbols)
    return [applied(symbol, [Operation(MULTIPLY, float(weight))], step) for symbol in symbols]


def _imputed(imputer: Any, symbols: _Symbols, step: str) -> list[Symbol]:
    if not (isinstance(imputer.missing_values, float) and np.isnan(imputer.missing_values)):
        raise NotCompiled(f"step {step}: it takes {imputer.missing_values!r} for missing, not NaN")
    texts = any(isinstance(value, str) for value in imputer.statistics_.tolist())
    numbers = [] if texts else [applied(symbol, [_NO_INFINITY], step) for symbol in symbols]
    found: list[Symbol] = []
    for place, value in enumerate(imputer.statistics_.tolist()):
        if value is None or value != value:
            if imputer.keep_empty_features:
                raise NotCompiled(f"step {step}: it keeps a column without any value")
            continue
        if not texts:
            found.append(applied(numbers[place], [Operation(FILL, float(value))], step))
            continue
        symbol = symbols[place]
        if not isinstance(symbol, Raw | Text) or not isinstance(value, str):
            raise NotCompiled(f"step {step}: it fills numbers and text at once")
        missing = symbol.missing if isinstance(symbol, Text) else None
        found.append(Text(symbol.name, value if missing is None else missing))
    if (indicator := imputer.indicator_) is not None:
        if texts:
            raise NotCompiled(f"step {step}: it marks missing text")
        found += [
            applied(numbers[place], [Operation(MISSING)], step) for place in indicator.features_.tolist()
        ]
    return found


def _scaled(scaler: Any, symbols: _Symbols, step: str) -> list[Symbol]:
    found: list[Symbol] = []
    for place, symbol in enumerate(symbols):
        operations = [_NO_INFINITY, *_SCALERS[type(scaler)](scaler, place)]
        found.append(applied(symbol, operations, step))
    return found


def _standard(scaler: Any, place: int) -> list[Operation]:
    found = [Operation(SUBTRACT, float(scaler.mean_[place]))] if scaler.with_mean else []
    return [*found, Operation(DIVIDE, float(scaler.scale_[place]))] if scaler.with_std else found


def _robust(scaler: Any, place: int) -> list[Operation]:
    found = [Operation(SUBTRACT, float(scaler.center_[place]))] if scaler.with_centering else []
    return [*found, Operation(DIVIDE, float(scaler.scale_[place]))] if scaler.with_scaling else found


def _between(scaler: Any, place: int) -> list[Operation]:
    found = [Operation(MULTIPLY, float(scaler.scale_[place])), Operation(ADD, float(scaler.min_[place]))]
    low, high = map(float, scaler.feature_range)
    return [*found, Operation(CLIP, low, high)] if scaler.clip else found


def _largest(scaler: Any, place: int) -> list[Operation]:
    found = [Operation(DIVIDE, float(scaler.scale_[place]))]
    return [*found, Operation(CLIP, -1.0, 1.0)] if getattr(scaler, "clip", False) else found


_SCALERS: dict[type, Callable[[Any, int], list[Operation]]] = {
    StandardScaler: _standard,
    RobustScaler: _robust,
    MinMaxScaler: _between,
    MaxAbsScaler: _largest,
}


def _selected(selector: Any, symbols: _Symbols, step: str) -> list[Symbol]:
    allowed = FINITE_OR_MISSING if get_tags(selector).input_tags.allow_nan else FINITE
    checked = [applied(symbol, [Operation(allowed)], step) for symbol in symbols]
    return [checked[place] for place in np.flatnonzero(selector.get_support()).tolist()]
