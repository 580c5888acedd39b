"""What clients send: the same rows to every server, in JSON as its protocol wants them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd

__all__ = ["BATCH_ROWS", "SINGLE", "records", "scores", "split", "write_bodies"]

#: Different single rows that are sent in turn, and rows of the batch.
SINGLE, BATCH_ROWS = 256, 1_000


def split(rows: pd.DataFrame) -> bytes:
    """MLflow's ``dataframe_split``."""
    data = [[_cell(value) for value in row] for row in rows.itertuples(index=False)]
    return msgspec.json.encode({"dataframe_split": {"columns": list(rows.columns), "data": data}})


def records(rows: pd.DataFrame) -> bytes:
    """BentoML's: the argument of the method by its name."""
    names = list(rows.columns)
    data = [
        {name: _cell(value) for name, value in zip(names, row, strict=True)}
        for row in rows.itertuples(index=False)
    ]
    return msgspec.json.encode({"rows": data})


def write_bodies(
    folder: Path, rows: pd.DataFrame, encode: Callable[[pd.DataFrame], bytes]
) -> tuple[Path, Path]:
    """Files with a body a line: single rows, and one batch of :data:`BATCH_ROWS`."""
    folder.mkdir(parents=True, exist_ok=True)
    single, batch = folder / "single", folder / "batch"
    single.write_bytes(b"\n".join(encode(rows.iloc[[at]]) for at in range(min(SINGLE, len(rows)))) + b"\n")
    batch.write_bytes(encode(rows.head(BATCH_ROWS)) + b"\n")
    return single, batch


def scores(answer: bytes) -> list[float]:
    """The probabilities in an answer, however it is wrapped."""
    given: Any = json.loads(answer)
    if isinstance(given, dict):
        given = given["predictions"]
    return [one[-1] if isinstance(one, list) else one for one in given]


def _cell(value: Any) -> Any:
    if value is None or value != value:
        return None
    return value.item() if hasattr(value, "item") else value
