"""Logged rows compared with what the training path makes of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from workbench.errors import WorkbenchError
from workbench.monitoring.skew.comparing import Compared, differs, shown, values_of
from workbench.monitoring.skew.result import FeatureSkew, SkewResult
from workbench.monitoring.skew.training import TrainingPath
from workbench.project import Project
from workbench.registry import cases

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["measure_skew"]

# Some data always arrives late; of a feature of which no more rows differ, and only for that, nobody is told.
_LATE_SHARE = 0.01
# Reading memory datasets as they were takes as long as reading them as they are.
_MOST_VERSIONS = 5


def measure_skew(
    project: Project, logged: pd.DataFrame, training: Callable[[], TrainingPath] | None = None
) -> SkewResult:
    """Compare what was served with what the training path makes of the same rows.

    Parameters
    ----------
    logged : DataFrame
        Rows of one version, as :func:`~workbench.monitoring.skew.sample_logged` gives them:
        ``prediction_id``, ``asked_at``, ``datasets``, raw inputs as ``input.NAME``, features as
        ``feature.NAME``.
    training : callable, optional
        The training path, for who has one already.
    """
    served = cases.features(logged) if len(logged) else None
    if served is None or served.columns.empty:
        return _nothing(logged, "the log has no features of these rows")
    if cases.inputs(logged).columns.empty:
        return _nothing(logged, "the log has no raw inputs of these rows")
    try:
        path = training() if training else TrainingPath(project)
        trained = path(logged)
    except WorkbenchError as error:
        return replace(_nothing(logged, f"the training path is not there: {error.message}"), untried=True)
    except Exception as error:  # a project's modules may raise anything
        return _nothing(logged, f"the training path raises {type(error).__name__}: {error}"[:200])
    unbuilt = len(logged) - len(trained.features)
    note = ""
    if unbuilt:
        note = f"the training path could not build {unbuilt:,} of {len(logged):,} rows: {trained.problem}"
    if unbuilt == len(logged):
        return _nothing(logged, note, unbuilt)
    personal = [name for name in project.config.serving.personal if cases.INPUT + name in logged]
    rows, served = logged.iloc[trained.features.index], served.iloc[trained.features.index]
    names = dict.fromkeys([*served.columns, *trained.features.columns])
    compared = [Compared.of(name, served, trained.features) for name in names]
    causes = _causes(project, path, rows, compared)
    judgements = tuple(
        _with_personal(_judged(item, cause, rows), path, personal)
        for item, cause in zip(compared, causes, strict=True)
    )
    return SkewResult(judgements, len(logged), unbuilt, note)


def _causes(
    project: Project, path: TrainingPath, rows: pd.DataFrame, compared: Sequence[Compared]
) -> list[tuple[int, int]]:
    """For each feature, of how many rows that differ the cause is later data, and of how many the code."""
    later, code = np.zeros(len(compared), dtype=int), np.zeros(len(compared), dtype=int)
    differing = np.any([item.differs for item in compared], axis=0)
    then = rows["datasets"] if "datasets" in rows else rows["prediction_id"].map(lambda _: None)
    for text in then[differing].value_counts().index[:_MOST_VERSIONS]:
        memory = _versions(text)
        places = np.flatnonzero(differing & (then == text).to_numpy())
        if any(name not in memory for name in project.model.memory):
            continue
        if {name: memory[name] for name in project.model.memory} == path.memory:
            code += [int(item.differs[places].sum()) for item in compared]
            continue
        again = _as_it_was(project, memory, rows.iloc[places])
        if again is None:
            continue
        for number, item in enumerate(compared):
            if not item.lacking and item.name in again:
                built = again.index.to_numpy()
                still = differs(item.served[places][built], values_of(again[item.name]))
                before = item.differs[places][built]
                later[number] += int((before & ~still).sum())
                code[number] += int((before & still).sum())
    return list(zip(later.tolist(), code.tolist(), strict=True))


def _as_it_was(project: Project, memory: dict[str, int], rows: pd.DataFrame) -> pd.DataFrame | None:
    """The features with memory datasets of these versions; None when they cannot be had any more."""
    try:
        return TrainingPath(project, memory)(rows).features
    except Exception:  # such as a version that was removed
        return None


def _versions(text: str) -> dict[str, int]:
    parts = (part.rpartition("=") for part in text.split())
    return {name: int(version) for name, _, version in parts if version.isdigit()}


def _judged(item: Compared, cause: tuple[int, int], rows: pd.DataFrame) -> FeatureSkew:
    if item.lacking:
        return FeatureSkew(item.name, note=f"{item.lacking} does not have it")
    later, code = cause
    differing = int(item.differs.sum())
    found = FeatureSkew(item.name, len(rows), differing, later=later, code=code, verdict="equal")
    if not differing:
        return found
    sizes = item.sizes
    worst = int(np.argmax(np.where(item.differs, np.nan_to_num(sizes, nan=-1.0), -2.0)))
    known = sizes[item.differs & np.isfinite(sizes)]
    late = later == differing and found.share <= _LATE_SHARE
    reasons = ((later, "data arrived later"), (code, "the code differs"))
    parts = [f"{count:,} because {why}" for count, why in reasons if count]
    if unknown := differing - later - code:
        parts.append(f"{unknown:,} for reasons that are not known")
    return replace(
        found,
        largest=float(known.max()) if len(known) else float("nan"),
        verdict="equal" if late else "skewed",
        note=f"{differing:,} of {len(rows):,} rows differ: {', '.join(parts)}",
        prediction_id=str(rows["prediction_id"].iloc[worst]),
        served=shown(item.served[worst]),
        training=shown(item.training[worst]),
    )


def _with_personal(found: FeatureSkew, path: TrainingPath, personal: Sequence[str]) -> FeatureSkew:
    """A feature of which the log holds no inputs cannot be computed again, however it looks."""
    for name in personal:
        depends = path.depends(found.feature, name)
        if depends or (depends is None and found.differing):
            may = "is" if depends else "may be"
            note = f"it {may} made of {name!r}, which is personal and not in the log"
            return FeatureSkew(found.feature, found.rows, note=note)
    return found


def _nothing(logged: pd.DataFrame, note: str, unbuilt: int = 0) -> SkewResult:
    names = cases.features(logged).columns if len(logged.columns) else ()
    return SkewResult(tuple(FeatureSkew(str(name), note=note) for name in names), len(logged), unbuilt, note)
