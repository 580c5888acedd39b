"""What a new source of information adds: the champion's estimator, trained and judged with and without it.

Both learn from the same rows (of the dataset that the champion learnt from, all before its holdout) and are
judged on the same rows (its holdout). The interval of the difference is drawn by day, both on the same draws,
as that of a gate is. Nothing is written: no dataset, no version.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from workbench.data import sources
from workbench.data.tables import Tables
from workbench.errors import DataError, RegistryError, UsageError
from workbench.project import Project
from workbench.registry.card.rows import feature_names, holdout_rows, validation_of
from workbench.registry.gates.bootstrap import Interval, interval
from workbench.registry.gates.holdout import Holdout
from workbench.registry.gates.validation import more_than, plain
from workbench.registry.joining import joined
from workbench.registry.loading import load
from workbench.registry.versions import ModelVersion, champion, list_versions
from workbench.store.clock import Clock
from workbench.tracking.metrics import improvement
from workbench.tracking.models import positive_scores

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Trial", "trial"]

_NUMBERS = "iufb"  # NumPy's kinds of columns that an estimator takes as they are


@dataclass(frozen=True)
class Trial:
    """What a source added.

    Attributes
    ----------
    columns : tuple of str
        The feature columns that were made of it.
    known : float
        The share of rows for which it says anything.
    learnt, judged : int
        Rows.
    without, with_it : float
        The primary metric.
    gain : Interval
        Of the metric, above zero where it is better with the source.
    verdict : str
        ``adds`` or ``harms`` when the whole interval says so; ``no difference`` otherwise.
    """

    source: str
    version: int
    columns: tuple[str, ...]
    known: float
    learnt: int
    judged: int
    days: int
    metric: str
    without: float
    with_it: float
    gain: Interval
    verdict: Literal["adds", "harms", "no difference"]

    def __str__(self) -> str:
        told = {
            "adds": f"{self.source} adds something",
            "harms": f"{self.source} makes it worse",
            "no difference": f"{self.source} makes no difference that can be told",
        }
        return (
            f"{told[self.verdict]}: {self.metric} {self.with_it:.4f} with {', '.join(self.columns)}, "
            f"{self.without:.4f} without, a gain of {self.gain.value:+.4f} "
            f"[{self.gain.low:+.4f}, {self.gain.high:+.4f}] on {self.judged:,} rows of {self.days} days, "
            f"learnt from {self.learnt:,}; it says something about {self.known:.0%} of the rows"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"says": str(self), **plain(asdict(self))}


def trial(project: Project, source: str, features: str = "", *, clock: Clock, rounds: int = 1000) -> Trial:
    """Measure what a source adds to the champion (before there is one, to the newest version).

    Parameters
    ----------
    source : str
        A section ``[sources.NAME]``; it is pulled and checked, and not kept.
    features : str, optional
        ``module:function``, called with the prepared rows and the source; gives feature columns, indexed like
        the rows. It answers for it that nothing in them was known later than the row was asked about. By
        default they are the columns of the source, joined by its key.

    Raises
    ------
    RegistryError
        There is no version, or what it learnt from cannot be found.
    UsageError
        The model is not one that more columns can be given to.
    DataError
        The function gives no such columns, or they cannot be joined.
    """
    version = champion(project) or next(iter(list_versions(project)), None)
    if version is None:
        raise RegistryError("there is no version to try a source with: workbench run trains one")
    pulled = sources.load(project, source)
    sources.check(project, source, pulled, clock.now())
    names, objective = feature_names(version, project), project.objective
    before, after = _learnt_from(version, project, names), holdout_rows(version, project).frame
    made = [
        _made(project, features, rows, pulled) if features else joined(project, source, rows, pulled)
        for rows in (before, after)
    ]
    columns = tuple(map(str, made[0].columns))
    if taken := sorted(set(columns) & set(names)):
        raise DataError(f"{features} gives {taken[0]!r}, which is a feature already; give it another name")
    learnt, judged = (rows.join(new) for rows, new in zip((before, after), made, strict=True))
    asked = {"without": names, "with it": [*names, *columns]}
    scores = {}
    for which, inputs in asked.items():
        estimator = _estimator(version, project, made[0] if which == "with it" else None)
        estimator.fit(learnt[inputs], learnt[objective.target])
        scores[which] = positive_scores(estimator, judged[inputs])
    held = Holdout.of(
        judged,
        target=objective.target,
        time=objective.time,
        scores=scores,
        rounds=rounds,
        seed=0,
        metric=objective.primary_metric,
        threshold=project.config.gates.threshold,
    )
    without, with_it = held.measure("without"), held.measure("with it")
    more = improvement(held.metric, 1.0)
    gain = interval(more * (with_it[0] - without[0]), more * (with_it[1] - without[1]))
    return Trial(
        source=source,
        version=version.version,
        columns=columns,
        known=float(made[1].notna().any(axis=1).mean()),
        learnt=len(learnt),
        judged=len(held.y),
        days=held.days.count,
        metric=held.metric,
        without=without[0],
        with_it=with_it[0],
        gain=gain,
        verdict=_verdict(gain),
    )


def _verdict(gain: Interval) -> Literal["adds", "harms", "no difference"]:
    return (
        "harms"
        if gain.known and gain.high < 0
        else "adds"
        if more_than(gain, 0) == "passed"
        else "no difference"
    )


def _learnt_from(version: ModelVersion, project: Project, names: Sequence[str]) -> pd.DataFrame:
    """The labelled rows before its holdout, of the dataset version that it was trained from."""
    objective, tables = project.objective, Tables(project.data_uri)
    needed = {objective.time, objective.target, *names}
    for name, number in version.datasets.items():
        for dataset in tables.history(name):
            if dataset.version == number:
                frame = tables.read(dataset)
                if needed <= set(map(str, frame.columns)):
                    start = validation_of(version, project).start
                    earlier = frame[objective.time] < (version.trained_until if start is None else start)
                    return frame[earlier & frame[objective.target].notna()].reset_index(drop=True)
    raise RegistryError(
        f"{version}: no dataset that it was trained from holds {objective.time}, {objective.target} and its "
        f"features; it was trained from {version.datasets or 'nothing that is on record'}"
    )


def _made(project: Project, features: str, rows: pd.DataFrame, source: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    made = project.resolve(features)(rows, source)
    if not isinstance(made, pd.DataFrame) or not made.index.equals(rows.index) or made.columns.empty:
        raise DataError(f"{features} has to give a DataFrame of feature columns, indexed like its rows")
    return made


def _estimator(version: ModelVersion, project: Project, more: pd.DataFrame | None) -> Any:
    """Its estimator, not fitted; one that picks its columns is told of the new ones, too."""
    from sklearn.base import BaseEstimator, clone
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline

    loaded = load(version, project)
    if not isinstance(loaded, BaseEstimator):
        raise UsageError(
            f"{version} is a {type(loaded).__name__}: only a scikit-learn estimator can be trained anew"
        )
    estimator = clone(loaded)
    picks = estimator.steps[0][1] if isinstance(estimator, Pipeline) else None
    if more is not None and isinstance(picks, ColumnTransformer):
        picks.set_params(transformers=[*picks.transformers, *_transformers(more)])
    elif more is not None and _texts(more):
        raise UsageError(f"{version} takes its columns as they are, and {_texts(more)[0]!r} holds text")
    return estimator


def _transformers(more: pd.DataFrame) -> list[tuple[str, Any, list[str]]]:
    """Texts as codes, numbers as they are: what a tree takes; missing ones stay missing."""
    from sklearn.preprocessing import OrdinalEncoder

    texts = _texts(more)
    numbers = [str(name) for name in more.columns if name not in texts]
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=np.nan)
    found: list[tuple[str, Any, list[str]]] = []
    found += [("tried texts", codes, texts)] if texts else []
    return found + ([("tried numbers", "passthrough", numbers)] if numbers else [])


def _texts(more: pd.DataFrame) -> list[str]:
    return [str(name) for name in more.columns if getattr(more[name].dtype, "kind", "O") not in _NUMBERS]
