"""One batch of answers, as the prediction log takes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import numpy as np

from workbench.data.columns import Columns
from workbench.errors import ServingError

__all__ = ["Batch", "Columns", "LogFailed", "Role", "Writer", "row_ids"]

# To join two texts takes half as long as to write a number.
_ENDS = [f"-{row}" for row in range(1_000)]

#: Who answered: the champion; the version that a share of the traffic is tried on; another version that
#: was asked for by number; a shadow beside the champion.
Role = Literal["champion", "canary", "challenger", "shadow"]


class LogFailed(ServingError):
    """The prediction log cannot be written."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Answers that one version gave together, or rows that it failed to answer.

    Attributes
    ----------
    asked_at : array of datetime64[us], one a row
        In UTC.
    outputs : array of float64
        Of shape ``(rows, classes)``, or ``(rows,)`` for a regression.
    classes : tuple of str
        In the order of the columns of ``outputs``; empty for a regression.
    datasets : mapping
        Versions of the datasets that the model was trained from and of the memory datasets it looked up.
    latency_ms : array of float32, one a row
        From the request's arrival to its scores.
    request_ids, user_groups : list of str
        One a row; an empty text for no group.
    notes : mapping
        By the number of the row: what was coerced or flagged in it.
    error : str
        Why there are no answers, in one word that holds nothing of the rows; empty when there are. Then
        ``outputs`` are NaN, and inputs and features are what there was of them.
    """

    prediction_ids: list[str]
    asked_at: np.ndarray[Any, Any]
    inputs: Columns
    features: Columns
    outputs: np.ndarray[Any, Any]
    classes: tuple[str, ...]
    model: str
    version: int
    role: Role
    code_version: str
    run_id: str
    datasets: Mapping[str, int]
    latency_ms: np.ndarray[Any, Any]
    request_ids: list[str]
    user_groups: list[str]
    notes: Mapping[int, tuple[str, ...]]
    error: str = ""

    def only(self, rows: Sequence[int]) -> Batch:
        """Some rows of it."""
        return replace(
            self,
            prediction_ids=[self.prediction_ids[row] for row in rows],
            asked_at=self.asked_at[rows],
            inputs={name: values[rows] for name, values in self.inputs.items()},
            features={name: values[rows] for name, values in self.features.items()},
            outputs=self.outputs[rows],
            latency_ms=self.latency_ms[rows],
            request_ids=[self.request_ids[row] for row in rows],
            user_groups=[self.user_groups[row] for row in rows],
            notes={place: self.notes[row] for place, row in enumerate(rows) if row in self.notes},
        )


def row_ids(stem: str, rows: int) -> list[str]:
    """Prediction ids of a batch: ``stem-0``, ``stem-1`` and so on, of which the log keeps the stem only."""
    more = [f"-{row}" for row in range(len(_ENDS), rows)]
    return [stem + end for end in _ENDS[:rows] + more]


class Writer(Protocol):
    """The one writer of its part of a log. Not for threads that write at the same time."""

    @property
    def place(self) -> str:
        """Where it writes to, for people."""

    @property
    def is_local(self) -> bool:
        """Whether it writes to this machine's own disk, and waits for nobody else."""

    def append(self, batches: Sequence[Batch]) -> None:
        """Write batches; all of them are durable on return.

        Raises
        ------
        LogFailed
            When they cannot be written; then none of them is, and the next call tries anew.
        """

    def close(self) -> None:
        """End it. What was appended stays."""
