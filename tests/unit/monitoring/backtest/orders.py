"""A small shop, its orders of three months, whose outcomes come late, and a day on which all changes."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.projects import make_project, migrated_stores
from workbench.execution import pipeline
from workbench.monitoring.backtest import Backtest, Policy, run
from workbench.monitoring.backtest.worlds import Place
from workbench.project import Project, open_project

#: The first order, and the day on which lateness turns its back on size.
FIRST, TURN = "2026-01-01", "2026-02-20"
SINCE, UNTIL = date(2026, 1, 25), date(2026, 3, 24)
#: Nobody ever learns what became of the orders of these days, and nobody orders on that one.
UNTOLD, SILENT = ("2026-03-12", "2026-03-13"), "2026-03-20"

_HELPERS = """

FEATURES = ["size", "age"]


def orders():
    from pathlib import Path

    return pd.read_parquet(Path(__file__).parents[1] / "orders.parquet")


def model():
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression()
"""
_GATHER = """\
import helpers
phase.write("orders", helpers.orders(), key=("order",))"""
_PREPARE = """\
import pandas as pd
rows = phase.read("orders")
start = pd.Timestamp(as_of, tz="UTC")
first, until = pd.Timestamp(train_from or "2000-01-01", tz="UTC"), pd.Timestamp(known_until, tz="UTC")
rows["split"] = "none"
rows.loc[(rows["asked_at"] >= first) & (rows["known_at"] < start), "split"] = "learn"
rows.loc[(rows["asked_at"] >= start) & (rows["known_at"] < until), "split"] = "judge"
phase.write("prepared", rows.query("split != 'none'").reset_index(drop=True), key=("order",))"""
_TRAIN = """\
if broken:
    raise RuntimeError("there is no such thing as a model")
import helpers
from sklearn.dummy import DummyClassifier
rows = phase.read("prepared").query("split == 'learn'")
for name, one in {"candidate": helpers.model(), "baseline": DummyClassifier()}.items():
    fitted = one.fit(rows[helpers.FEATURES], rows["late"])
    until = rows["known_at"].max().ceil("h")
    phase.log_model(name, fitted, sample=rows[helpers.FEATURES], metrics={}, trained_until=until)"""
_VALIDATE = """\
import helpers
from workbench import registry
holdout = phase.read("prepared").query("split == 'judge'").reset_index(drop=True)
trained, contenders = phase.models(), phase.models()
if (champion := registry.champion(phase.project)) is not None:
    contenders["champion"] = champion
validation = registry.judge(phase.project, holdout, contenders, features=helpers.FEATURES)
answers = validation.scores["candidate"]
cases = registry.record_cases(holdout, answers, inputs=helpers.FEATURES, features=helpers.FEATURES, count=8)
registry.register(phase, trained["candidate"], validation, cases)"""
_PARAMETERS = """\
as_of: str = "2026-02-01"
train_from: str | None = None
known_until: str = "2027-01-01"
"""
_SETTINGS = """
[gates]
minimum_rows = 100
bootstrap_rounds = 100
calibration_error = 0.9
fairness_gap = 1.0
slice_tolerance = 1.0
minimum_primary = 0.4
[gates.utility]
unit = "coins"
true_positive = 3
false_positive = -2
[monitoring]
window = "7d"
performance_drop = 0.1
minimum_labels = 100
sample = 50
[retraining]
trigger = ["performance"]
training_days = 14
holdout_days = 10
[backtest]
dataset = "orders"
known_at = "known_at"
from = 2026-01-25
until = 2026-03-24
"""


def orders(days: int = 90, a_day: int = 40) -> pd.DataFrame:
    """Orders in time; a large one is late more often, and since :data:`TURN` a small one is."""
    random = np.random.default_rng(7)
    begins = pd.date_range(FIRST, periods=days, tz="UTC")
    asked = begins.repeat(a_day) + pd.to_timedelta(np.tile(np.arange(a_day) * (1200 / a_day), days), "min")
    size, age = random.normal(size=len(asked)), random.normal(size=len(asked))
    slope = np.where(asked < pd.Timestamp(TURN, tz="UTC"), 2.0, -2.0)
    late = random.random(len(asked)) < 1 / (1 + np.exp(-slope * size))
    known = pd.Series(asked + pd.Timedelta(hours=30))
    days_of = pd.Series(asked.strftime("%Y-%m-%d"))
    rows = pd.DataFrame(
        {
            "order": range(len(asked)),
            "asked_at": asked,
            "known_at": known.mask(days_of.isin(UNTOLD)),
            "size": size,
            "age": age,
            "late": late,
        }
    )
    return rows[days_of != SILENT].reset_index(drop=True)


def told_otherwise(rows: pd.DataFrame, after: date) -> pd.DataFrame:
    """The same orders, of which all that became known after the end of a day is the contrary."""
    later = rows["known_at"] > pd.Timestamp(after, tz="UTC") + pd.Timedelta(days=1)
    return rows.assign(late=rows["late"].where(~later, ~rows["late"]))


def make_shop(root: Path, rows: pd.DataFrame, more: str = "") -> Project:
    """The shop, which has gathered these orders; ``more`` goes into its ``workbench.toml``."""
    project = make_project(
        root,
        {"gather": [_GATHER], "prepare": [_PREPARE], "train": [_TRAIN], "validate": [_VALIDATE]},
        parameters={
            "prepare": _PARAMETERS,
            "train": "broken: bool = False",
        },
    )
    helpers = root / "notebooks" / "helpers.py"
    helpers.write_text(helpers.read_text() + _HELPERS)
    rows.to_parquet(root / "orders.parquet", index=False)
    text = (root / "workbench.toml").read_text()
    text = text.replace('target = "y"\ntime = "x"', 'target = "late"\ntime = "asked_at"')
    text = text.replace("[phases.gather]\n", '[phases.gather]\nreads = ["orders.parquet"]\n')
    (root / "workbench.toml").write_text(f"{text}{_SETTINGS}{more}\n")
    project = open_project(project.root)
    done = pipeline.run(project, ["gather"])
    assert done.status == "finished", done
    return project


def placed(project: Project, name: str = "") -> Place:
    """Where a backtest lies; with a tracking store that was migrated before, which takes seconds."""
    place = Place.of(project, name)
    place.shared.state.mkdir(parents=True, exist_ok=True)
    if not (place.shared.state / "mlflow.db").exists():
        shutil.copyfile(migrated_stores() / "mlflow.db", place.shared.state / "mlflow.db")
    return place


def backtested(project: Project, policies: Sequence[Policy | str], **more: Any) -> Backtest:
    """What comes of policies."""
    placed(project, more.get("name", ""))
    return run(project, policies, **more)
