"""Behaviour checks: how answers have to follow when one thing about a row changes.

Invariance (nothing may change) and direction (it may only rise, or only fall), after Ribeiro et al., "Beyond
Accuracy: Behavioral Testing of NLP Models with CheckList", ACL 2020. They need no labels.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.errors import DataError, UnknownName
from workbench.registry.gates.bootstrap import Days, Floats, interval, ratio_rounds
from workbench.registry.gates.validation import Gate, at_least

if TYPE_CHECKING:
    import pandas as pd

    from workbench.config import BehaviourConfig

__all__ = ["behaviour_gate", "changed"]

_MOST_ROWS = 2000
_FEWEST_ROWS = 100
_ARITHMETIC = re.compile(r"\s*([+*-])\s*(\d+(?:\.\d+)?)\s*")
SHUFFLE = "shuffle"
_EXPECTED = {"same": "the same"}


def changed(features: pd.DataFrame, change: dict[str, Any], seed: int = 0) -> pd.DataFrame:
    """The rows with what a check changes: ``"+10"``, ``"-3"``, ``"*1.5"``, ``"shuffle"``, or a value.

    Raises
    ------
    DataError
        A column cannot be changed like this.
    """
    made = features.copy()
    for name, how in change.items():
        made[name] = _change(features[name], how, seed)
    return made


def _change(column: pd.Series[Any], how: Any, seed: int) -> pd.Series[Any]:
    import pandas as pd

    if how == SHUFFLE:
        order = np.random.default_rng(seed).permutation(len(column))
        return column.iloc[order].set_axis(column.index)
    step = _ARITHMETIC.fullmatch(how) if isinstance(how, str) else None
    if step is None:
        return pd.Series([how] * len(column), index=column.index).astype(column.dtype)
    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        raise DataError(f"a behaviour check cannot add {how!r} to {column.name}, which is {column.dtype}")
    by = float(step[2])
    if step[1] == "*":
        return column * by
    return column + (by if step[1] == "+" else -by)


def behaviour_gate(
    config: BehaviourConfig,
    features: pd.DataFrame,
    time: pd.Series[Any],
    answer: Callable[[pd.DataFrame], Floats],
    *,
    rounds: int,
    seed: int,
) -> Gate:
    """Whether the candidate's scores follow a change as declared, in the share of rows that is asked.

    Parameters
    ----------
    features : DataFrame
        The model's input, one row a case; 2,000 of them are asked at the most, evenly over time.
    time : Series
        Of each row: the interval is drawn by day.
    answer : callable
        Features to scores.
    """
    name = f"behaviour: {config.name}"
    for column in config.change:
        if column not in features.columns:
            raise UnknownName("feature", column, map(str, features.columns), where="[[gates.behaviour]]")
    rows = np.flatnonzero(features[list(config.change)].notna().all(axis=1))
    if len(rows) < _FEWEST_ROWS:
        why = f"{len(rows)} rows can be changed like this; at least {_FEWEST_ROWS} are needed"
        return Gate(name, "inconclusive", np.nan, config.share, why)
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, _MOST_ROWS).astype(int))]
    before = features.iloc[rows]
    difference = answer(changed(before, config.change, seed)) - answer(before)
    behaves = {
        "same": np.abs(difference) <= config.tolerance,
        "not lower": difference >= -config.tolerance,
        "not higher": difference <= config.tolerance,
    }[config.expect]
    days = Days.of(time.iloc[rows], rounds=rounds, seed=seed)
    found = interval(float(behaves.mean()), ratio_rounds(behaves.astype(float), np.ones(len(rows)), days))
    what = ", ".join(f"{column} {how}" for column, how in config.change.items())
    expected = _EXPECTED.get(config.expect, config.expect)
    why = (
        f"with {what} the score is {expected} (within {config.tolerance:g}) in {found.value:.1%} of "
        f"{len(rows):,} rows [{found.low:.1%}, {found.high:.1%}]; {config.share:.0%} is asked"
    )
    return Gate(name, at_least(found, config.share), found.value, config.share, why, found)
