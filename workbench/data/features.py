"""Features: what they mean, and looking up those that have a memory as of a moment.

A feature with a memory (the weather, how late a carrier was lately) is kept as a point-in-time table:
a key, the moment from which a row was known, and values. Training looks it up as of the moment of
asking, and the server looks the very same table up for a raw row, so neither can see what was not
known yet, and both see the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from workbench.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    Keys = pd.Series[Any] | NDArray[Any]
    Moments = pd.Series[Any] | pd.DatetimeIndex

__all__ = ["Feature", "MemorySpec", "PointInTimeTable", "catalogue", "open_memory"]


@dataclass(frozen=True)
class Feature:
    """One input of the model, in words that people understand.

    Parameters
    ----------
    name : str
        The column that the model sees.
    kind : {"number", "category"}
        How the model takes it.
    unit : str
        The unit of a number, such as ``"min"``; empty for a category.
    definition : str
        What it is, in one sentence.
    owner : str
        Who answers for it.
    inputs : tuple of str
        Its lineage: what it is computed from, as ``dataset.column``.
    """

    name: str
    kind: Literal["number", "category"]
    unit: str
    definition: str
    owner: str
    inputs: tuple[str, ...]


@dataclass(frozen=True)
class MemorySpec:
    """What a memory dataset holds: the column of its key, its values, and how old a row may get."""

    key: str
    values: tuple[str, ...]
    max_age: pd.Timedelta | None = None


@dataclass(frozen=True, eq=False)
class PointInTimeTable:
    """Values by key and by the moment from which they were known.

    Attributes
    ----------
    name : str
        The dataset's name.
    key, valid_from : str
        The columns of the key and of the moment from which a row was known.
    values : tuple of str
        The columns that are looked up.
    max_age : Timedelta or None
        A row older than this is stale, and its values count as missing.
    """

    name: str
    key: str
    valid_from: str
    values: tuple[str, ...]
    max_age: pd.Timedelta | None
    _frame: pd.DataFrame = field(repr=False)
    _columns: dict[str, NDArray[Any]] = field(repr=False)
    _codes: dict[Any, int] = field(repr=False)
    _moments: NDArray[np.int64] = field(repr=False)
    _rows: NDArray[np.int64] = field(repr=False)
    _since: NDArray[np.int64] = field(repr=False)

    @classmethod
    def from_frame(
        cls,
        name: str,
        frame: pd.DataFrame,
        key: str,
        valid_from: str = "valid_from",
        values: Sequence[str] = (),
        max_age: pd.Timedelta | None = None,
    ) -> PointInTimeTable:
        """Make a table for looking up out of rows in any order.

        Raises
        ------
        DataError
            When a column is absent, the moments have no time zone, a key or moment is missing, or
            two rows of one key are valid from the same moment.
        """
        import numpy as np
        import pandas as pd

        for column in (key, valid_from, *values):
            if column not in frame.columns:
                raise DataError(f"memory {name!r} has no column {column!r}")
        kept = frame[[key, valid_from, *values]]
        if kept[[key, valid_from]].isna().any(axis=None):
            raise DataError(f"memory {name!r} has rows without {key!r} or {valid_from!r}")
        since = _microseconds(f"memory {name!r}: {valid_from!r}", kept[valid_from])
        codes, found = pd.factorize(np.asarray(kept[key], dtype=object), sort=True)
        order = np.lexsort((since, codes))
        moments = np.unique(since)
        # One sorted array for all keys: the key's code times the count of moments, plus the moment's rank.
        ranks = np.searchsorted(moments, since[order], side="right")
        rows = codes[order].astype(np.int64) * (len(moments) + 1) + ranks
        if (np.diff(rows) == 0).any():
            raise DataError(f"memory {name!r} has two rows of one {key!r} valid from the same moment")
        ordered = kept.iloc[order].reset_index(drop=True)
        return cls(
            name=name,
            key=key,
            valid_from=valid_from,
            values=tuple(values),
            max_age=max_age,
            _frame=ordered,
            _columns={column: _values(ordered[column]) for column in values},
            _codes={key: code for code, key in enumerate(found)},
            _moments=moments,
            _rows=rows,
            _since=since[order],
        )

    def __len__(self) -> int:
        return len(self._frame)

    def lookup(self, keys: Keys, at: Moments) -> pd.DataFrame:
        """The values that were known at each moment: the last row with ``valid_from <= at`` of the key.

        Parameters
        ----------
        keys : Series or array
            The key of each row asked for; a missing one finds nothing.
        at : Series or index of datetime64 with time zone
            The moment as of which each row is asked for.

        Returns
        -------
        DataFrame
            The value columns, indexed like ``keys``; missing where :meth:`status` is not ``"ok"``.
        """
        import pandas as pd

        return pd.DataFrame(self.values_at(keys, at), index=_index_of(keys), copy=False)

    def values_at(self, keys: Keys, at: Moments) -> dict[str, NDArray[Any]]:
        """What :meth:`lookup` finds, as plain arrays: for a server, which has no time for a frame."""
        import numpy as np

        found, stale = self._locate(keys, at)
        here = (found >= 0) & ~stale
        rows = found[here]
        columns: dict[str, NDArray[Any]] = {}
        for name, column in self._columns.items():
            taken = np.full(len(found), np.nan, dtype=column.dtype)
            taken[here] = column[rows]
            columns[name] = taken
        return columns

    def status(self, keys: Keys, at: Moments) -> pd.Series[str]:
        """How each lookup goes: ``"ok"``, ``"missing"`` (nothing known by then) or ``"stale"`` (too old)."""
        import numpy as np
        import pandas as pd

        found, stale = self._locate(keys, at)
        told = np.where(found < 0, "missing", np.where(stale, "stale", "ok"))
        return pd.Series(told, index=_index_of(keys), name=self.name, dtype="str")

    def to_frame(self) -> pd.DataFrame:
        """The rows in order of key and moment, to be written as a dataset."""
        frame = self._frame.copy()
        frame.attrs = {"name": self.name, "key": self.key, "max_age": self.max_age}
        return frame

    def _locate(self, keys: Keys, at: Moments) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The row of each lookup (-1: there is none), and whether it is too old."""
        import numpy as np
        import pandas as pd

        moments = _microseconds(f"lookup in {self.name!r}", at)
        code_of = self._codes.get
        codes = np.array([code_of(key, -1) for key in np.asarray(keys, dtype=object)], dtype=np.int64)
        if codes.shape != moments.shape:
            raise DataError(f"lookup in {self.name!r}: {len(codes)} keys for {len(moments)} moments")
        span = len(self._moments) + 1
        wanted = codes * span + np.searchsorted(self._moments, moments, side="right")
        found = np.searchsorted(self._rows, wanted, side="right").astype(np.int64) - 1
        # The row before may be another key's: then nothing was known of this key yet.
        nothing = (codes < 0) | (found < 0)
        nothing[~nothing] = self._rows[found[~nothing]] // span != codes[~nothing]
        found[nothing] = -1
        stale = np.zeros(len(found), dtype=bool)
        if self.max_age is not None:
            limit = self.max_age // pd.Timedelta(microseconds=1)
            stale[~nothing] = moments[~nothing] - self._since[found[~nothing]] > limit
        return found, stale


def open_memory(
    specs: Mapping[str, MemorySpec], frames: Mapping[str, pd.DataFrame]
) -> dict[str, PointInTimeTable]:
    """The tables that ``specs`` describe, out of the frames of the same names."""
    return {
        name: PointInTimeTable.from_frame(
            name, frames[name], key=spec.key, values=spec.values, max_age=spec.max_age
        )
        for name, spec in specs.items()
    }


def catalogue(features: Iterable[Feature], frame: pd.DataFrame) -> pd.DataFrame:
    """The feature catalogue: one row a feature, with what it means and what it looks like in ``frame``.

    Returns
    -------
    DataFrame
        ``feature``, ``kind``, ``unit``, ``definition``, ``owner``, ``lineage``, then ``missing`` (share,
        0 to 1), ``distinct``, ``mean``, ``std``, ``min``, ``median``, ``max`` for numbers, and ``top``,
        ``top_share`` for categories.

    Raises
    ------
    DataError
        When ``frame`` lacks a feature.
    """
    import pandas as pd

    from workbench.data.profile import profile

    listed = list(features)
    for feature in listed:
        if feature.name not in frame.columns:
            raise DataError(f"the catalogue lists {feature.name!r}, which is not in the frame")
    seen = profile(frame[[feature.name for feature in listed]]).drop(columns="type")
    about = pd.DataFrame(
        {
            "feature": [feature.name for feature in listed],
            "kind": [feature.kind for feature in listed],
            "unit": [feature.unit for feature in listed],
            "definition": [feature.definition for feature in listed],
            "owner": [feature.owner for feature in listed],
            "lineage": [", ".join(feature.inputs) for feature in listed],
        }
    )
    numbers = seen.drop(columns=["distinct", "top"]).astype("float64")
    described = numbers.assign(distinct=seen["distinct"].astype("int64"), top=seen["top"].astype("str"))
    return pd.concat([about, described[seen.columns].reset_index(drop=True)], axis=1)


def _microseconds(what: str, moments: Moments) -> NDArray[np.int64]:
    import pandas as pd

    index = moments if isinstance(moments, pd.DatetimeIndex) else pd.DatetimeIndex(moments)
    if index.tz is None:
        raise DataError(f"{what}: these times have no time zone; give them in UTC")
    return index.as_unit("us").asi8


def _values(column: pd.Series[Any]) -> NDArray[Any]:
    """A column to take values from: numbers as float64, so that a missing one changes no type."""
    import pandas as pd

    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(dtype="float64", na_value=float("nan"))
    return column.to_numpy(dtype=object)


def _index_of(keys: Keys) -> pd.Index[Any] | None:
    import pandas as pd

    return keys.index if isinstance(keys, pd.Series) else None
