"""Which runs are meant: conditions as a person types them, held against the columns of a table of runs.

``phase = train and learning_rate > 0.05 or who ~ maria``: a name, a comparison (``~`` is *contains*), a
value; all that ``and`` joins have to hold, or all on the other side of an ``or``. A word alone is looked for
in id, phase, status, user and model. Names may carry their kind (``params.``, ``metrics.``, ``datasets.``,
``tags.``); names and values may stand in double quotes. A date is all of its day, and a time all of its
minute: ``started_at = 2026-11-27``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import UnknownName, UsageError
from workbench.tracking.run_table import Column, RunTable

__all__ = ["Alternatives", "Condition", "matching", "parse", "within"]

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

    def __str__(self) -> str:
        return f'"{self.name}" {self.comparison} "{self.value}"' if self.name else f'"{self.value}"'


#: Conditions of which all have to hold, once for each side of an ``or``.
Alternatives = tuple[tuple[Condition, ...], ...]


def parse(text: str) -> Alternatives:
    """The conditions that were typed; no alternatives for an empty text.

    Raises
    ------
    UsageError
        It cannot be read as conditions.
    """
    found: list[list[Condition]] = [[]]
    part: list[tuple[str, str]] = []
    for match in _TOKEN.finditer(text.strip()):
        kind, token = str(match.lastgroup), match[str(match.lastgroup)]
        if kind == "word" and token.lower() in ("and", "or"):
            found[-1].append(_condition(part, before=token))
            part = []
            if token.lower() == "or":
                found.append([])
        elif kind == "odd":
            raise UsageError(f"the filter cannot be read at {text[match.start() :].strip()!r}; {_EXAMPLE}")
        else:
            part.append((kind, token))
    if not part and found == [[]]:
        return ()
    found[-1].append(_condition(part))
    return tuple(map(tuple, found))


def within(condition: str, where: str) -> str:
    """What is typed to narrow ``where`` by one more condition; errors as for :func:`parse`."""
    sides = parse(where)
    if len(sides) < 2:
        return " and ".join(filter(None, (condition, where)))
    return " or ".join(" and ".join((condition, *map(str, joined))) for joined in sides)


def matching(table: RunTable, alternatives: Alternatives) -> NDArray[np.intp]:
    """The rows for which all conditions of an alternative hold, in the order of the table.

    Raises
    ------
    UsageError
        A condition names nothing that these runs have, or compares it with what it cannot be compared with.
    """
    if not alternatives or not len(table):  # no runs have no columns to be named
        return np.arange(len(table))
    return np.flatnonzero(
        np.any([np.all([_holds(table, each) for each in joined], axis=0) for joined in alternatives], axis=0)
    )


def _condition(part: list[tuple[str, str]], before: str = "and") -> Condition:
    places = [at for at, (kind, _) in enumerate(part) if kind == "comparison"]
    words = [token for _, token in part]
    if part and not places:
        return Condition(" ".join(words))
    if places != [1] or len(part) < 3:
        raise UsageError(f"the filter cannot be read at {' '.join(words) or before!r}; {_EXAMPLE}")
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
    if "~" in condition.comparison:
        found = _contains(column, condition.value)
    elif column.name == "started_at":
        first, end = _span(condition.value)
        found = np.array([first <= value < end for value in column.values.tolist()], dtype=bool)
    else:
        found = _equals(column, condition)
    return ~found if negative else found


def _ordered(column: Column, condition: Condition) -> NDArray[np.bool_]:
    if column.name == "started_at":
        first, end = _span(condition.value)
        moment = first if condition.comparison in ("<", ">=") else end
        earlier = np.array([value < moment for value in column.values.tolist()], dtype=bool)
        return earlier if condition.comparison.startswith("<") else ~earlier
    numbers = column.numbers
    if numbers is None:
        raise UsageError(f"{condition.name} is no number in all of these runs: compare it with = or ~")
    with np.errstate(invalid="ignore"):
        found: NDArray[np.bool_] = _ORDERED[condition.comparison](numbers, _number(condition))
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


def _span(text: str) -> tuple[datetime, datetime]:
    """The day, minute or second that is meant: its beginning, and the moment at which it is over."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"a time is written 2026-11-01 or 2026-11-01T08:30, not {text!r}") from None
    first = found if found.tzinfo else found.replace(tzinfo=UTC)
    if len(text) <= len("2026-11-01"):
        return first, first + timedelta(days=1)
    return first, first + timedelta(seconds=1 if first.second or first.microsecond else 60)
