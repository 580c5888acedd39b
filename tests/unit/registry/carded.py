"""A version whose rows can be found again from the record, for the tests of cards and delta reports."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.unit.registry import small
from workbench.data.tables import DatasetVersion, Origin, Tables
from workbench.project import Project, open_project
from workbench.registry import versions
from workbench.registry.cases import record_cases
from workbench.registry.gates import judging
from workbench.tracking import runs
from workbench.tracking.models import log_model, positive_scores

#: Fifteen days before the rows that both versions are judged on.
EARLIER = datetime(2026, 6, 16, tzinfo=small.CUT_OFF.tzinfo)


def carded_project(root: Path, **about: str) -> Project:
    """A small project that says what it predicts and for whom; ``about`` goes to ``[project]``."""
    small.small_project(root)
    file = root / "workbench.toml"
    text = file.read_text()
    stated = {"title": "Late parcels", "owner": "depot@example.org", "risk": "low", **about}
    lines = "".join(f"{key} = '''{value}'''\n" for key, value in stated.items())
    text = text.replace('[project]\nname = "tiny"\n', f'[project]\nname = "tiny"\n{lines}')
    text = text.replace('target = "y"\ntime = "x"', 'target = "late"\ntime = "asked_at"')
    text = text.replace("[model]\n", '[model]\ngroups = ["colour"]\n')
    file.write_text(text + "\n[gates]\nminimum_rows = 100\nbootstrap_rounds = 100\n")
    return open_project(root)


def prepared(run: small.Run, rows: pd.DataFrame) -> DatasetVersion:
    """The rows as a version of the dataset ``prepared``, which the run has read."""
    tables = Tables(run.project.data_uri)
    written = tables.write("prepared", rows, origin=Origin(run.run_id, "prepare", "maria"))
    runs.log_lineage(run.project, run.run_id, [written])
    return written


def register(
    project: Project,
    *,
    model: Any = None,
    rows: pd.DataFrame | None = None,
    until: datetime = small.CUT_OFF,
    lineage: bool = True,
) -> versions.ModelVersion:
    """Train, validate and register a version, judged on ``rows`` by the group ``colour``."""
    run = small.start(project)
    rows = small.rows() if rows is None else rows
    model = small.estimator() if model is None else model
    if lineage:
        prepared(run, rows)
    trained = log_model(
        project,
        run.run_id,
        "boosting",
        model,
        sample=rows[small.FEATURES],
        metrics={"roc_auc": 0.8},
        trained_until=until,
        datasets={"prepared": 0},
    )
    scores = positive_scores(model, rows[small.FEATURES])
    validation = judging.validate(
        rows,
        target="late",
        time="asked_at",
        scores={"candidate": scores, "baseline": np.full(len(rows), 0.5)},
        groups=["colour"],
        config=project.config.gates.model_copy(update={"calibration_error": 0.5}),
    )
    cases = record_cases(rows, scores, inputs=small.INPUTS, features=small.FEATURES, count=8)
    made = versions.register(run, trained, validation, cases)
    assert made is not None
    return made


def other_model() -> Any:
    """One that knows only the size, and less of it."""
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    columns = make_column_transformer((StandardScaler(), ["size"]))
    rows = small.rows()
    return make_pipeline(columns, LogisticRegression(C=0.001)).fit(rows[small.FEATURES], rows["late"])
