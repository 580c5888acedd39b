"""From a fitted estimator down to its models."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from workbench.registry.compile import trees, weights
from workbench.registry.compile.calibrated import Calibrated, calibrator, places
from workbench.registry.compile.compiled import Compiled, Part
from workbench.registry.compile.inputs import Inputs
from workbench.registry.compile.model import Model
from workbench.registry.compile.operations import FINITE, Operation
from workbench.registry.compile.refusal import NotCompiled
from workbench.registry.compile.steps import Flattening
from workbench.registry.compile.symbols import Coded, Number, Raw, Symbol, applied

__all__ = ["flattened"]


def flattened(estimator: Any, row_wise: Collection[str]) -> Compiled:
    """The estimator without its pipeline; see :func:`~workbench.registry.compile.compile_model`."""
    names = getattr(estimator, "feature_names_in_", None)
    if names is None:
        raise NotCompiled(f"a {type(estimator).__name__} that was fitted on columns without names")
    flattening = Flattening(frozenset(row_wise))
    symbols: list[Symbol] = [Raw(str(name)) for name in names]
    parts = _Compiling(flattening).parts(estimator, symbols)
    if parts[0].calibrated is None and getattr(parts[0].model, "link", True) is None:
        raise NotCompiled(f"a {type(estimator).__name__} gives no probabilities")
    return Compiled(parts, _description(parts, len(names)))


def _description(parts: Sequence[Part], features: int) -> str:
    kind = f"calibrated, mean of {len(parts)}: " if parts[0].calibrated else ""
    return f"{kind}{parts[0].model.description}, {features:,} features"


class _Compiling:
    """Follows an estimator down to its models; matrices that are the same are built once."""

    def __init__(self, flattening: Flattening) -> None:
        self.flattening = flattening
        self.made: list[Inputs] = []

    def parts(self, estimator: Any, symbols: list[Symbol]) -> list[Part]:
        kind = type(estimator)
        if kind is Pipeline:
            for name, step in estimator.steps[:-1]:
                symbols = self.flattening.transformed(step, symbols, name)
            return self.parts(estimator.steps[-1][1], symbols)
        if kind is FrozenEstimator:
            return self.parts(estimator.estimator, symbols)
        if kind is CalibratedClassifierCV:
            return self._calibrated(estimator, symbols)
        if not hasattr(estimator, "n_features_in_"):
            raise NotCompiled(f"a {kind.__name__} is served on the plain path")
        try:
            return [self._single(estimator, symbols)]
        except NotCompiled as error:
            raise NotCompiled(f"{kind.__name__}: {error}") from error

    def _calibrated(self, estimator: Any, symbols: list[Symbol]) -> list[Part]:
        found = []
        for fold in estimator.calibrated_classifiers_:
            inner = self.parts(fold.estimator, symbols)
            if len(inner) != 1 or inner[0].calibrated is not None:
                raise NotCompiled("CalibratedClassifierCV: one around another")
            calibrated = Calibrated(
                inner[0].model,
                [calibrator(item) for item in fold.calibrators],
                places(estimator.classes_, fold.estimator.classes_),
                len(estimator.classes_),
            )
            found.append(Part(inner[0].inputs, inner[0].model, calibrated))
        return found

    def _single(self, estimator: Any, symbols: list[Symbol]) -> Part:
        kind, checks = type(estimator), list[Operation]()
        model: Model
        classes = getattr(estimator, "classes_", None)
        if classes is not None and len(classes) < 2:
            raise NotCompiled("it was fitted with one class only")
        if kind in trees.HISTOGRAM:
            symbols = self.flattening.transformed(estimator._preprocessor, symbols)
            model = trees.histogram(estimator)
        elif kind in trees.BOOSTED:
            model, checks = trees.boosted(estimator)
        elif kind in trees.FORESTS:
            model, checks = trees.forest(estimator, estimator.estimators_)
        elif kind in trees.TREES:
            model, checks = trees.forest(estimator, [estimator])
        elif kind in (*weights.DECIDING, *weights.REGRESSORS, *weights.GENERALIZED):
            model, checks = weights.weighted(estimator), [Operation(FINITE)]
        else:
            raise NotCompiled("it is served on the plain path")
        return Part(self._inputs([applied(symbol, checks, kind.__name__) for symbol in symbols]), model)

    def _inputs(self, symbols: list[Number | Coded]) -> Inputs:
        for inputs in self.made:
            if inputs.symbols == tuple(symbols):
                return inputs
        made = Inputs(symbols, self.flattening.functions)
        self.made.append(made)
        return made
