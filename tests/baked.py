"""A project with a good version and four that are bad in ways that their gates did not see.

Each answers its recorded cases, so that it can be promoted by force; what is wrong shows in what it is asked.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.unit.registry import small
from tests.unit.serving.log.batches import batch
from workbench.project import Project, open_project
from workbench.registry import versions
from workbench.registry.cases import record_cases
from workbench.registry.reference import scored
from workbench.serving import PredictionLog
from workbench.serving.log.sqlite import SqliteWriter
from workbench.serving.settings import LIVE_LOG, log_name
from workbench.tracking.models import positive_scores

__all__ = ["BAD", "FLIPPED", "GOOD", "RAISES", "SHIFTED", "SLOW", "answer", "asked", "log_of", "make_baked"]

#: Version numbers, in the order in which they are registered.
GOOD, SHIFTED, FLIPPED, SLOW, RAISES = 1, 2, 3, 4, 5
BAD = {SHIFTED: "shifted", FLIPPED: "flipped", SLOW: "slow", RAISES: "raises"}
INPUTS = small.FEATURES

_HELPERS = '''
"""Helpers of the baked project: features, and what is wrong with three of its models."""

import threading


def build(rows, memory, asked_at):
    return rows[["size", "age", "colour"]]


def shifted(rows):
    return rows.assign(size=rows["size"] + 3)


def slow(rows):
    threading.Event().wait(0.4)
    return rows


def raises(rows):
    if (rows["size"] > 1).any():
        raise ValueError("nothing of that size was seen")
    return rows
'''
_TRUSTED = [f"baked_helpers.{name}" for name in ("shifted", "slow", "raises")]


def make_baked(root: Path, baking: str = "", *, database: str = "", bad: tuple[int, ...] = ()) -> Project:
    """The project, with the good version registered and those of ``bad``; nobody is champion yet.

    Parameters
    ----------
    baking : str
        What ``[baking]`` holds.
    """
    project = small.small_project(root, database=database, trusted=tuple(_TRUSTED))
    (root / "notebooks" / "baked_helpers.py").write_text(_HELPERS)
    config = root / "workbench.toml"
    text = config.read_text().replace("helpers:build", "baked_helpers:build")
    config.write_text(text.replace('target = "y"\ntime = "x"', 'target = "late"\ntime = "asked_at"'))
    with config.open("a") as more:
        more.write(f"\n[baking]\n{baking}\n")
    project = open_project(root)
    run = small.start(project)
    for version in (GOOD, *bad):
        _register(run, _model(project, version))
    return project


def _model(project: Project, version: int) -> Any:
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer

    good = small.estimator()
    if version == GOOD:
        return good
    if version == FLIPPED:
        from sklearn.base import clone

        rows = small.rows()
        return clone(good).fit(rows[small.FEATURES], ~rows["late"])
    wrong: Callable[..., Any] = project.resolve(f"baked_helpers:{BAD[version]}")
    return Pipeline([("wrong", FunctionTransformer(wrong)), *good.steps])


def _register(run: small.Run, model: Any) -> None:
    """Validated as the good version is, and recorded with what it answers to rows that it can answer."""
    rows, good = small.rows(), positive_scores(small.estimator(), small.rows()[small.FEATURES])
    small_ones = rows[rows["size"] <= 0]
    cases = record_cases(
        small_ones,
        positive_scores(model, small_ones[small.FEATURES]),
        inputs=INPUTS,
        features=small.FEATURES,
        count=8,
    )
    reference = scored(rows[small.FEATURES], good)
    made = versions.register(run, small.train(run, model), small.validation(), cases, reference=reference)
    assert made is not None


def asked(count: int, seed: int = 0) -> pd.DataFrame:
    """Raw rows with what turns out to be true of them."""
    return small.rows().sample(count, replace=True, random_state=seed)[[*INPUTS, "late"]]


def log_of(project: Project) -> tuple[PredictionLog, str]:
    """The live log and its name."""
    folder = project.state / LIVE_LOG
    return PredictionLog(folder), log_name(project, folder)


def answer(
    project: Project,
    version: int,
    start: datetime,
    *,
    seconds: float = 60.0,
    scores: Any = None,
    rows: int = 100,
    failed: int = 0,
    latency_ms: float = 2.0,
    together: int = 1,
) -> list[str]:
    """Write answers of a champion into the live log, evenly from ``start`` on; their ids.

    Parameters
    ----------
    together : int
        Rows of a request.
    """
    folder = project.state / LIVE_LOG
    folder.mkdir(parents=True, exist_ok=True)
    given = positive_scores(small.estimator(), asked(rows)[small.FEATURES]) if scores is None else scores
    writer = SqliteWriter(folder, "test")
    try:
        ids = [f"v{version}-{start:%d%H%M%S}-{number}" for number in range(len(given))]
        batches = [_batch(version, ids, start, seconds, given, latency_ms, together)]
        if failed:
            lost = np.full(failed, np.nan)
            names = [f"{name}-failed" for name in (ids * (1 + failed // max(1, len(ids))))[:failed]]
            batches.append(_batch(version, names, start, seconds, lost, latency_ms, together, "ValueError"))
        writer.append([each for each in batches if len(each.prediction_ids)])
    finally:
        writer.close()
    return ids


def _batch(
    version: int,
    ids: list[str],
    start: datetime,
    seconds: float,
    scores: Any,
    latency_ms: float,
    together: int,
    error: str = "",
) -> Any:
    moments = [start + timedelta(seconds=seconds * at / len(ids)) for at in range(len(ids))]
    return batch(
        0,
        rows=len(ids),
        version=version,
        prediction_ids=ids,
        request_ids=[f"{ids[0]}+{at // together}" for at in range(len(ids))],
        asked_at=np.array([moment.replace(tzinfo=None) for moment in moments], "datetime64[us]"),
        latency_ms=np.full(len(ids), latency_ms, "float32"),
        inputs={},
        features={},
        classes=() if error else ("0", "1"),
        outputs=np.asarray(scores) if error else np.column_stack([1 - scores, scores]),
        error=error,
    )
