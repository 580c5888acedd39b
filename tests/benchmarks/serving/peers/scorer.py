"""The model as every peer holds it: the fitted pipeline, with or without the project's feature helpers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import joblib
import pandas as pd

__all__ = ["Scorer"]


class Scorer:
    """Frames in, probabilities out. With memory tables in the folder, frames of raw rows."""

    def __init__(self, folder: str = "") -> None:
        place = Path(folder or os.environ["BENCH_MODEL"])
        self.estimator = joblib.load(place / "estimator.joblib")
        self.tables: dict[str, Any] = {}
        if (place / "memory.joblib").exists():
            from flights.features import MEMORY
            from workbench.data.features import open_memory

            self.tables = open_memory(MEMORY, joblib.load(place / "memory.joblib"))

    def __call__(self, frame: pd.DataFrame) -> list[float]:
        if self.tables:
            from flights.features import build

            now = pd.Timestamp.now("UTC").as_unit("us")
            frame = build(frame, self.tables, pd.Series([now] * len(frame)))
        scores: list[float] = self.estimator.predict_proba(frame)[:, 1].tolist()
        return scores
