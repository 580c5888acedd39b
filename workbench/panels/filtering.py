"""Which runs are meant: conditions as a person types them, held against the columns of a table of runs.

``phase = train and learning_rate > 0.05 and metrics.roc_auc >= 0.7 and who ~ maria``: a name, a comparison
(``~`` is *contains*), a value; all of them have to hold. A word alone is looked for in id, phase, status,
user and model. Names may carry their kind (``params.``, ``metrics.``, ``datasets.``, ``tags.``); names and
values may stand in double quotes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UnknownName, UsageError
from workbench.tracking.run_table import Column, RunTable

__all__ = ["Condition", "matching", "parse"]

_COMPARISONS = (">=", "<=", "!=", "!~", "==", "=", ">", "<", "~")
_TOKEN = re.compile(
    rf'\s*(?:"(?P<quoted>[^"]*)"|(?P<comparison>{"|".join(_COMPARISONS)})|(?P<word>[^\s"=<>!~]+)|(?P<odd>.))'
)
_LOOKED_IN = ("run_id", "phase", "status", "who", "model")
_ORDERED: dict[str, Callable[[Any, Any], Any]] = {
    ">": np.greater,
    ">=": np.greater_equal,
    "<": np.less,
    "<=": np.less_equal,
}
_EXAMPLE = "for example: phase = train and learning_rate > 0.05"


@dataclass(frozen=True)
class Condition:
    """One condition; without a name, a text that is looked for."""

    value: str
    name: str = ""
    comparison: str = "~"


def parse(text: str) -> tuple[Condition, ...]:
    """The conditions that were typed; none for an empty text.

    Raises
    ------
    UsageError
        It cannot be read as conditions.
    """
    found: list[Condition] = []
    part: list[tuple[str, str]] = []
    for match in _TOKEN.finditer(text.strip()):
        kind, token = str(match.lastgroup), match[str(match.lastgroup)]
        if kind == "word" and token.lower() == "and":
            found.append(_condition(part))
            part = []
        elif kind == "odd":
            raise UsageError(f"the filter cannot be read at {text[match.start() :].strip()!r}; {_EXAMPLE}")
        else:
            part.append((kind, token))
    return (*found, _condition(part)) if part or found else ()


def matching(table: RunTable, conditions: tuple[Condition, ...]) -> NDArray[np.intp]:
    """The rows for which all conditions hold, in the order of the table.

    Raises
    ------
    UsageError
        A condition names nothing that these runs have, or compares it with what it cannot be compared with.
    """
    holds = np.ones(len(table), dtype=bool)
    for condition in conditions if len(table) else ():  # no runs have no columns to be named
        holds &= _holds(table, condition)
    return np.flatnonzero(holds)


def _condition(part: list[tuple[str, str]]) -> Condition:
    places = [at for at, (kind, _) in enumerate(part) if kind == "comparison"]
    words = [token for _, token in part]
    if part and not places:
        return Condition(" ".join(words))
    if places != [1] or len(part) < 3:
        raise UsageError(f"the filter cannot be read at {' '.join(words) or 'and'!r}; {_EXAMPLE}")
    return Condition(" ".join(words[2:]), words[0], words[1].replace("==", "="))


def _holds(table: RunTable, condition: Condition) -> NDArray[np.bool_]:
    if not condition.name:
        found = np.zeros(len(table), dtype=bool)
        for name in _LOOKED_IN:
            if name in table.columns:
                found |= _contains(table.columns[name], condition.value)
        return found
    column = table.column(condition.name)
    if column is None:
        raise UnknownName("column", condition.name, [*table.columns], where="these runs")
    if condition.comparison in _ORDERED:
        return _ordered(column, condition)
    negative = condition.comparison.startswith("!")
    found = _contains(column, condition.value) if "~" in condition.comparison else _equals(column, condition)
    return ~found if negative else found


def _ordered(column: Column, condition: Condition) -> NDArray[np.bool_]:
    compare = _ORDERED[condition.comparison]
    if column.name == "started_at":
        moment = _moment(condition.value)
        return np.array([bool(compare(value, moment)) for value in column.values.tolist()], dtype=bool)
    numbers = column.numbers
    if numbers is None:
        raise UsageError(f"{condition.name} is no number in all of these runs: compare it with = or ~")
    with np.errstate(invalid="ignore"):
        found: NDArray[np.bool_] = compare(numbers, _number(condition))
    return found


def _equals(column: Column, condition: Condition) -> NDArray[np.bool_]:
    wanted = condition.value
    if column.numbers is not None:
        try:
            number = float(wanted)
        except ValueError:
            pass
        else:
            recorded = np.array([value is not None for value in column.values.tolist()], dtype=bool)
            same = np.isnan(column.numbers) & recorded if number != number else column.numbers == number
            return np.asarray(same, dtype=bool)
    texts = ("" if value is None else str(value) for value in column.values.tolist())
    folded = wanted.lower()
    return np.array([text == wanted or text.lower() == folded for text in texts], dtype=bool)


def _contains(column: Column, text: str) -> NDArray[np.bool_]:
    wanted = text.lower()
    values = column.values.tolist()
    return np.array([value is not None and wanted in str(value).lower() for value in values], dtype=bool)


def _number(condition: Condition) -> float:
    try:
        return float(condition.value)
    except ValueError:
        raise UsageError(
            f"{condition.name} {condition.comparison} takes a number, not {condition.value!r}"
        ) from None


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"a time is written 2026-11-01 or 2026-11-01T08:30, not {text!r}") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
