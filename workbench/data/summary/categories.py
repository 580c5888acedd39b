"""Categories: how many of each value, those of the reference and, apart from them, the new ones."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from workbench.data.summary.column import ColumnSummary, added
from workbench.data.summary.reading import Values

__all__ = ["CategorySummary", "summarize_categories"]

Counts = NDArray[np.int64]

# Beyond so many values only rows are counted.
_MOST_VALUES = 100_000
# A category is a name. What is longer is kept by its beginning and a hash, or a few texts would fill memory.
_LONGEST, _BEGINNING = 200, 160


@dataclass(frozen=True, eq=False, kw_only=True)
class CategorySummary(ColumnSummary):
    """Categories by their text.

    Attributes
    ----------
    values : Array of string, (k,)
        Those of the reference, the most common first; at most 100,000.
    counts : ndarray of int64, (k,)
        How many rows have each.
    new : Array of string, (n,)
        Values that the reference has not, the most common first; at most 100,000.
    new_counts : ndarray of int64, (n,)
    rest : int
        Rows with a value beyond these: the rarest are not told apart.
    whole : bool
        Whether ``values`` are all that the reference has. If not, a value that is not among them may still
        be one of the reference's.
    """

    kind: Literal["category"] = "category"
    values: Any
    counts: Counts
    new: Any
    new_counts: Counts
    rest: int
    whole: bool

    def count(self, values: Values) -> CategorySummary:
        import pyarrow.compute as pc

        if values.texts is None:
            return self._of(values.rows, values.missing, values.foreign, self._zeros(), *_nothing())
        found, counts = _counted(values.texts)
        at = pc.index_in(found, value_set=self.values)
        place = at.fill_null(-1).to_numpy(zero_copy_only=False)
        known = self._zeros()
        known[place[place >= 0]] = counts[place >= 0]
        new = found.filter(at.is_null())
        return self._of(values.rows, values.missing, {}, known, *_bounded(new, counts[place < 0], 0))

    def alike(self, other: ColumnSummary) -> bool:
        if not isinstance(other, CategorySummary):
            return False
        return self.values is other.values or bool(self.values.equals(other.values))

    def nothing(self, rows: int) -> CategorySummary:
        return self._of(rows, rows, {}, self._zeros(), *_nothing())

    def __add__(self, other: CategorySummary) -> CategorySummary:
        self.refuse_apart(other)
        new, new_counts, rest = _bounded(
            *_merged((self.new, self.new_counts), (other.new, other.new_counts)), self.rest + other.rest
        )
        foreign = added(self.foreign, other.foreign)
        rows, missing = self.rows + other.rows, self.missing + other.missing
        return self._of(rows, missing, foreign, self.counts + other.counts, new, new_counts, rest)

    def _zeros(self) -> Counts:
        return np.zeros(len(self.values), np.int64)

    def _of(
        self,
        rows: int,
        missing: int,
        foreign: dict[str, int],
        counts: Counts,
        new: Any,
        new_counts: Counts,
        rest: int,
    ) -> CategorySummary:
        return CategorySummary(
            rows=rows,
            missing=missing,
            foreign=foreign,
            values=self.values,
            counts=counts,
            new=new,
            new_counts=new_counts,
            rest=rest,
            whole=self.whole,
        )


def summarize_categories(values: Values) -> CategorySummary:
    """The summary of a reference."""
    found, counts, rest = _bounded(*_counted(values.texts), 0)
    new, new_counts, _ = _nothing()
    return CategorySummary(
        rows=values.rows,
        missing=values.missing,
        foreign={},
        values=found,
        counts=counts,
        new=new,
        new_counts=new_counts,
        rest=rest,
        whole=rest == 0,
    )


def _nothing() -> tuple[Any, Counts, int]:
    import pyarrow as pa

    return pa.array([], pa.string()), np.zeros(0, np.int64), 0


def _counted(texts: Any) -> tuple[Any, Counts]:
    import pyarrow.compute as pc

    found = pc.value_counts(texts)
    return _shortened(found.field("values")), found.field("counts").to_numpy()


def _merged(first: tuple[Any, Counts], second: tuple[Any, Counts]) -> tuple[Any, Counts]:
    import pyarrow as pa

    if not len(first[0]) or not len(second[0]):
        return first if len(first[0]) else second
    values = pa.chunked_array([first[0], second[0]])
    counts = np.concatenate([first[1], second[1]])
    found = pa.table({"value": values, "count": counts}).group_by("value").aggregate([("count", "sum")])
    return found["value"].combine_chunks(), found["count_sum"].to_numpy()


def _bounded(values: Any, counts: Counts, rest: int) -> tuple[Any, Counts, int]:
    """The most common first, of equally common ones by their text; what is beyond the limit as rows."""
    import pyarrow as pa
    import pyarrow.compute as pc

    order = pc.sort_indices(
        pa.table({"value": values, "count": counts}),
        sort_keys=[("count", "descending"), ("value", "ascending")],
    )
    values, counts = values.take(order), counts[order.to_numpy()]
    rest += int(counts[_MOST_VALUES:].sum())
    return values[:_MOST_VALUES], counts[:_MOST_VALUES], rest


def _shortened(texts: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    if (pc.max(pc.binary_length(texts)).as_py() or 0) > _LONGEST:
        texts = pa.array([_short(text) for text in texts.to_pylist()], pa.string())
    return texts.cast(pa.string())


def _short(text: str) -> str:
    if len(text.encode()) <= _LONGEST:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    beginning = text.encode()[:_BEGINNING].decode(errors="ignore")
    return f"{beginning}… {digest}"
