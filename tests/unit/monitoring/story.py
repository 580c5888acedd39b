"""A small shop whose models are watched, and its prediction log, written as servers would have written it.

How large an order is decides whether it is late; its age and colour do not. So inputs may move without any
harm to performance, and the other way round.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from tests.unit.registry import small
from workbench import monitoring, registry
from workbench.monitoring import Watched
from workbench.project import Project, open_project
from workbench.registry import versions
from workbench.registry.gates import judging
from workbench.registry.gates.validation import Validation
from workbench.serving import PredictionLog
from workbench.serving.answering.failures import REFUSED
from workbench.serving.log.batch import Batch, Role
from workbench.serving.log.compact import compact
from workbench.serving.log.sqlite import SqliteWriter
from workbench.serving.protocol.truth import FeedbackRow, TruthRow
from workbench.serving.truth import feedback, recording
from workbench.store import backlog
from workbench.store.clock import SimulatedClock
from workbench.store.database import open_database
from workbench.tracking.models import positive_scores

OLDER = 1.5  # so much older are orders where inputs have moved
_MONITORING = """
[monitoring]
window = "month"
drift_share = 0.3
performance_drop = 0.05
minimum_labels = 200
sample = 50
"""


def month(number: int) -> datetime:
    """The first moment of a month; 13 is January of the year after."""
    return datetime(2026 + (number - 1) // 12, (number - 1) % 12 + 1, 1, tzinfo=UTC)


def orders(count: int, *, older: float = 0.0, seed: int = 0) -> pd.DataFrame:
    """So many orders as the model sees them; their distributions are what they are to be, not by chance."""
    random = np.random.default_rng(seed)
    normal = norm.ppf((np.arange(count) + 0.5) / count)
    age = random.permutation(normal) + older
    return pd.DataFrame(
        {
            "size": random.permutation(normal),
            "age": np.where(random.permutation(count) % 10 == 0, np.nan, age),
            "colour": random.permutation(np.resize(["red", "green", "blue"], count)),
        }
    )


@functools.cache
def shared_shop() -> Project:
    """A shop for tests that only look at logs, each of its own name: to make one takes seconds."""
    return open_shop(Path(tempfile.mkdtemp(prefix="workbench-shop-")) / "shop")


def open_shop(root: Path, *, database: str = "", more: str = "") -> Project:
    """Version 1 was registered with orders as they were, version 2 with older ones, 3 without a reference."""
    small.small_project(root, database=database)
    path = root / "workbench.toml"
    told = path.read_text().replace('"y"', '"late"').replace('time = "x"', 'time = "asked_at"')
    path.write_text(told.replace("[model]\n", '[model]\ngroups = ["colour"]\n') + _MONITORING + more)
    project = open_project(root)
    for older in (0.0, OLDER, None):
        known = None
        if older is not None:
            rows = orders(3000, older=older, seed=9)
            known = registry.summarize(rows, small.estimator(), features=small.FEATURES)
        run = small.start(project)
        versions.register(run, small.train(run), _validation(), small.recorded(), reference=known)
    return project


@functools.cache
def _validation() -> Validation:
    rows = orders(3000, seed=5)
    asked_at = pd.Timestamp(small.CUT_OFF) + pd.to_timedelta(
        np.linspace(0, 30, len(rows), endpoint=False), "D"
    )
    score = positive_scores(small.estimator(), rows[small.FEATURES])
    late = np.random.default_rng(5).random(len(rows)) < _lateness(rows)
    return judging.validate(
        rows.assign(late=late, asked_at=asked_at),
        target="late",
        time="asked_at",
        scores={"candidate": score, "baseline": np.full(len(rows), 0.5)},
        config=small.LENIENT.model_copy(update={"minimum_primary": 0.5, "calibration_error": 0.5}),
    )


def _lateness(rows: pd.DataFrame) -> np.ndarray[Any, Any]:
    return np.asarray(1 / (1 + np.exp(-2 * rows["size"])))


@dataclass
class Live:
    """A log of the shop.

    Attributes
    ----------
    asked, truth : dict
        By prediction id: when it was asked, and what will turn out to be true.
    """

    project: Project
    name: str = "predictions/live"
    asked: dict[str, datetime] = field(default_factory=dict)
    truth: dict[str, float] = field(default_factory=dict)

    @property
    def log(self) -> PredictionLog:
        return PredictionLog(self.project.state / self.name)

    def answers(
        self,
        start: datetime,
        end: datetime | None = None,
        count: int = 600,
        *,
        older: float = 0.0,
        chance: float = 0.0,
        version: int = 1,
        role: Role = "champion",
        shadow: int = 0,
        failing: int = 0,
        refused: int = 0,
        features: Mapping[str, Any] | None = None,
        groups: Sequence[str] = ("",),
    ) -> list[str]:
        """Answer so many orders from ``start`` to ``end`` (a month, if it is not said); their ids.

        Parameters
        ----------
        chance : float
            The share of orders of which only chance decides whether they are late.
        shadow : int
            The version that is asked the same.
        failing, refused : int
            So many more rows are asked for which there is no answer: the model raised, or they are no rows.
        features : mapping, optional
            What some features are instead; None for one that is not there.
        """
        asked_at = _moments(start, end or month(start.year * 12 + start.month - 2026 * 12 + 1), count)
        rows = orders(count, older=older, seed=len(self.asked) + count)
        ids = [f"{start:%m%d%H}-{len(self.asked)}-{number}" for number in range(count)]
        random = np.random.default_rng(len(self.asked) + 1)
        late = np.where(random.random(count) < chance, 0.5, _lateness(rows))
        self.truth |= dict(zip(ids, (random.random(count) < late).astype(float).tolist(), strict=True))
        self.asked |= dict(
            zip(ids, (moment.replace(tzinfo=UTC) for moment in asked_at.tolist()), strict=True)
        )
        score = positive_scores(small.estimator(), rows[small.FEATURES])
        answered = _batch(ids, asked_at, rows, score, groups)
        changed = {**answered.features, **(features or {})}
        present = {name: values for name, values in changed.items() if values is not None}
        answered = replace(answered, features=present, version=version, role=role)
        batches = [answered]
        if shadow:
            other = np.clip(score + random.normal(0, 0.1, count), 0, 1)
            outputs = np.column_stack([1 - other, other])
            batches.append(replace(answered, version=shadow, role="shadow", outputs=outputs))
        for many, error in ((failing, "raised"), (refused, REFUSED)):
            none = answered.only(range(many))
            failed, nothing = [f"{name}-{error}" for name in none.prediction_ids], np.full((many, 2), np.nan)
            if many:
                batches.append(replace(none, prediction_ids=failed, outputs=nothing, error=error))
        writer = SqliteWriter(self.log.folder, "answers")
        writer.append(batches)
        writer.close()
        return ids

    def compact(self) -> None:
        """Move what there is into the log's table."""
        compact(self.log)

    def tell(
        self,
        ids: Sequence[str],
        known: datetime | timedelta = timedelta(days=2),
        truth: Mapping[str, float] | None = None,
    ) -> None:
        """What is true of some orders, known at a moment, or so long after they were asked about.

        Ids may be of predictions that were never made.
        """
        said = self.truth if truth is None else truth
        moments = (known if isinstance(known, datetime) else self.asked[name] + known for name in ids)
        rows = [
            TruthRow(name, said.get(name, 1.0), moment) for name, moment in zip(ids, moments, strict=True)
        ]
        self._with(lambda database: recording.record(database, self.name, rows, SimulatedClock(month(13))))

    def think(self, ids: Sequence[str], rating: float, group: str, at: datetime) -> None:
        """What users think of some answers."""
        rows = [FeedbackRow(name, at, rating, "", group) for name in ids]
        clock = SimulatedClock(at)
        self._with(
            lambda database: feedback.record(database, self.name, rows, clock, request_id=f"{group}{rating}")
        )

    def watch(self, now: datetime, **more: Any) -> Watched:
        return monitoring.watch(self.project, self.log, self.name, clock=SimulatedClock(now), **more)

    def look(self, now: datetime, **more: Any) -> Watched:
        return monitoring.look(self.project, self.log, self.name, clock=SimulatedClock(now), **more)

    def items(self, log: str = "") -> list[backlog.Item]:
        """What of this log is on the backlog."""
        link = f"log {log or self.name}"

        def found(database: Any) -> list[backlog.Item]:
            with database.read() as connection:
                every = backlog.items(connection, self.project.name, closed=True)
            return [item for item in every if link in item.links]

        return list(self._with(found))

    def _with(self, use: Any) -> Any:
        database = open_database(self.project)
        try:
            return use(database)
        finally:
            database.close()


def _moments(start: datetime, end: datetime, count: int) -> np.ndarray[Any, Any]:
    naive = np.datetime64(start.replace(tzinfo=None), "us")
    step = (np.datetime64(end.replace(tzinfo=None), "us") - naive) // count
    return naive + step * np.arange(count)


def _batch(
    ids: list[str],
    asked_at: np.ndarray[Any, Any],
    rows: pd.DataFrame,
    score: np.ndarray[Any, Any],
    groups: Sequence[str],
) -> Batch:
    count = len(ids)
    texts = {"colour": rows["colour"].to_numpy(object)}
    columns = {"size": rows["size"].to_numpy(), "age": rows["age"].to_numpy(), **texts}
    return Batch(
        prediction_ids=ids,
        asked_at=asked_at,
        inputs=columns,
        features=columns,
        outputs=np.column_stack([1 - score, score]),
        classes=("0", "1"),
        model="tiny-model",
        version=1,
        role="champion",
        code_version="c",
        run_id="r",
        datasets={"prepared": 3},
        latency_ms=np.linspace(1, 9, count).astype("float32"),
        request_ids=["q"] * count,
        user_groups=[groups[number % len(groups)] for number in range(count)],
        notes={},
    )
