"""A window counted against a reference, batch by batch."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from workbench.data.summary.summary import Column, Summary, names_of, read_column

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["Counting"]

_MOST_THREADS = 4
# Fewer values are counted before threads have started.
_WORTH_THREADS = 100_000


class Counting:
    """What of a window has been seen so far; its memory does not grow with the rows.

    Parameters
    ----------
    reference : Summary
        Gives the columns, the bins and the categories.
    threads : int, optional
        How many columns are counted at a time; default: one a core, at most four.
    """

    def __init__(self, reference: Summary, *, threads: int | None = None) -> None:
        self._reference = reference
        self._threads = threads or min(_MOST_THREADS, os.cpu_count() or 1)
        self._summary = Summary(0, {})

    def add(self, batch: pa.Table | pa.RecordBatch | pd.DataFrame) -> None:
        """Count more rows; columns that the reference has not are left alone."""
        have = names_of(batch)
        names = [name for name in self._reference.columns if name in have]

        def counted(name: str) -> Column:
            return self._reference.columns[name].count(read_column(batch, have[name]))

        if self._threads > 1 and len(batch) * len(names) >= _WORTH_THREADS:
            with ThreadPoolExecutor(self._threads) as pool:
                columns = list(pool.map(counted, names))
        else:
            columns = [counted(name) for name in names]
        self._summary += Summary(len(batch), dict(zip(names, columns, strict=True)))

    def summary(self) -> Summary:
        """The window so far; adding goes on afterwards."""
        return self._summary
