"""Steps of so many rows: the next ones in the order of asking, and decisions as the last of them is asked."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.unit.monitoring.backtest import orders
from workbench.data.tables import DatasetVersion
from workbench.monitoring.backtest import Policy, Progress
from workbench.monitoring.backtest.history import History, Plan
from workbench.project import open_project

_BEGAN, _ENDED = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 3, tzinfo=UTC)
_DATASET = DatasetVersion("orders", 0, "", 0, "")


def _steps(hours: list[int], step: str) -> list[tuple[datetime, datetime, int]]:
    """Where each step of rows asked at these hours begins and ends, and how many rows it has."""
    plan = Plan(_DATASET, "asked_at", "late", "known_at", _BEGAN.date(), _ENDED.date(), step, "UTC")
    asked = np.array([np.datetime64("2026-01-01", "us") + np.timedelta64(hour, "h") for hour in hours])
    asked = asked.astype("datetime64[us]")
    history = History(pd.DataFrame(index=range(len(asked))), asked, asked, np.zeros(len(asked)))
    between = ((window, history.between(window)) for window in history.steps(plan))
    return [(window.start, window.end, rows.stop - rows.start) for window, rows in between]


def _just_after(hour: int) -> datetime:
    return _BEGAN + timedelta(hours=hour, microseconds=1)


@pytest.mark.parametrize(
    ("hours", "step", "ends", "rows"),
    [
        ([1, 2, 3, 4, 5], "2 rows", [2, 4], [2, 2, 1]),
        ([1, 2, 3, 4], "2 rows", [2], [2, 2]),
        ([1, 2, 3, 4], "1 row", [1, 2, 3], [1, 1, 1, 1]),
        ([1, 2, 3], "500 rows", [], [3]),
        ([1, 2, 2, 2, 3, 4, 5], "2rows", [2, 4], [4, 2, 1]),  # three at once stay together
        ([1, 2, 2], "2 rows", [], [3]),
        ([], "2 rows", [], [0]),
    ],
)
def test_a_step_is_the_next_rows_in_the_order_of_asking(
    hours: list[int], step: str, ends: list[int], rows: list[int]
) -> None:
    steps = _steps(hours, step)
    bounds = [_BEGAN, *map(_just_after, ends), _ENDED]
    assert [(start, end) for start, end, _ in steps] == list(pairwise(bounds))
    assert [count for _, _, count in steps] == rows


def test_a_day_is_still_a_day() -> None:
    assert _steps([1, 2, 30], "day") == [
        (_BEGAN, _BEGAN + timedelta(days=1), 2),
        (_BEGAN + timedelta(days=1), _ENDED, 1),
    ]


@pytest.mark.timeout(600)
def test_a_world_is_lived_through_so_many_rows_at_a_time(tmp_path: Path) -> None:
    """In Berlin, whose days begin before those of UTC; one order cannot be answered."""
    rows = orders.orders(days=28)
    rows.loc[rows["asked_at"] == pd.Timestamp("2026-01-26 12:00", tz="UTC"), "size"] = np.nan
    project = orders.make_shop(tmp_path / "shop", rows)
    path = project.root / "workbench.toml"
    path.write_text(path.read_text().replace("[monitoring]\n", '[monitoring]\ntimezone = "Europe/Berlin"\n'))
    told: list[Progress] = []
    still = Policy("still", "", {"retraining.trigger": []})
    found = orders.backtested(
        open_project(project.root), [still], until=date(2026, 1, 27), step="30 rows", on_progress=told.append
    )
    assert (found.step, found.timezone) == ("30 rows", "Europe/Berlin")
    assert [(step.done, step.of, step.day.day) for step in told] == [(1, 3, 25), (2, 3, 25), (3, 3, 26)]
    days = found.policies[0].days
    assert [(day.day.day, day.asked, day.answered, day.labelled) for day in days] == [
        (25, 40, 40, 40),
        (26, 40, 39, 40),
    ]
