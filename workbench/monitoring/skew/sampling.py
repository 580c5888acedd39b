"""A sample of logged predictions, drawn while they are read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from workbench.serving.log.batch import Role
    from workbench.serving.log.read import PredictionLog

__all__ = ["LoggedSample", "sample_logged"]

_ROWS = 2000
# Of more than so many times the rows that are wanted, stretches are read, which hold some times as many as
# are wanted, since traffic is uneven.
_MANY, _SPARE, _STRETCHES = 100, 10, 24
_GOLDEN = 0.6180339887  # its multiples leave no part of the day out, however long a window is


class LoggedSample:
    """The rows with the least hashes of what they are: the same ones in whatever order they come.

    Parameters
    ----------
    rows : int
        How many at most.
    seed : int
        Other seeds draw other rows.
    """

    def __init__(self, rows: int = _ROWS, seed: int = 0) -> None:
        self._rows, self._seed = rows, seed
        self._tables: list[pa.Table] = []
        self._keys: list[NDArray[np.uint64]] = []
        self._below = np.uint64(2**64 - 1)

    def add(self, table: pa.Table) -> None:
        """Look at rows with ``prediction_id``, ``asked_at`` and ``score``, and whatever else they have."""
        keys = _hashes(table, self._seed)
        here = keys <= self._below
        if here.any():
            self._tables.append(table.filter(here))
            self._keys.append(keys[here])
        if sum(map(len, self._keys)) > 4 * self._rows:
            self._keep()

    def frame(self) -> pd.DataFrame:
        """What was drawn so far, in the order of the hashes; without columns when there was no row."""
        import pandas as pd

        self._keep()
        frame: pd.DataFrame = self._tables[0].to_pandas() if self._tables else pd.DataFrame()
        return frame

    def _keep(self) -> None:
        if not self._keys:
            return
        from workbench.serving.log.columns import combined

        table, keys = combined(self._tables), np.concatenate(self._keys)
        # Rows of one moment and score may be many: their names decide.
        order = np.lexsort((table["prediction_id"].to_numpy(zero_copy_only=False), keys))[: self._rows]
        self._tables, self._keys = [table.take(order)], [keys[order]]
        if len(order) == self._rows:
            self._below = keys[order[-1]]


def sample_logged(
    log: PredictionLog,
    start: datetime | None = None,
    end: datetime | None = None,
    *,
    role: Role | None = None,
    version: int | None = None,
    rows: int = _ROWS,
    seed: int = 0,
    of: int | None = None,
) -> pd.DataFrame:
    """A sample of the predictions that ``log.read`` would read, with all their columns, in bounded memory.

    Parameters
    ----------
    of : int, optional
        How many there are between ``start`` and ``end``. Of very many only some stretches of time are read,
        spread evenly over the whole.
    """
    drawn = LoggedSample(rows, seed)
    for begin, finish in _stretches(start, end, rows, of):
        for table in log.batches(begin, finish, role=role, version=version):
            drawn.add(table)
    return drawn.frame()


def _stretches(
    start: datetime | None, end: datetime | None, rows: int, of: int | None
) -> Iterator[tuple[datetime | None, datetime | None]]:
    if start is None or end is None or of is None or of < _MANY * rows:
        yield start, end
        return
    step, share = (end - start) / _STRETCHES, _SPARE * rows / of
    for number in range(_STRETCHES):
        begin = start + step * (number + number * _GOLDEN % 1 * (1 - share))
        yield begin, begin + step * share


def _hashes(table: pa.Table, seed: int) -> NDArray[np.uint64]:
    import pyarrow as pa

    asked: NDArray[Any] = table["asked_at"].cast(pa.int64()).to_numpy()
    score: NDArray[Any] = table["score"].to_numpy()
    return _mixed(asked.view(np.uint64) ^ _mixed(score.view(np.uint64) + np.uint64(seed)))


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finalizer of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014)."""
    mixed = values + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
