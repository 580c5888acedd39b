"""Late labels: joined to a million predictions, and what is found of the performance of a window with them.

The peer of the join is what one would write without a workbench: ``pandas.read_sql`` and a merge.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import text

from tests.benchmarks.execution.place import place, quiet
from tests.benchmarks.execution.table import Goal, Row, Table, in_turn
from tests.projects import make_project
from workbench.config import MonitoringConfig, UtilityConfig
from workbench.monitoring.performance import Standard, measure_performance
from workbench.serving.truth.recording import insert, labelled
from workbench.store.database import Database, open_database

__all__ = ["measure"]

_ROWS = 1_000_000
_LOG = "predictions/live"
_START = datetime(2026, 8, 1, tzinfo=UTC)
_DAYS = 31
_QUERY = text("SELECT id, prediction_id, value, known_at FROM ground_truth WHERE log = :log ORDER BY id")


def measure(repeats: int) -> Table:
    """A month of a million answers, all of them labelled, in the embedded database."""
    with place() as folder, quiet():
        project = make_project(folder / "project", {"show": ["phase"]})
        database = open_database(project)
        answers = _answers()
        _label(database, answers)
        ways: dict[str, Callable[[], float]] = {
            "ours": lambda: _timed(lambda: labelled(project, _LOG, answers)),
            "pandas": lambda: _timed(lambda: _merged(database, answers)),
        }
        joined = in_turn(repeats, ways)
        known = labelled(project, _LOG, answers)
        found = in_turn(
            repeats, {"whole": lambda: _performance(known, ()), "sliced": lambda: _performance(known)}
        )
        database.close()
    return Table(
        f"{_ROWS:,} predictions and as many labels, in a random order, in SQLite",
        [
            Row("joined (peer: pandas.read_sql and merge)", joined["ours"], joined["pandas"], Goal(most=5)),
            Row("performance with intervals, calibration and worth", found["whole"]),
            Row("the same, by 3 + 16 slices and 4 user groups, and gaps", found["sliced"]),
        ],
    )


def _answers() -> pd.DataFrame:
    random = np.random.default_rng(0)
    stems = random.integers(1 << 62, size=_ROWS // 20)
    asked_at = pd.Timestamp(_START) + pd.to_timedelta(np.sort(random.random(_ROWS)) * _DAYS, "D")
    ids = [f"{stem:032x}-{row}" for stem in stems for row in range(20)]
    return pd.DataFrame(
        {
            "prediction_id": pd.Series(ids, dtype="str"),
            "asked_at": asked_at,
            "score": random.beta(2, 5, _ROWS),
            "user_group": pd.Series(random.choice(["", "agents", "app", "web"], _ROWS), dtype="str"),
            "input.origin": pd.Series(random.choice(["EWR", "JFK", "LGA"], _ROWS), dtype="str"),
            "input.carrier": pd.Series(random.choice(list("ABCDEFGHIJKLMNOP"), _ROWS), dtype="str"),
        }
    )


def _label(database: Database, answers: pd.DataFrame) -> None:
    random = np.random.default_rng(1)
    late = random.random(_ROWS) < answers["score"].to_numpy()
    hours = random.exponential(6, _ROWS)
    ids = answers["prediction_id"].tolist()
    asked_at = answers["asked_at"].dt.to_pydatetime()
    rows: Any = (
        {
            "log": _LOG,
            "prediction_id": ids[row],
            "business_key": None,
            "value": float(late[row]),
            "label": None,
            "known_at": asked_at[row] + timedelta(hours=hours[row]),
        }
        for row in random.permutation(_ROWS).tolist()
    )
    with database.write() as connection:
        insert(connection, rows, _START + timedelta(days=_DAYS))


def _merged(database: Database, answers: pd.DataFrame) -> pd.DataFrame:
    with database.read() as connection:
        given = pd.read_sql(_QUERY, connection, params={"log": _LOG}, parse_dates={"known_at": {"utc": True}})
    newest = given.drop_duplicates("prediction_id", keep="last")
    return answers.merge(newest, on="prediction_id", how="left")


def _performance(known: pd.DataFrame, groups: tuple[str, ...] = ("origin", "carrier")) -> float:
    utility = UtilityConfig(unit="minutes", true_positive=20, false_positive=-10)
    standard = Standard(expected=0.75, groups=groups, utility=utility)
    rows = known if groups else known.drop(columns="user_group")

    def measured() -> None:
        measure_performance(
            rows, role="champion", model_version=1, config=MonitoringConfig(), standard=standard
        )

    return _timed(measured)


def _timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began
