"""Rows to fit on, and rows that are hard to answer."""

from __future__ import annotations

import functools
import warnings
from typing import Any

import joblib
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.registry.compile import Columns, Compiled, columns_of, compile_model, frame_of

NUMBERS = ["size", "age", "hour", "wind", "price"]
CATEGORIES = ["colour", "town"]
COLOURS = ["red", "green", "blue", "grey"]
HARD = 2000


@functools.cache
def rows(count: int = 800, seed: int = 0) -> pd.DataFrame:
    """Five numbers, two of them with gaps, and two categories, one of them with gaps and rare towns."""
    random = np.random.default_rng(seed)
    towns = [f"town {number}" for number in range(30)]
    weights = 1 / np.arange(1, 31)
    frame = pd.DataFrame(
        {
            "size": random.normal(size=count),
            "age": np.where(random.random(count) < 0.2, np.nan, random.exponential(10, count)),
            "hour": random.integers(0, 24, count).astype(float),
            "wind": np.where(random.random(count) < 0.05, np.nan, random.normal(5, 3, count).round(1)),
            "price": random.lognormal(3, 2, count),
            "colour": pd.Series(random.choice(COLOURS, count, p=[0.5, 0.3, 0.15, 0.05]), dtype="str"),
            "town": pd.Series(random.choice(towns, count, p=weights / weights.sum()), dtype="str"),
        }
    )
    frame.loc[random.random(count) < 0.1, "town"] = None
    return frame


@functools.cache
def target(classes: int = 2) -> NDArray[Any]:
    """Classes by name, or with 0 a number."""
    frame, random = rows(), np.random.default_rng(1)
    number = frame["size"] + (frame["colour"] == "red") - 0.1 * frame["wind"].fillna(9) + frame["hour"] / 12
    number = (number + random.normal(size=len(frame))).to_numpy()
    if not classes:
        return number
    names = np.array([f"class {place}" for place in range(classes)])
    return names[np.digitize(number, np.quantile(number, np.linspace(0, 1, classes + 1)[1:-1]))]


def hard(*, finite: bool = False, known: bool = False, seed: int = 2) -> pd.DataFrame:
    """Random rows, a good part of them with extreme, missing or unknown values."""
    random = np.random.default_rng(seed)
    frame = rows(HARD, seed).copy()
    odd = [0.0, -0.0, -1.0, 1e-310, 1e30, -1e30, 16777217.0, 0.1 + 0.2]
    odd += [] if finite else [np.nan, np.inf, -np.inf, 1e39, 1.7e308, -1.7e308]
    for name in NUMBERS:
        chosen = random.random(HARD) < 0.15
        frame.loc[chosen, name] = random.choice(odd, chosen.sum())
    if not known:
        for name in CATEGORIES:
            chosen = random.random(HARD) < 0.15
            frame[name] = frame[name].where(~chosen, random.choice(["", "nowhere", "nan", "Red"], HARD))
            frame.loc[random.random(HARD) < 0.05, name] = None
    return frame


def asked(estimator: Any, columns: Columns) -> NDArray[np.float64]:
    """What the plain path answers."""
    ask = estimator.predict_proba if hasattr(estimator, "predict_proba") else estimator.predict
    with warnings.catch_warnings(), joblib.parallel_config(backend="sequential"):
        warnings.simplefilter("ignore")
        return np.asarray(ask(frame_of(columns)), dtype=np.float64)


def compare(estimator: Any, frame: pd.DataFrame, **options: Any) -> Compiled:
    """Compile, and hold it to the plain path: all rows at once, few at once, and one by one."""
    compiled = compile_model(estimator, **options)
    columns = columns_of(frame)
    together = compiled(columns, len(frame))
    for row in range(0, len(frame), 8):
        alone = compiled({name: values[row : row + 1] for name, values in columns.items()}, 1)
        # Not to the last bit: the order in which softmax adds up depends on how many rows there are.
        np.testing.assert_allclose(alone[0], together[row], rtol=1e-12, atol=1e-12)
    for begin, end in ((0, len(frame)), (0, 7), (7, 72), *((row, row + 1) for row in range(72, 76))):
        part = {name: values[begin:end] for name, values in columns.items()}
        found, expected = compiled(part, end - begin), asked(estimator, part)
        if compiled.exact:
            np.testing.assert_array_equal(found, expected)
        else:
            np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    return compiled
