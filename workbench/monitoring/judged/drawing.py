"""A sample of the champion's answers for people to judge: at random, of a slice, or the most uncertain."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.errors import UsageError
from workbench.monitoring.skew.sampling import LoggedSample
from workbench.serving.truth.recording import labelled
from workbench.store.judgements import DRAWS, Drawn

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

    from workbench.project import Project
    from workbench.serving.log.read import PredictionLog

__all__ = ["Answer", "Draw", "Sample", "draw"]

_MOST_ROWS = 1000
_ANSWER, _SCORE = "answer", "score."
_INPUT, _FEATURE = "input.", "feature."
_USER_GROUP = "user_group"


@dataclass(frozen=True)
class Draw:
    """How answers are drawn.

    Attributes
    ----------
    how : str
        ``random``; ``slice``, at random among the rows of one; or ``uncertain``, those nearest to being
        decided otherwise.
    slice : str
        ``column=value``, such as ``origin=JFK``, when a slice is drawn from.
    rows : int
        How many at most.
    seed : int
        Other seeds draw other rows; the same one draws the same as long as the log is the same.
    since, until : datetime, optional
        Only what was asked in ``[since, until)``; aware times.
    """

    how: Drawn = "random"
    slice: str = ""
    rows: int = 20
    seed: int = 0
    since: datetime | None = None
    until: datetime | None = None

    def __post_init__(self) -> None:
        if self.how not in DRAWS:
            raise UsageError(f"{self.how!r} is no way to draw: {', '.join(DRAWS)}")
        if not 1 <= self.rows <= _MOST_ROWS:
            raise UsageError(f"{self.rows} rows cannot be drawn: 1 to {_MOST_ROWS}")
        if self.how == "slice" and not all(part.strip() for part in self.slice.partition("=")):
            raise UsageError(f"a slice is a column and its value, such as origin=JFK, not {self.slice!r}")

    def __str__(self) -> str:
        if self.how == "uncertain":
            return f"the {self.rows} most uncertain"
        return f"{self.rows} at random" + (f" of {self.slice}" if self.how == "slice" else "")


@dataclass(frozen=True)
class Answer:
    """An answer as it is shown to be judged.

    Attributes
    ----------
    score : float
        NaN where the model gave none.
    decided : str
        What that comes to, such as ``late`` or ``not late``; empty of a regressor's.
    inputs, features : dict
        By name, as they were logged, without those that ``[serving] personal`` names.
    slices : dict
        Column to value, of the model's groups and of who asked.
    truth : str
        What turned out, in the words of ``decided``; empty while nobody knows. Not to be shown before it is
        judged.
    """

    prediction_id: str
    asked_at: datetime
    version: int
    score: float
    decided: str
    inputs: dict[str, Any] = field(default_factory=dict)
    features: dict[str, Any] = field(default_factory=dict)
    slices: dict[str, str] = field(default_factory=dict)
    truth: str = field(default="", repr=False)


@dataclass(frozen=True)
class Sample:
    """What was drawn from the log of that name; ``hidden`` are personal columns that are left out."""

    log: str
    drawn: Draw
    answers: tuple[Answer, ...]
    hidden: tuple[str, ...] = ()


def draw(project: Project, log: PredictionLog, name: str, how: Draw) -> Sample:
    """Draw from a log what the champion answered, in bounded memory.

    Parameters
    ----------
    name : str
        Of the log, by which ground truth is filed.

    Raises
    ------
    UsageError
        A slice's column is not logged, or personal.
    ServingError
        The log cannot be read.
    """
    column = how.slice.partition("=")[0].strip() if how.how == "slice" else ""
    personal = project.config.serving.personal
    if column in personal:
        raise UsageError(f"{column!r} is personal ([serving] personal): nobody is shown who belongs to it")
    tables = log.batches(how.since, how.until, role="champion")
    if how.how == "uncertain":
        frame = _most_uncertain(tables, how.rows, project.config.gates.threshold)
    else:
        drawn = LoggedSample(how.rows, how.seed)
        for table in _of_slice(tables, how.slice) if column else tables:
            drawn.add(table)
        frame = drawn.frame()
    if frame.empty:
        return Sample(name, how, ())
    told = labelled(project, name, frame.drop_duplicates("prediction_id", keep="last"))
    rows: list[dict[str, Any]] = [
        {str(name): cell for name, cell in row.items()} for row in told.to_dict("records")
    ]
    answers = tuple(_answer(project, row) for row in rows)
    logged = {each.removeprefix(_INPUT) for each in frame.columns}
    return Sample(name, how, answers, tuple(each for each in personal if each in logged))


def text(value: Any) -> str:
    """A logged value as one tells a slice by it: 3, not 3.0; empty where there is none."""
    if value is None or value != value:  # NaN, NaT
        return ""
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        return str(int(value))
    return str(value)


def _places(column: str) -> tuple[str, ...]:
    return f"{_INPUT}{column}", f"{_FEATURE}{column}", column


def _of_slice(tables: Iterator[pa.Table], of: str) -> Iterator[pa.Table]:
    """The rows of a slice; :class:`UsageError` when no row has such a column."""
    column, _, wanted = (part.strip() for part in of.partition("="))
    seen, known = False, set[str]()
    for table in tables:
        place = next((name for name in _places(column) if name in table.column_names), None)
        known.update(name for name in table.column_names if name.startswith((_INPUT, _FEATURE)))
        if place is None:
            continue
        seen = True
        rows = np.fromiter((text(cell) == wanted for cell in table[place].to_pylist()), bool, len(table))
        if rows.any():
            yield table.filter(rows)
    if known and not seen:
        names = sorted({name.partition(".")[2] for name in known})
        raise UsageError(f"no row of the log has a column {column!r}; there is: {', '.join(names[:20])}")


def _most_uncertain(tables: Iterator[pa.Table], rows: int, threshold: float) -> pd.DataFrame:
    """The rows nearest to being decided otherwise, the nearest first; those without a score are none."""
    import pandas as pd

    from workbench.serving.log.columns import combined

    kept: list[pa.Table] = []
    for table in tables:
        distance = _distance(table, threshold)
        near = np.argsort(distance, kind="stable")[:rows]
        near = near[np.isfinite(distance[near])]
        kept.append(table.take(near))
        if len(kept) > 16:
            kept = [_nearest(combined(kept), rows, threshold)]
    if not kept:
        return pd.DataFrame()
    frame: pd.DataFrame = _nearest(combined(kept), rows, threshold).to_pandas()
    return frame


def _nearest(table: pa.Table, rows: int, threshold: float) -> pa.Table:
    return table.take(np.argsort(_distance(table, threshold), kind="stable")[:rows])


def _distance(table: pa.Table, threshold: float) -> NDArray[np.float64]:
    """How far each answer is from another one: from the threshold, or the first class from the second."""
    names = [name for name in table.column_names if name.startswith(_SCORE)]
    score: NDArray[np.float64] = np.abs(_numbers(table, "score") - threshold)
    if len(names) < 2:
        return score
    every = np.sort(np.column_stack([_numbers(table, name) for name in names]), axis=1)
    return np.where(np.isfinite(every).sum(axis=1) > 1, _margin(every), score)


def _margin(ordered: NDArray[np.float64]) -> NDArray[np.float64]:
    """Between the two highest finite values of each row, which NaN stand behind."""
    last = np.maximum(np.isfinite(ordered).sum(axis=1) - 1, 1)
    rows = np.arange(len(ordered))
    margin: NDArray[np.float64] = ordered[rows, last] - ordered[rows, last - 1]
    return margin


def _numbers(table: pa.Table, name: str) -> NDArray[np.float64]:
    """The values of a column; NaN for whatever is no finite number."""
    values: NDArray[np.float64] = table[name].to_numpy().astype(np.float64)
    return np.where(np.isfinite(values), values, np.nan)


def _answer(project: Project, row: dict[str, Any]) -> Answer:
    personal = {f"{_INPUT}{name}" for name in project.config.serving.personal}
    score = float("nan") if row["score"] is None else float(row["score"])

    def under(prefix: str) -> dict[str, Any]:
        mine = {name: cell for name, cell in row.items() if name.startswith(prefix) and name not in personal}
        return {name.removeprefix(prefix): cell for name, cell in mine.items()}

    return Answer(
        prediction_id=str(row["prediction_id"]),
        asked_at=row["asked_at"].to_pydatetime(),
        version=int(row["model_version"]),
        score=score,
        decided=_decided(project, score, text(row.get(_ANSWER))),
        inputs=under(_INPUT),
        features=under(_FEATURE),
        slices=_slices(project, row, personal),
        truth=text(row["truth_label"]) or _in_words(project, row["truth"], row),
    )


def _decided(project: Project, score: float, answered: str) -> str:
    """What the model decided: the class that it answered, or whether the score reaches the threshold."""
    objective = project.config.objective
    if answered or objective is None or not math.isfinite(score):
        return answered
    return objective.target if score >= project.config.gates.threshold else f"not {objective.target}"


def _in_words(project: Project, truth: float, row: dict[str, Any]) -> str:
    """What turned out as :func:`_decided` says it."""
    objective = project.config.objective
    if truth in (0.0, 1.0) and objective is not None and not text(row.get(_ANSWER)):
        return objective.target if truth else f"not {objective.target}"
    return text(truth)


def _slices(project: Project, row: dict[str, Any], personal: set[str]) -> dict[str, str]:
    model, found = project.config.model, {}
    for column in model.groups if model is not None else ():
        if f"{_INPUT}{column}" not in personal:
            found[column] = next(filter(None, (text(row.get(place)) for place in _places(column))), "")
    found[_USER_GROUP] = text(row.get(_USER_GROUP))
    return {column: value for column, value in found.items() if value}
