"""What a source says of rows where nobody has said how: its columns, by the columns of its key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.errors import DataError
from workbench.project import Project

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["joined"]

_TAKEN = "iufbOUT"  # NumPy's kinds of columns that can be features: numbers and texts, and no times


def joined(project: Project, source: str, rows: pd.DataFrame, pulled: pd.DataFrame) -> pd.DataFrame:
    """The columns of a source besides its key, indexed like the rows; missing where it says nothing.

    Each is named after its source, so that it is no feature already.

    Raises
    ------
    DataError
        The rows have no such key, or the source says two things of one, or none at all.
    """
    key = list(project.config.sources[source].key)
    how = "say what it gives: --features MODULE:FUNCTION"
    if missing := [name for name in key if name not in rows]:
        raise DataError(f"{source} is told by {missing[0]!r}, which prepared rows do not have; {how}")
    if pulled.duplicated(key).any():
        raise DataError(f"{source} has several rows of one {', '.join(key)}; {how}")
    names = [name for name in pulled if name not in key and pulled[name].dtype.kind in _TAKEN]
    if not names:
        raise DataError(f"{source} holds no number and no text besides its key {', '.join(key)}; {how}")
    said = pulled[[*key, *names]].rename(columns={name: f"{source}_{name}" for name in names})
    return rows[key].merge(said, on=key, how="left").drop(columns=key).set_axis(rows.index)
