"""The points that a sweep or a search goes through: all, pairs, a file's rows, or a draw.

Domains are in :mod:`~.domains`, how they are typed in :mod:`~.typed`; what callers need of both is here too.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import ParameterError, UnknownName, UsageError
from workbench.execution.notebook.parameters import Parameter
from workbench.execution.sweep.domains import Choice, Domain, Float, Int
from workbench.execution.sweep.typed import canonical, is_domain, read_domain, read_item, read_values

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

__all__ = [
    "Choice",
    "Domain",
    "Float",
    "Int",
    "distributions",
    "from_file",
    "grid",
    "is_domain",
    "paired",
    "read_back",
    "read_domain",
    "read_values",
    "sampled",
    "size",
    "value_of",
]

_MISSES = 10_000  # so many draws in a row without a new point: a range so narrow that it holds no more
_AS_JSON = "json:"


def grid(values: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Each value of each name with each of all others; the last name varies fastest."""
    return [dict(zip(values, point, strict=True)) for point in itertools.product(*values.values())]


def paired(values: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """The first values of all names together, then the second ones, and so on.

    Raises
    ------
    UsageError
        When one name has more values than another.
    """
    if len({len(items) for items in values.values()}) > 1:
        lengths = ", ".join(f"{name!r} has {len(items)}" for name, items in values.items())
        raise UsageError(f"--zip pairs values one to one, and {lengths}; give each as many as the others")
    return [dict(zip(values, point, strict=True)) for point in zip(*values.values(), strict=True)]


def from_file(path: Path, declared: Mapping[str, Parameter]) -> list[dict[str, Any]]:
    """One point a row of a CSV file whose header names parameters; an empty cell gives none.

    Raises
    ------
    UnknownName
        For a column that is no parameter.
    UsageError
        When the file cannot be read, or a row is not right, with its line.
    """
    rows = _rows(path)
    if not rows:
        raise UsageError(f"{path} is empty; its first line names parameters, each further line is one run")
    (line, names), *rest = rows
    for place, name in enumerate(names):
        if name not in declared:
            raise UnknownName("parameter", name, declared, where=f"{path}:{line}")
        if name in names[:place]:
            raise UsageError(f"{path}:{line} names the parameter {name!r} twice; keep one of the columns")
    points: dict[str, tuple[int, dict[str, Any]]] = {}
    for line, cells in rest:
        if len(cells) > len(names):
            raise UsageError(
                f"{path}:{line} has {len(cells)} cells where the header has {len(names)}; "
                "a value with a comma goes in double quotes"
            )
        try:
            given = {name: cell for name, cell in zip(names, cells, strict=False) if cell}
            point = {name: read_item(declared[name], cell) for name, cell in given.items()}
        except ParameterError as error:
            raise ParameterError(f"{path}:{line}: {error.message}") from None
        before, _ = points.setdefault(canonical(point), (line, point))
        if before != line:
            raise UsageError(f"{path}:{line} repeats line {before}; each row is one run: remove one of them")
    if not points:
        raise UsageError(f"{path} has no rows below its header; each is one run")
    return [point for _, point in points.values()]


def size(domains: Mapping[str, Domain]) -> int | None:
    """How many different points there are; None where a domain cannot be counted."""
    sizes = [domain.size for domain in domains.values()]
    return None if None in sizes else math.prod(number or 0 for number in sizes)


def sampled(domains: Mapping[str, Domain], count: int, seed: int) -> list[dict[str, Any]]:
    """Different points drawn at random, the same for the same seed.

    Parameters
    ----------
    domains : mapping
        Name to domain, in the order in which they are drawn.
    count : int
        How many; there are fewer, which is all, only where the domains hold fewer.
    seed : int
        From 0 on.

    Raises
    ------
    UsageError
        For a count below 1 or a seed below 0.
    """
    if count < 1 or seed < 0:
        raise UsageError(f"cannot draw {count} points with seed {seed}; give a count from 1, a seed from 0")
    import numpy as np

    uniform = np.random.Generator(np.random.PCG64(seed)).random
    total = size(domains)
    if total is not None and total <= 2 * count:
        # Rejecting what was drawn before would take ages towards the end. The smallest of exponential
        # waiting times are distributed likewise: Efraimidis and Spirakis, Inf. Process. Lett. 97 (2006).
        values = {name: [domain.nth(i) for i in range(domain.size or 0)] for name, domain in domains.items()}
        every = grid(values)
        waits = [-math.log1p(-uniform()) / _weight(domains, point) for point in every]
        return [every[i] for i in sorted(range(total), key=waits.__getitem__)[:count]]
    found: dict[str, dict[str, Any]] = {}
    misses = 0
    while len(found) < count and misses < _MISSES:
        point = {name: domain.at(uniform()) for name, domain in domains.items()}
        misses = misses + 1 if found.setdefault(canonical(point), point) is not point else 0
    return list(found.values())


def distributions(domains: Mapping[str, Domain]) -> dict[str, BaseDistribution]:
    """The domains as optuna has them; :func:`value_of` turns back what it suggests."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    found: dict[str, BaseDistribution] = {}
    for name, domain in domains.items():
        match domain:
            case Float():
                found[name] = FloatDistribution(domain.low, domain.high, domain.log, domain.step)
            case Int():
                found[name] = IntDistribution(domain.low, domain.high, domain.log, domain.step or 1)
            case Choice():
                found[name] = CategoricalDistribution([_stored(value, domain) for value in domain.values])
    return found


def value_of(domain: Domain, suggested: Any) -> Any:
    """The value that optuna means by what it suggested for one of :func:`distributions`."""
    match domain:
        case Choice():
            return read_back(suggested)
        case Float() if domain.step is not None:
            return domain.nth(round((suggested - domain.low) / domain.step))
    return int(suggested) if isinstance(domain, Int) else float(suggested)


def read_back(stored: Any) -> Any:
    """The value that one in optuna's store stands for, where its domain is not known any more."""
    if isinstance(stored, str) and stored.startswith(_AS_JSON):
        return json.loads(stored.removeprefix(_AS_JSON))
    return stored


def _stored(value: Any, choice: Choice) -> Any:
    """The value as optuna's stores keep it; it tells values by ``==``, which 1 and True are."""
    plain = value is None or isinstance(value, bool | int | float | str)
    if isinstance(value, float) and not math.isfinite(value):
        plain = False
    if isinstance(value, str) and value.startswith(_AS_JSON):
        plain = False
    return value if plain and choice.values.count(value) == 1 else _AS_JSON + canonical(value)


def _weight(domains: Mapping[str, Domain], point: Mapping[str, Any]) -> float:
    """How likely a point is to be drawn, against others of the same domains."""
    logs = [point[name] for name, domain in domains.items() if isinstance(domain, Int) and domain.log]
    return math.prod(math.log1p(1 / (value - 0.5)) for value in logs)


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """The rows of a CSV file that hold anything, each with the line that it begins on."""
    rows, line = list[tuple[int, list[str]]](), 0
    try:
        content = path.read_bytes()
        reader = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        for cells in reader:
            if cells:
                rows.append((line + 1, [cell.strip() for cell in cells]))
            line = reader.line_num
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}; name a CSV file of parameters") from None
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UsageError(f"{path}:{line} is not UTF-8; save the file as CSV UTF-8") from None
    except csv.Error as error:
        advice = "a cell with a comma or a quote goes in double quotes, and a quote in it is doubled"
        raise UsageError(f"{path}:{line + 1} is not CSV: {error}; {advice}") from None
    return rows
