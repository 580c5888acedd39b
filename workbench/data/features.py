"""Features: what they mean, and looking up those that have a memory as of a moment.

A feature with a memory (the weather, how late a carrier was lately) is kept as a point-in-time table:
a key, the moment from which a row was known, and values. Training looks it up as of the moment of
asking, and the server looks the very same table up for a raw row, so neither can see what was not
known yet, and both see the same.

A project's ``build(rows, memory, asked_at)`` makes a frame of features out of a frame of raw rows. Beside it,
in the same module, a project may have ``build_arrays``, which does the same on plain arrays
(:mod:`workbench.data.columns`) and of which ``build`` is then a thin wrapper::

    def build(rows, memory, asked_at):
        built = build_arrays(columns_of(rows, REQUEST), memory, moments_of(asked_at))
        return frame_of(built, FEATURES, rows.index)

A server calls ``build_arrays`` where there is one. A row then takes microseconds, where pandas takes
milliseconds.
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

    from workbench.data.lookup import MomentIndex

    Keys = pd.Series[Any] | NDArray[Any]
    Moments = pd.Series[Any] | pd.DatetimeIndex | NDArray[np.datetime64]

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
    _index: MomentIndex = field(repr=False)
    _number_names: tuple[str, ...] = field(repr=False)
    _numbers: NDArray[np.float64] = field(repr=False)
    _others: dict[str, NDArray[Any]] = field(repr=False)

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

        from workbench.data.lookup import MomentIndex, microseconds

        for column in (key, valid_from, *values):
            if column not in frame.columns:
                raise DataError(f"memory {name!r} has no column {column!r}")
        kept = frame[[key, valid_from, *values]]
        if kept[[key, valid_from]].isna().any(axis=None):
            raise DataError(f"memory {name!r} has rows without {key!r} or {valid_from!r}")
        since = microseconds(f"memory {name!r}: {valid_from!r}", kept[valid_from])
        codes, found = pd.factorize(np.asarray(kept[key], dtype=object), sort=True)
        order = np.lexsort((since, codes))
        limit = None if max_age is None else max_age // pd.Timedelta(microseconds=1)
        index = MomentIndex(name, found.tolist(), codes[order], since[order], limit)
        if not index.unique:
            raise DataError(f"memory {name!r} has two rows of one {key!r} valid from the same moment")
        ordered = kept.iloc[order].reset_index(drop=True)
        numbers = tuple(column for column in values if pd.api.types.is_numeric_dtype(ordered[column]))
        return cls(
            name=name,
            key=key,
            valid_from=valid_from,
            values=tuple(values),
            max_age=max_age,
            _frame=ordered,
            _index=index,
            _number_names=numbers,
            _numbers=_block(ordered, numbers),
            _others={column: _others(ordered[column]) for column in values if column not in numbers},
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

        found = pd.DataFrame(self.values_at(keys, at), index=_index_of(keys), copy=False)
        return found[list(self.values)]

    def values_at(self, keys: Keys, at: Moments) -> dict[str, NDArray[Any]]:
        """What :meth:`lookup` finds, as plain arrays: for a server, which has no time for a frame.

        Parameters
        ----------
        keys : Series or array
        at : Series or index of datetime64 with time zone, or array of datetime64 in UTC

        Returns
        -------
        dict of arrays
            Numbers as float64 (NaN where missing), all else as objects (None where missing).
        """
        rows = self._index.find(keys, at)
        found = dict(zip(self._number_names, self._numbers.take(rows, axis=1), strict=True))
        for name, column in self._others.items():
            found[name] = column.take(rows)
        return found

    def status(self, keys: Keys, at: Moments) -> pd.Series[str]:
        """How each lookup goes: ``"ok"``, ``"missing"`` (nothing known by then) or ``"stale"`` (too old)."""
        import numpy as np
        import pandas as pd

        from workbench.data.lookup import MISSING, STALE

        rows = self._index.find(keys, at)
        told = np.where(rows == MISSING, "missing", np.where(rows == STALE, "stale", "ok"))
        return pd.Series(told, index=_index_of(keys), name=self.name, dtype="str")

    def to_frame(self) -> pd.DataFrame:
        """The rows in order of key and moment, to be written as a dataset."""
        frame = self._frame.copy()
        frame.attrs = {"name": self.name, "key": self.key, "max_age": self.max_age}
        return frame


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


def _block(frame: pd.DataFrame, names: tuple[str, ...]) -> NDArray[np.float64]:
    """Numbers to take from, a row each: as float64, so that a missing one changes no type.

    Two columns of NaN stand at the end, for ``MISSING`` and ``STALE``.
    """
    import numpy as np

    block = np.full((len(names), len(frame) + 2), np.nan)
    for row, name in zip(block, names, strict=True):
        row[:-2] = frame[name].to_numpy(dtype="float64", na_value=np.nan)
    return block


def _others(column: pd.Series[Any]) -> NDArray[Any]:
    """What is no number to take from, as objects; None where it is missing, and twice at the end."""
    import numpy as np

    values = np.full(len(column) + 2, None, dtype=object)
    values[:-2] = column.astype(object).where(column.notna(), None)
    return values


def _index_of(keys: Keys) -> pd.Index[Any] | None:
    import pandas as pd

    return keys.index if isinstance(keys, pd.Series) else None
