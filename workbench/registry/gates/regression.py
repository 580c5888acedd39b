"""Regression cases: a table of rows that every candidate must get right, kept with the project's files.

A case is a row of the model's input with the bounds of a right answer, ``at_least`` and ``at_most``, and in
``why`` a word on what it stands for. What went wrong once, and must not again, becomes a case.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.errors import DataError, UnknownName
from workbench.registry.gates.bootstrap import Floats
from workbench.registry.gates.validation import Gate

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["propose_cases", "read_cases", "regression_gate"]

_BOUNDS = ("at_least", "at_most")


def propose_cases(
    holdout: pd.DataFrame, scores: Any, *, target: str, features: Sequence[str], count: int = 20
) -> pd.DataFrame:
    """Cases to begin with: of each outcome those that a model is most surely right about.

    Each has to stay on the right side of halfway between its score and the median of all. Read them, throw
    out what says nothing, say why, and keep them as CSV.
    """
    given = np.asarray(scores, dtype=float)
    middle, half = float(np.median(given)), count // 2
    truth = holdout[target].to_numpy(dtype=float)
    high = np.flatnonzero(truth == 1)
    low = np.flatnonzero(truth == 0)
    high = high[np.argsort(-given[high], kind="stable")[:half]]
    low = low[np.argsort(given[low], kind="stable")[: count - half]]
    chosen = np.concatenate([high, low])
    bound = np.round((given[chosen] + middle) / 2, 3)
    cases = holdout.iloc[chosen][list(features)].reset_index(drop=True)
    return cases.assign(
        at_least=np.where(np.arange(len(chosen)) < len(high), bound, np.nan),
        at_most=np.where(np.arange(len(chosen)) < len(high), np.nan, bound),
        why="",
    )


def read_cases(path: Path, like: pd.DataFrame) -> pd.DataFrame:
    """Cases from a CSV file, with the types that the features have in ``like``.

    Raises
    ------
    DataError
        There is no such file, it is empty, a value does not fit, or a case has no bound.
    UnknownName
        It lacks a feature.
    """
    import pandas as pd

    try:
        found = pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""])
    except (OSError, ValueError) as error:
        raise DataError(f"regression cases {path} cannot be read: {error}") from error
    if found.empty:
        raise DataError(f"{path} holds no regression case; remove [gates] regression_cases, or add one")
    columns = {}
    for name in like.columns:
        if name not in found:
            raise UnknownName("column", str(name), map(str, found.columns), where=str(path))
        columns[name] = _typed(found[name], like[name], path)
    for name in _BOUNDS:
        given = found[name] if name in found else pd.Series(np.nan, index=found.index)
        columns[name] = pd.to_numeric(given, errors="coerce")
    cases = pd.DataFrame(columns).assign(why=found["why"].fillna("") if "why" in found else "")
    if unbound := cases[list(_BOUNDS)].isna().all(axis=1).sum():
        raise DataError(f"{path}: {unbound} cases have neither at_least nor at_most: what would be wrong?")
    return cases


def _typed(given: pd.Series[Any], like: pd.Series[Any], path: Path) -> pd.Series[Any]:
    import pandas as pd

    try:
        if pd.api.types.is_bool_dtype(like):
            return given.str.lower().map({"true": True, "1": True, "false": False, "0": False}).astype("bool")
        if pd.api.types.is_numeric_dtype(like):
            return pd.to_numeric(given).astype(like.dtype)
        if pd.api.types.is_datetime64_any_dtype(like):
            return pd.to_datetime(given, utc=True).astype(like.dtype)
        return given.astype(like.dtype)
    except (TypeError, ValueError) as error:
        raise DataError(f"{path}: column {given.name} does not hold {like.dtype}: {error}") from error


def regression_gate(cases: pd.DataFrame, answer: Callable[[pd.DataFrame], Floats]) -> Gate:
    """Whether the candidate still gets all cases right; the worst is told."""
    score = answer(cases.drop(columns=[*_BOUNDS, "why"]))
    below = (cases["at_least"] - score).fillna(0.0).clip(lower=0.0)
    above = (score - cases["at_most"]).fillna(0.0).clip(lower=0.0)
    off = np.maximum(below.to_numpy(), above.to_numpy())
    wrong = int((off > 0).sum()) + int(np.isnan(score).sum())
    if not wrong:
        return Gate("regression cases", "passed", 0.0, 0.0, f"all {len(cases)} are answered right")
    worst = int(np.nanargmax(off))
    case = cases.iloc[worst]
    asked = f"at least {case['at_least']:g}" if below.iloc[worst] > 0 else f"at most {case['at_most']:g}"
    what = f" ({case['why']})" if case["why"] else ""
    why = (
        f"{wrong} of {len(cases)} are answered wrong; the worst is row {worst + 1}{what}: "
        f"{score[worst]:.3f}, {asked} is asked"
    )
    return Gate("regression cases", "failed", float(wrong), 0.0, why)
