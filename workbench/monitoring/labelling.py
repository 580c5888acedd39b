"""Rows put on a queue: of a dataset, or of the prediction log, those that alerts are about among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.data.labels import choosing, queues
from workbench.data.labels.model import Choice, How, NewRow
from workbench.errors import DataError, UsageError
from workbench.monitoring import alerts as alerting
from workbench.monitoring.alerts import Alert
from workbench.project import Project
from workbench.registry.cases import FEATURE
from workbench.registry.identity import identify
from workbench.serving.labelling.choosing import Predictions
from workbench.serving.log.read import PredictionLog
from workbench.store.clock import Clock, project_clock
from workbench.store.database import open_database
from workbench.store.standing import UNSERVED

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["Asked", "Filled", "by_alerts", "fill"]

_FEATURES = ("drift.feature.", "drift.missing.", "skew.feature.", "trend.feature.")


@dataclass(frozen=True)
class Asked:
    """What is to be put on a queue.

    Attributes
    ----------
    queue : str
        Its name; it is made if there is none.
    how, count
        Which rows, and how many at most.
    dataset : str
        ``NAME`` or ``NAME@VERSION``; if it is empty, the rows are from ``log``.
    log, log_name
        A prediction log, and the name under which its ground truth is filed.
    columns : tuple of str
        What annotators see, by default all that they may.
    unknown_only : bool
        Only predictions whose outcome is not known yet.
    choices, question
        The labels there are, and what is asked; by default those of the queue, else of the objective.
    """

    queue: str
    how: How = "random"
    count: int = 100
    dataset: str = ""
    log: PredictionLog | None = None
    log_name: str = ""
    columns: tuple[str, ...] = ()
    unknown_only: bool = False
    choices: tuple[Choice, ...] = ()
    question: str = ""


@dataclass(frozen=True)
class Filled:
    """What was put on a queue: ``added`` rows, ``doubled`` of them for two people; ``known`` were there."""

    queue: str
    batch: int
    added: int
    doubled: int
    known: int
    rows: int
    guidelines: int
    source: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        known = f", {self.known} were there already" if self.known else ""
        added = f"{self.added} rows added ({self.doubled} of them for two people){known}"
        return f"queue {self.queue}: {self.rows} rows, guidelines v{self.guidelines}; {added}"


def fill(
    project: Project,
    asked: Asked,
    *,
    double_rate: float | None = None,
    seed: int = 0,
    guidelines: str = "",
    clock: Clock | None = None,
) -> Filled:
    """Choose rows and put those on a queue that are not there yet.

    Parameters
    ----------
    double_rate : float, optional
        The share that two people label (default: ``[labelling] double_rate``).
    seed : int
        Of all that is drawn: the same rows again with the same seed.
    guidelines : str
        Markdown: what people are to go by.

    Raises
    ------
    UsageError
        It cannot be asked for like that.
    DataError
        There are no such rows.
    """
    database = open_database(project)
    with database.read() as connection:
        there = {each.name: each for each in queues.listed(connection, project.name)}.get(asked.queue)
    choices = asked.choices or (there.choices if there else choosing.usual_choices(project))
    question = asked.question or (there.question if there else _question(project))
    rows, source = _rows(project, asked, seed)
    rate = project.config.labelling.double_rate if double_rate is None else double_rate
    with database.write() as connection:
        by, now = identify(connection), (clock or project_clock()).now()
        queue = queues.make(connection, project.name, asked.queue, question, choices, by=by, at=now)
        batch = queues.add_rows(
            connection, queue, rows, source=source, how=asked.how, double_rate=rate, seed=seed, by=by, at=now
        )
        if guidelines:
            queues.revise_guidelines(connection, queue, guidelines, by=by, at=now)
        version = queues.guidelines(connection, queue).version
        total = queues.row_count(connection, queue)
    doubled, known = round(rate * batch.rows), len(rows) - batch.rows
    return Filled(queue.name, batch.number, batch.rows, doubled, known, total, version, source)


def _question(project: Project) -> str:
    objective = project.config.objective
    return f"Which is it: {objective.target}, or not?" if objective else ""


def _rows(project: Project, asked: Asked, seed: int) -> tuple[list[NewRow], dict[str, Any]]:
    """The rows, and where they are from."""
    if asked.dataset:
        if asked.how != "random" or asked.unknown_only:
            raise UsageError(
                "rows of a dataset are chosen at random: uncertainty, disagreement, alerts and what is not "
                "known yet are about predictions; leave the dataset out"
            )
        version = choosing.dataset_version(project, asked.dataset)
        rows = choosing.of_dataset(project, version, asked.count, asked.columns, seed=seed)
        where = {"dataset": version.name, "version": version.version, "content": version.content}
        return rows, {**where, "columns": list(asked.columns)}
    if asked.log is None:
        raise UsageError("name a dataset or a prediction log to take rows from")
    predictions = Predictions(project, asked.log, asked.log_name, asked.columns, asked.unknown_only)
    source: dict[str, Any] = {"log": asked.log_name, "columns": list(asked.columns)}
    if asked.how == "uncertainty":
        return predictions.uncertainty(asked.count), source
    if asked.how == "disagreement":
        return predictions.disagreement(asked.count), source
    if asked.how == "random":
        return predictions.random(asked.count, seed=seed), source
    with open_database(project).read() as connection:
        found = alerting.read(connection, asked.log_name, only_open=True)
    rows, named = by_alerts(predictions, found, asked.count, seed=seed)
    return rows, {**source, "alerts": named}


def by_alerts(
    predictions: Predictions, alerts: Sequence[Alert], count: int, *, seed: int
) -> tuple[list[NewRow], list[int]]:
    """Predictions from the windows that alerts name, as many of each alert as of any other.

    Of an alert about a feature those come first whose value is the most unusual, by what was asked before; of
    any other they are drawn.

    Returns
    -------
    list of NewRow
    list of int
        The ids of the alerts.

    Raises
    ------
    DataError
        There is no alert, or nothing was asked in their windows.
    """
    # One on what is served says nothing of what was answered.
    alerts = [each for each in alerts if each.signal != UNSERVED]
    if not alerts:
        raise DataError(f"no alert about {predictions.log_name} is open; workbench monitor raises them")
    answered = predictions.answered()
    share = -(-count // len(alerts))
    rows: dict[object, NewRow] = {}
    for alert in alerts:
        inside = (answered["asked_at"] >= alert.first_start) & (answered["asked_at"] < alert.last_end)
        found = _ordered(predictions, alert, answered[inside], seed)[: share + len(rows)]
        why = f"alert {alert.id}: {alert.rule}, {alert.signal}"
        new = [
            each
            for each in (predictions.rows(found, why) if len(found) else [])
            if each.reference["prediction_id"] not in rows
        ]
        rows |= {each.reference["prediction_id"]: each for each in new[:share]}
    if not rows:
        raise DataError(
            f"nothing was asked in the windows of the {len(alerts)} alerts on {predictions.log_name}"
        )
    return list(rows.values())[:count], [alert.id for alert in alerts]


def _ordered(predictions: Predictions, alert: Alert, found: pd.DataFrame, seed: int) -> pd.DataFrame:
    drawn = found.sample(frac=1, random_state=seed)
    begins = next((each for each in _FEATURES if alert.signal.startswith(each)), None)
    if begins is None or drawn.empty:
        return drawn
    column = f"{FEATURE}{alert.signal.removeprefix(begins)}"
    logged = predictions.log.read(
        end=alert.last_end, role="champion", columns=["prediction_id", "asked_at", column]
    )
    usual = logged[logged["asked_at"] < alert.first_start][column]
    values = logged.drop_duplicates("prediction_id").set_index("prediction_id")[column]
    odd = _unusual(usual, values.reindex(drawn["prediction_id"]), missing="missing" in begins)
    return drawn.iloc[np.argsort(-odd, kind="stable")]


def _unusual(usual: pd.Series, values: pd.Series, *, missing: bool) -> NDArray[np.float64]:
    """How unusual each value is, from 0 (the median) to 1: by rank, or by how rare a category is."""
    import pandas as pd

    absent = values.isna().to_numpy()
    if pd.api.types.is_numeric_dtype(values.dtype):
        known = np.sort(usual.dropna().to_numpy(float))
        rank = np.searchsorted(known, values.to_numpy(float)) / max(len(known), 1)
        odd = np.abs(2 * rank - 1)
    else:
        odd = 1 - values.map(usual.value_counts(normalize=True)).fillna(0).to_numpy(float)
    return np.where(absent, 1.0 if missing else 0.0, odd * (0.5 if missing else 1.0))
