"""A small trained model in a small project, for the tests of the registry."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.projects import make_project
from workbench.config import GatesConfig
from workbench.project import Project, open_project
from workbench.registry import versions
from workbench.registry.cases import record_cases
from workbench.registry.gates import judging
from workbench.registry.gates.validation import Validation
from workbench.tracking import runs
from workbench.tracking.models import TrainedModel, log_model, positive_scores

FEATURES = ["size", "age", "colour"]
INPUTS = ["size", "colour"]
CUT_OFF = datetime(2026, 7, 1, tzinfo=UTC)
LENIENT = GatesConfig(minimum_rows=100, bootstrap_rounds=100)


@dataclass(frozen=True)
class Run:
    """What the registry needs of the run that it is called from."""

    project: Project
    run_id: str
    draft: bool = False

    @property
    def pipeline_run_id(self) -> str:
        return self.run_id


def small_project(root: Path, *, database: str = "", trusted: tuple[str, ...] = ()) -> Project:
    """A project with a phase ``train``; its database lies where ``database`` says."""
    project = make_project(root, {"train": []})
    text = (root / "workbench.toml").read_text()
    if trusted:
        text = text.replace("[model]\n", f"[model]\ntrusted_types = {list(trusted)!r}\n")
    if database:
        text += f'\n[stores]\ndatabase = "{database}"\n'
    (root / "workbench.toml").write_text(text)
    return open_project(project.root)


@functools.cache
def rows() -> pd.DataFrame:
    """600 rows over 30 days after :data:`CUT_OFF`; large ones are late more often."""
    random = np.random.default_rng(0)
    count = 600
    size = random.normal(size=count)
    return pd.DataFrame(
        {
            "asked_at": pd.Timestamp(CUT_OFF)
            + pd.to_timedelta(np.linspace(0, 30, count, endpoint=False), "D"),
            "late": random.random(count) < 1 / (1 + np.exp(-2 * size)),
            "size": size,
            "age": np.where(random.random(count) < 0.1, np.nan, random.normal(size=count)),
            "colour": random.choice(["red", "green", "blue"], count),
        }
    )


@functools.cache
def estimator() -> Any:
    """A boosted pipeline, as the flights project has one."""
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OrdinalEncoder

    encode = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    columns = ColumnTransformer([("colour", encode, ["colour"])], remainder="passthrough")
    boosting = HistGradientBoostingClassifier(max_iter=5, min_samples_leaf=5, categorical_features=[0])
    return Pipeline([("columns", columns), ("boosting", boosting)]).fit(rows()[FEATURES], rows()["late"])


def start(project: Project, *, draft: bool = False) -> Run:
    return Run(project, runs.start(project, "train", draft=draft), draft)


def train(run: Run, model: Any = None) -> TrainedModel:
    return log_model(
        run.project,
        run.run_id,
        "boosting",
        estimator() if model is None else model,
        sample=rows()[FEATURES],
        metrics={"roc_auc": 0.8, "recall": float("nan")},
        trained_until=CUT_OFF,
        datasets={"prepared": 3},
    )


@functools.cache
def validation(verdict: str = "passed") -> Validation:
    """A validation of that verdict."""
    minimum = {"passed": 0.5, "failed": 0.999, "inconclusive": None}[verdict]
    score = positive_scores(estimator(), rows()[FEATURES])
    config = LENIENT.model_copy(update={"minimum_primary": 0.5 if minimum is None else minimum})
    if minimum is None:
        config = config.model_copy(update={"minimum_rows": 10_000})
    found = judging.validate(
        rows(),
        target="late",
        time="asked_at",
        scores={"candidate": score, "baseline": np.full(len(score), 0.5)},
        config=config.model_copy(update={"calibration_error": 0.5}),
    )
    assert found.verdict == verdict
    return found


def recorded() -> pd.DataFrame:
    score = positive_scores(estimator(), rows()[FEATURES])
    return record_cases(rows(), score, inputs=INPUTS, features=FEATURES, count=8)


def register(run: Run, trained: TrainedModel | None = None, verdict: str = "passed") -> versions.ModelVersion:
    """Train and register a version of that verdict."""
    made = versions.register(run, trained or train(run), validation(verdict), recorded())
    assert made is not None
    return made
