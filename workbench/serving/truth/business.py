"""The business key: raw columns that tell one case from another, when nobody kept the prediction id.

``[serving] key`` names them. Ground truth that comes with them is kept as a JSON object, and meets the logged
predictions here, brought to the types of the logged columns: 1545, 1545.0 and ``"1545"`` are the same number,
and one moment in different zones is the same time. Texts are compared letter by letter. What is missing
equals nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from workbench.project import Project
from workbench.registry.cases import INPUT
from workbench.serving.personal import Pseudonyms
from workbench.serving.protocol.cells import Cell
from workbench.serving.protocol.refused import Refused, shown

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["BusinessKey", "codes", "match"]

_ZONED = r"(?:Z|z|[+-]\d\d(?::?\d\d)?)$"
_ENCODER = msgspec.json.Encoder(order="deterministic")


@dataclass(frozen=True)
class BusinessKey:
    """The business key of a project.

    Attributes
    ----------
    columns
        Names of raw columns; empty in a project that has no key.
    pseudonyms
        Of those columns that are ``personal``: the log has only their pseudonyms, and so has the key.
    """

    columns: tuple[str, ...] = ()
    personal: frozenset[str] = frozenset()
    pseudonyms: Pseudonyms | None = None

    @classmethod
    def open(cls, project: Project) -> BusinessKey:
        """As ``[serving] key`` and ``[serving] personal`` say."""
        config = project.config.serving
        personal = frozenset(config.key) & frozenset(config.personal)
        return cls(config.key, personal, Pseudonyms.open(project) if personal else None)

    def text(self, key: Mapping[str, Cell]) -> str:
        """A key as it is kept: a JSON object, its names in order.

        Raises
        ------
        Refused
            With 400 when it is not made of exactly the columns that the project names.
        """
        if not self.columns:
            raise Refused(400, "this project has no business key ([serving] key); name the prediction_id")
        if key.keys() != set(self.columns):
            odd = min(key.keys() ^ set(self.columns))
            what = "is no part of" if odd in key else "is missing from"
            raise Refused(400, f"{shown(odd)} {what} the key, which is {', '.join(self.columns)}")
        if None in key.values():
            name = next(name for name, cell in key.items() if cell is None)
            raise Refused(400, f"the key's {shown(name)} is null, which tells no case from others")
        return _ENCODER.encode({name: self._kept(name, cell) for name, cell in key.items()}).decode()

    def _kept(self, name: str, cell: Cell) -> Cell:
        if name in self.personal and self.pseudonyms is not None:
            return self.pseudonyms.of(cell)
        if isinstance(cell, bool) or (isinstance(cell, float) and cell.is_integer()):
            return int(cell)
        return cell

    def columns_of(self, texts: Sequence[str]) -> dict[str, list[Cell]]:
        """The cells of kept keys by column; None where a key of older settings has no such column."""
        keys = [msgspec.json.decode(text) for text in texts]
        return {name: [key.get(name) for key in keys] for name in self.columns}


def match(
    logged: pd.DataFrame, given: Mapping[str, Sequence[Cell]]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Numbers for business keys, equal where keys are equal; -1 for a key that equals none.

    Parameters
    ----------
    logged : DataFrame
        Read from the prediction log: the columns of ``given`` are there as ``input.<name>``.
    given : mapping
        The columns of the keys that came with ground truth.

    Returns
    -------
    tuple of ndarray
        For ``logged``, of shape (rows,), and for ``given``.
    """
    rows = len(logged)
    found: NDArray[np.int64] | None = None
    for name, cells in given.items():
        column = logged[f"{INPUT}{name}"]
        both = codes(*_alike(column, cells))
        missing = both < 0
        if found is not None:
            # Two numbers below 2^31 make one below 2^62, which is made small again.
            both = codes(found * (both.max(initial=0) + 1) + both)
            missing |= found < 0
        found = np.where(missing, -1, both)
    assert found is not None, "a business key has columns"
    return found[:rows], found[rows:]


def codes(*parts: NDArray[Any]) -> NDArray[np.int64]:
    """A number from 0 for each value of the arrays put together, the same for equal ones; -1 for missing."""
    import pandas as pd

    found: NDArray[np.int64] = pd.factorize(np.concatenate(parts))[0].astype(np.int64)
    return found


def _alike(logged: pd.Series[Any], cells: Sequence[Cell]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Both as arrays of the logged column's type; what cannot be brought to it is missing."""
    import pandas as pd

    if isinstance(logged.dtype, pd.DatetimeTZDtype) or logged.dtype.kind == "M":
        return logged.to_numpy("datetime64[us]"), _times(cells)
    if logged.dtype.kind in "fiub":
        numbers: pd.Series[Any] = pd.to_numeric(pd.Series(np.array(cells, dtype=object)), errors="coerce")
        return logged.to_numpy(np.float64, na_value=np.nan), numbers.to_numpy(np.float64)
    texts = [cell if isinstance(cell, str) or cell is None else str(cell) for cell in cells]
    return logged.astype(object).where(logged.notna(), None).to_numpy(object), np.array(texts, dtype=object)


def _times(cells: Sequence[Cell]) -> NDArray[np.datetime64]:
    """Times in UTC; one without a zone may be any moment of a day, so it equals none."""
    import pandas as pd

    texts = pd.Series(
        np.array([cell if isinstance(cell, str) else None for cell in cells], object), dtype="str"
    )
    zoned = texts.str.contains(_ZONED, regex=True, na=False)
    times = pd.to_datetime(texts.where(zoned, None), utc=True, errors="coerce", format="ISO8601")
    return times.dt.tz_localize(None).to_numpy("datetime64[us]")
