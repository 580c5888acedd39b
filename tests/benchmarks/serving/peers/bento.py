"""BentoML: one worker, adaptive batching. Each request is a list of rows; a batch is all their rows."""

from __future__ import annotations

from typing import Any

import bentoml
import pandas as pd
from scorer import Scorer


@bentoml.service(workers=1, traffic={"timeout": 60}, logging={"access": {"enabled": False}})
class Flights:
    def __init__(self) -> None:
        self.score = Scorer()

    @bentoml.api(batchable=True, max_batch_size=4096, max_latency_ms=10_000)
    def predict(self, rows: list[dict[str, Any]]) -> list[float]:
        return self.score(pd.DataFrame(rows))
