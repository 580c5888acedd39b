"""Conditions on times, as a person types them to find runs; all others are in ``test_compare.py``."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest

from workbench.panels.compare.filtering import matching, parse
from workbench.tracking.run_table import Column, RunTable


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("= 2026-11-27", [1, 2, 3]),
        ("!= 2026-11-27", [0, 4]),
        ("< 2026-11-27", [0]),
        ("<= 2026-11-27", [0, 1, 2, 3]),
        ("> 2026-11-27", [4]),
        (">= 2026-11-27", [1, 2, 3, 4]),
        ("= 2026-11-27T08:30", [2]),
        ("<= 2026-11-27 08:30", [0, 1, 2]),
        ("> 2026-11-27T08:30:10", [2, 3, 4]),
        ("= 2026-11-27T09:30:20+01:00", [2]),
        ("= 2026-11-27T09:30:19+01:00", []),
    ],
)
def test_a_date_is_all_of_its_day_and_a_time_all_of_its_minute(condition: str, found: list[int]) -> None:
    times = ["26T23:59:59", "27T00:00:00", "27T08:30:20", "27T23:59:59", "28T00:00:00"]
    started = np.array([datetime.fromisoformat(f"2026-11-{time}+00:00") for time in times], dtype=object)
    columns = {name: Column(name, started) for name in ("started_at", "run_id")}
    assert matching(RunTable(columns), parse(f"started_at {condition}")).tolist() == found
