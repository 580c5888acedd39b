"""The names that this room had when it was one module; for callers that have not moved yet."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from workbench.serving.protocol import mlflow, schema, truth
from workbench.serving.protocol.asked import Asked
from workbench.serving.protocol.refused import Refused
from workbench.serving.protocol.schema import Cell, Kind
from workbench.serving.protocol.truth import TruthRow

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Asked",
    "Cell",
    "Kind",
    "Refused",
    "RequestSchema",
    "TruthRow",
    "decode_invocation",
    "decode_truth",
]


class RequestSchema(schema.RequestSchema):
    """As before: its frame is made of raw columns."""

    def frame(self, columns: Mapping[str, Any]) -> pd.DataFrame:
        return super().frame(self.typed(columns).columns)


def decode_invocation(body: bytes, most_rows: int) -> Asked:
    """Decode a scoring request in JSON."""
    return mlflow.decode_body(body, (), most_rows)


def decode_truth(body: bytes, most_rows: int, default_known_at: datetime | None) -> list[TruthRow]:
    """Decode ground truth."""
    return truth.decode_truth(body, most_rows, default_known_at)
