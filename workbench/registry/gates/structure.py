"""What can be told from a model without asking it: its inputs, its age, what it is put together from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse
from urllib.request import url2pathname

from workbench.registry.gates.validation import Gate, Verdict

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["age_gate", "ensemble_gate", "schema_gate", "signature"]

_NUMBERS = {"integer", "long", "float", "double"}


def signature(location: str) -> dict[str, str] | None:
    """Names and types of the inputs that a model's MLmodel declares; None when it declares none."""
    from mlflow.models import Model

    parts = urlparse(location)
    place = url2pathname(parts.path) if parts.scheme == "file" else location
    found = Model.load(place).signature  # which reads YAML as data, and no file but this one
    if found is None or found.inputs is None or not found.inputs.has_input_names():
        return None
    return {
        str(column.name): str(getattr(column.type, "name", column.type)) for column in found.inputs.inputs
    }


def schema_gate(
    inputs: Mapping[str, str] | None, before: Mapping[str, str] | None, features: pd.DataFrame
) -> Gate:
    """Whether the features give what the candidate's signature asks for; and in what the champion's differs.

    Parameters
    ----------
    inputs, before : mapping of str to str
        MLflow's type of each input of the candidate and of the champion.
    """
    if inputs is None:
        why = "it declares no inputs, so that no request could be checked; log it with a sample"
        return Gate("schema", "failed", float("nan"), 0.0, why)
    wrong = [*_unfit(inputs, features)]
    says = [f"{len(inputs)} inputs"]
    if wrong:
        says.append("; ".join(wrong))
    elif before is not None:
        says.append(_differences(inputs, before))
    verdict: Verdict = "failed" if wrong else "passed"
    return Gate("schema", verdict, float(len(wrong)), 0.0, ", ".join(says))


def _unfit(inputs: Mapping[str, str], features: pd.DataFrame) -> Iterator[str]:
    import pandas as pd

    for name, kind in inputs.items():
        if name not in features.columns:
            yield f"{name} is no feature"
        elif (kind in _NUMBERS) != pd.api.types.is_numeric_dtype(features[name].dtype) and kind != "boolean":
            yield f"{name} is asked for as {kind} and comes as {features[name].dtype}"


def _differences(inputs: Mapping[str, str], before: Mapping[str, str]) -> str:
    says = [f"{name} is new" for name in inputs if name not in before]
    says += [f"{name} is gone" for name in before if name not in inputs]
    says += [
        f"{name} is {kind} and was {before[name]}"
        for name, kind in inputs.items()
        if before.get(name, kind) != kind
    ]
    return f"compared with the champion {', '.join(says)}" if says else "the same as the champion's"


def age_gate(trained_until: datetime, until: datetime, allowed: timedelta) -> Gate:
    """Whether what the candidate learnt from is recent enough, seen from the end of the holdout."""
    age = (until - trained_until) / timedelta(days=1)
    asked = allowed / timedelta(days=1)
    why = (
        f"it learnt from what was known before {trained_until:%Y-%m-%d}, {age:.0f} days before the end of "
        f"the holdout; {asked:.0f} days are allowed"
    )
    return Gate("data age", "passed" if age <= asked else "failed", age, asked, why)


def ensemble_gate(estimator: Any) -> Gate | None:
    """Whether an ensemble combines base models only; None for what is no ensemble.

    A forest or boosted trees are one base model. What combines models that somebody chose (voting,
    stacking, bagging) may hold no other such combination: nobody can tell any more which part errs.
    """
    depth = _depth(estimator)
    if depth == 0:
        return None
    why = "it combines base models" if depth == 1 else f"ensembles in ensembles, {depth} deep"
    verdict: Verdict = "passed" if depth == 1 else "failed"
    return Gate("ensemble", verdict, float(depth), 1.0, f"{why}; one level is allowed")


def _depth(model: Any) -> int:
    from sklearn.base import BaseEstimator
    from sklearn.ensemble import (
        BaggingClassifier,
        BaggingRegressor,
        StackingClassifier,
        StackingRegressor,
        VotingClassifier,
        VotingRegressor,
    )

    if not isinstance(model, BaseEstimator):
        return 0
    kinds = (BaggingClassifier, BaggingRegressor, StackingClassifier, StackingRegressor)
    own = int(isinstance(model, (*kinds, VotingClassifier, VotingRegressor)))
    return own + max((_depth(part) for part in _parts(model)), default=0)


def _parts(model: Any) -> Iterator[Any]:
    for value in model.get_params(deep=False).values():
        for part in value if isinstance(value, list | tuple) else [value]:
            yield part[1] if isinstance(part, tuple) and len(part) > 1 else part
