"""Columns that drift more or less, and what Evidently's own preset says about them."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["CATEGORIES", "NUMBERS", "Verdict", "by_evidently", "pairs"]

_Random = np.random.Generator
# Draws rows; a shift of 1 moves by about a standard deviation, or by as much as a category can.
_Draw = Callable[[_Random, int, float], Any]


@dataclass(frozen=True)
class Verdict:
    """What Evidently says about a column; the score is NaN where it could not tell."""

    method: str
    score: float
    drifted: bool


def _text(values: Any) -> Any:
    return np.char.mod("n%d", values).astype(object)


def _categories(random: _Random, count: int, shift: float, shares: Sequence[float]) -> Any:
    """Categories of which some of the most common turn into the next one."""
    base = np.array(shares) / np.sum(shares)
    moved = np.roll(base, 1)
    return _text(random.choice(len(base), count, p=(1 - shift) * base + shift * moved))


def _rare(random: _Random, count: int, shift: float) -> Any:
    found = _categories(random, count, shift, [100, 50, 20, 5, 0.2, 0.1, 0.05])
    found[random.random(count) < shift / 50] = "new"
    return found


def _holed(values: Any, random: _Random, hole: Any = np.nan) -> Any:
    return np.where(random.random(len(values)) < 0.05, hole, values)


NUMBERS: Mapping[str, _Draw] = {
    "normal": lambda r, n, s: r.normal(s, 1, n),
    "wider": lambda r, n, s: r.normal(0, 1 + s, n),
    "uniform": lambda r, n, s: r.uniform(s, 3.5 + s, n),
    "exponential": lambda r, n, s: r.exponential(1 + s, n),
    "log-normal": lambda r, n, s: r.lognormal(s, 1.5, n),
    "Pareto": lambda r, n, s: (r.pareto(2.1, n) + 1) * (1 + s),
    "Cauchy": lambda r, n, s: r.standard_cauchy(n) + s,
    "bimodal": lambda r, n, s: r.normal(np.where(r.random(n) < 0.5 + s / 3, -4, 4), 1),
    "beta, as scores are": lambda r, n, s: r.beta(2, 5 - s, n),
    "mostly zero": lambda r, n, s: np.where(r.random(n) < 0.9 - s / 10, 0.0, r.gamma(2, 2, n)),
    "rounded money": lambda r, n, s: np.round(r.lognormal(3 + s / 2, 1, n), 2),
    "counts": lambda r, n, s: r.poisson(4 + 2 * s, n),
    "geometric": lambda r, n, s: r.geometric(0.2 / (1 + s), n),
    "hours": lambda r, n, s: (r.normal(12, 4, n) + 4 * s).astype(int) % 24,
    "six values": lambda r, n, s: r.binomial(5, min(0.4 + s / 4, 1), n),
    "five values": lambda r, n, s: r.binomial(4, min(0.4 + s / 4, 1), n),
    "three values": lambda r, n, s: r.binomial(2, min(0.4 + s / 4, 1), n) * 0.1,
    "a flag": lambda r, n, s: r.binomial(1, min(0.3 + s / 4, 1), n),
    "five, and more in the window": lambda r, n, s: r.integers(0, 5 + (s > 0.2), n),
    "constant": lambda r, n, s: np.full(n, 3.0),
    "constant, then another": lambda r, n, s: np.full(n, 3.0 + (s > 0)),
    "large, in a narrow band": lambda r, n, s: 1e9 + r.normal(s, 1, n),
    "tiny": lambda r, n, s: 1e-5 * r.normal(s, 1, n),
    "with holes": lambda r, n, s: _holed(r.normal(s, 1, n), r),
    "with infinities": lambda r, n, s: _holed(r.normal(s, 1, n), r, -np.inf),
    "an outlier": lambda r, n, s: np.append(r.normal(s, 1, n - 1), 1e4),
}
CATEGORIES: Mapping[str, _Draw] = {
    "two": lambda r, n, s: _categories(r, n, s / 2, [3, 1]),
    "three": lambda r, n, s: _categories(r, n, s / 2, [3, 2, 1]),
    "ten": lambda r, n, s: _categories(r, n, s / 2, range(10, 0, -1)),
    "rare ones": lambda r, n, s: _rare(r, n, s / 2),
    "sixty, by Zipf": lambda r, n, s: _categories(r, n, s / 2, [1 / k for k in range(1, 61)]),
    "hundreds": lambda r, n, s: _categories(r, n, s / 2, [1 / (9 + k) for k in range(400)]),
    "one": lambda r, n, s: _text(np.zeros(n, int)),
    "one, then another": lambda r, n, s: _text(np.full(n, int(s > 0))),
    "with holes": lambda r, n, s: _holed(_categories(r, n, s / 2, [3, 2, 1]), r, None),
}


def pairs(
    reference_rows: int, window_rows: int, shifts: Sequence[float], seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A reference and a window with a column for each shape and shift; the window's have moved."""
    random = np.random.default_rng(seed)
    before, now = {}, {}
    for kind, name, draw in _shapes():
        for shift in shifts:
            column = f"{kind}, {name}, shift {shift:g}"
            before[column] = pd.Series(draw(random, reference_rows, 0.0))
            now[column] = pd.Series(draw(random, window_rows, shift))
    return pd.DataFrame(before), pd.DataFrame(now)


def _shapes() -> Iterator[tuple[str, str, _Draw]]:
    for kind, shapes in (("number", NUMBERS), ("category", CATEGORIES)):
        for name, draw in shapes.items():
            yield kind, name, draw


def by_evidently(before: pd.DataFrame, now: pd.DataFrame) -> dict[str, Verdict]:
    """Evidently's ``DataDriftPreset`` with all its defaults."""
    os.environ.setdefault("DO_NOT_TRACK", "1")
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    numeric = [name for name in before if pd.api.types.is_numeric_dtype(before[name].dtype)]
    categorical = [name for name in before if name not in numeric]
    definition = DataDefinition(numerical_columns=numeric, categorical_columns=categorical)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = (
            Report([DataDriftPreset()], include_tests=True)
            .run(Dataset.from_pandas(now, definition), Dataset.from_pandas(before, definition))
            .dict()
        )
    failed = {
        item["metric_config"]["params"]["column"]: item["status"].value == "FAIL"
        for item in found["tests"]
        if item["id"] == "drift"
    }
    return {
        config["column"]: Verdict(config["method"], float(item["value"]), failed[config["column"]])
        for item in found["metrics"]
        if "column" in (config := item["config"])
    }
