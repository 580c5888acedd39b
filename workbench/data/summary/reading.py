"""What a column of pandas or Arrow holds: numbers, times or categories.

The type says it where there is one; of Python objects it is what all of them are. Flags are the numbers 0 and
1. Nothing here raises on what a column holds: what is neither a number nor a time is a category, by its text.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Values", "read_arrow", "read_series"]

_NUMBERS = {"floating", "integer", "mixed-integer-float", "decimal"}


@dataclass(frozen=True, eq=False)
class Values:
    """A column, ready to be counted.

    Attributes
    ----------
    kind : str
        ``number`` or ``time`` with ``numbers``, ``category`` with ``texts``.
    numbers : ndarray of float64
        One a row, NaN where it is missing; of a time, seconds since 1970.
    texts : Array or ChunkedArray of text
        Those that are there.
    """

    kind: Literal["number", "time", "category"]
    rows: int
    numbers: NDArray[np.float64] | None = None
    texts: Any = None

    @cached_property
    def missing(self) -> int:
        if self.numbers is None:
            return self.rows - len(self.texts)
        return int(np.count_nonzero(np.isnan(self.numbers)))

    @property
    def foreign(self) -> dict[str, int]:
        """How many there are, by their kind: for a column that is of another."""
        present = self.rows - self.missing
        return {self.kind: present} if present else {}


def read_series(column: pd.Series[Any]) -> Values:
    """A pandas column."""
    import pandas as pd
    import pyarrow as pa

    kind = column.dtype
    if _is_number(kind):
        numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
        return Values("number", len(column), numbers=numbers)
    if str(kind) == "object" and pd.api.types.infer_dtype(column, skipna=True) in _NUMBERS:
        numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        return Values("number", len(column), numbers=numbers)
    try:
        return read_arrow(pa.array(column, from_pandas=True))
    except (pa.ArrowException, ValueError, TypeError):  # objects of several types, or text that is no Unicode
        return _of_objects(column.astype(object).to_numpy(), len(column))


def _is_number(kind: Any) -> bool:
    from pandas.api.types import is_complex_dtype, is_numeric_dtype

    return bool(is_numeric_dtype(kind)) and not is_complex_dtype(kind)


def read_arrow(column: Any) -> Values:
    """An Arrow column: a ChunkedArray or an Array."""
    import pyarrow as pa

    kind, rows = column.type, len(column)
    of = pa.types
    if of.is_boolean(kind):
        return Values("number", rows, numbers=_numbers(column.cast(pa.int8())))
    if of.is_integer(kind) or of.is_floating(kind) or of.is_decimal(kind):
        return Values("number", rows, numbers=_numbers(column))
    if of.is_timestamp(kind) or of.is_date(kind):
        ticks = column.cast(pa.timestamp("us"), safe=False).cast(pa.int64())
        return Values("time", rows, numbers=_numbers(ticks) / 1e6)
    if of.is_null(kind):
        return Values("category", rows, texts=pa.array([], pa.string()))
    if of.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    there = column.drop_null()
    if of.is_string(kind) or of.is_large_string(kind):
        texts = there
    elif of.is_string_view(kind):
        texts = there.cast(pa.large_string())
    else:
        return _of_objects(there.to_pylist(), rows)
    return Values("category", rows, texts=texts)


def _numbers(column: Any) -> NDArray[np.float64]:
    import pyarrow as pa

    column = column.cast(pa.float64(), safe=False)
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    if isinstance(column, pa.ChunkedArray):  # which combining gives for what is empty
        return np.empty(0)
    found: NDArray[np.float64] = column.to_numpy(zero_copy_only=False)
    return found


def _of_objects(values: Any, rows: int) -> Values:
    """Whatever they are, by their text."""
    import pandas as pd
    import pyarrow as pa

    there = [value for value in values if not (pd.api.types.is_scalar(value) and pd.isna(value))]
    # Half a surrogate pair is in Python's text, but in no file.
    texts = [str(value).encode("utf-8", "backslashreplace").decode() for value in there]
    return Values("category", rows, texts=pa.array(texts, pa.large_string()))
