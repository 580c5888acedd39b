"""Batches for the tests of the log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from workbench.serving.log.batch import Batch

NOON = datetime(2013, 8, 1, 12, tzinfo=UTC)


def moments(*hours: float) -> np.ndarray[Any, Any]:
    """So many hours after noon."""
    return np.array([(NOON + timedelta(hours=hour)).replace(tzinfo=None) for hour in hours], "datetime64[us]")


def words(*values: str | None) -> np.ndarray[Any, Any]:
    return np.array(values, dtype=object)


def batch(number: int = 0, *, rows: int = 2, **changed: Any) -> Batch:
    """Predictions asked ``number`` hours after noon, and each half an hour after the one before."""
    scores = np.linspace(0.1, 0.9, rows)
    given: dict[str, Any] = {
        "prediction_ids": [f"{number}-{row}" for row in range(rows)],
        "asked_at": moments(*(number + row / 2 for row in range(rows))),
        "inputs": {
            "carrier": words(*(("UA", None) * rows)[:rows]),
            "score": np.where(np.arange(rows) % 2, np.nan, 1.0),
        },
        "features": {
            "carrier": words(*(("UA", "missing") * rows)[:rows]),
            "late_share": np.where(np.arange(rows) % 2, np.nan, 0.25),
            "since": np.where(np.arange(rows) % 2, np.datetime64("NaT"), moments(*[0] * rows)),
        },
        "outputs": np.column_stack([1 - scores, scores]),
        "classes": ("0", "1"),
        "model": "late",
        "version": 3,
        "role": "champion",
        "code_version": "abc+changed",
        "run_id": "r1",
        "datasets": {"weather": 2, "carrier": 5},
        "latency_ms": np.full(rows, 4.5, "float32"),
        "request_ids": [f"request-{number}"] * rows,
        "user_groups": [""] * rows,
        "notes": {},
    }
    return Batch(**{**given, **changed})
