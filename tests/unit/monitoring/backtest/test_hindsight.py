"""What is said of a day with all labels: rows that nobody answered count, and as what."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.projects import make_project
from workbench.data.tables import DatasetVersion
from workbench.monitoring.backtest.hindsight import Hindsight
from workbench.monitoring.backtest.history import History, Plan
from workbench.monitoring.backtest.stepping import Lived
from workbench.project import Project, open_project

PLAN = Plan(
    dataset=DatasetVersion("rows", 0, "", 8, ""),
    time="x",
    target="y",
    known_at="known_at",
    since=date(2026, 1, 1),
    until=date(2026, 1, 3),
    step="day",
    timezone="UTC",
)
_UTILITY = """
[gates.utility]
unit = "coins"
true_positive = 3
false_positive = -2
false_negative = -5
true_negative = 1
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    make_project(tmp_path / "project", {"x": ["1"]})
    path = tmp_path / "project" / "workbench.toml"
    path.write_text(path.read_text() + _UTILITY)
    return open_project(path.parent)


def _hindsight(project: Project, score: list[float], plan: Plan = PLAN) -> Hindsight:
    """Of four rows on each of two days; one of the second is never told of."""
    asked = pd.date_range("2026-01-01 02:00", periods=8, freq="6h").to_numpy("datetime64[us]")
    truth = np.array([1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, np.nan])
    known = np.where(np.isnan(truth), np.datetime64("NaT"), asked + np.timedelta64(1, "h"))
    history = History(pd.DataFrame(index=range(8)), asked, known, truth)
    scores = np.array(score)
    version = np.where(np.isnan(scores), 0, 1)
    return Hindsight(project, project, plan, Lived(history, scores, version, (), "log", ""))


@pytest.mark.parametrize("timezone", ["UTC", "Europe/Berlin", "America/New_York"])
def test_days_begin_where_the_project_is(project: Project, timezone: str) -> None:
    plan = replace(PLAN, timezone=timezone)
    assert [day.day for day in _hindsight(project, [0.5] * 8, plan).days()] == [
        date(2026, 1, 1),
        date(2026, 1, 2),
    ]
    # As progress tells them.
    assert {plan.day_of(step.start) for step in replace(plan, step="hour").steps()} == {
        date(2026, 1, 1),
        date(2026, 1, 2),
    }


def test_a_row_without_an_answer_is_worth_what_doing_nothing_is(project: Project) -> None:
    """So is a day without any: who refuses the rows that he would lose by is not better for it."""
    nan = float("nan")
    answered = _hindsight(project, [0.9, 0.9, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1])
    refused = _hindsight(project, [0.9, nan, 0.1, nan, nan, nan, nan, nan])
    first, second = answered.days()
    assert (first.asked, first.answered, first.labelled, first.worth) == (4, 4, 4, 3 - 2 - 5 + 1)
    assert (second.asked, second.answered, second.labelled, second.worth) == (4, 4, 3, -5 + 1 - 5)
    less, nobody = refused.days()
    assert (less.asked, less.answered, less.labelled, less.positives) == (4, 2, 4, 2)
    assert less.worth == 3 + 1 - 5 + 1
    assert replace(nobody, version=1, answered=4, metric=second.metric) == second
    assert (nobody.version, nobody.answered, nobody.metric) == (0, 0, None)
    assert refused.unknown() == ()
    span = refused.spans()[0]
    assert (span.asked, span.answered, span.labelled) == (8, 2, 7)
    assert span.worth == (less.worth or 0) + (nobody.worth or 0)
