"""What changed between two versions of a dataset: columns, types and rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Changes", "compare"]


@dataclass(frozen=True)
class Changes:
    """Differences from an older to a newer version; row counts are by key where there is one."""

    columns_added: tuple[str, ...]
    columns_removed: tuple[str, ...]
    columns_retyped: tuple[str, ...]
    rows_added: int
    rows_removed: int
    rows_changed: int

    @property
    def any(self) -> bool:
        return self != Changes((), (), (), 0, 0, 0)

    def __str__(self) -> str:
        if not self.any:
            return "nothing changed"
        parts = [
            f"{count:,} rows {what}"
            for count, what in (
                (self.rows_added, "added"),
                (self.rows_removed, "removed"),
                (self.rows_changed, "changed"),
            )
            if count
        ]
        parts += [
            f"columns {what}: {', '.join(names)}"
            for names, what in (
                (self.columns_added, "added"),
                (self.columns_removed, "removed"),
                (self.columns_retyped, "with another type"),
            )
            if names
        ]
        return "; ".join(parts)


def compare(old: pd.DataFrame, new: pd.DataFrame, key: tuple[str, ...] = ()) -> Changes:
    """Compare two versions.

    Rows are matched by ``key``; without one (or where a version lacks it) a changed row counts as
    one removed and one added, since nothing says that it is the same row.
    """
    shared = [column for column in new.columns if column in old.columns]
    retyped = tuple(column for column in shared if str(old[column].dtype) != str(new[column].dtype))
    old_rows = _fingerprints(old, shared, key)
    new_rows = _fingerprints(new, shared, key)
    both = old_rows.index.intersection(new_rows.index)
    changed = int((old_rows.loc[both] != new_rows.loc[both]).sum()) if len(both) else 0
    return Changes(
        columns_added=tuple(column for column in new.columns if column not in old.columns),
        columns_removed=tuple(column for column in old.columns if column not in new.columns),
        columns_retyped=retyped,
        rows_added=len(new_rows) - len(both),
        rows_removed=len(old_rows) - len(both),
        rows_changed=changed,
    )


def _fingerprints(frame: pd.DataFrame, columns: list[str], key: tuple[str, ...]) -> pd.Series:
    """A 64-bit hash of each row's shared columns, indexed by a hash of the key.

    Without a key the row's own hash and its repetition number stand in for one.
    """
    import pandas as pd

    rows = pd.util.hash_pandas_object(frame[columns].astype("str"), index=False)
    if key and all(column in frame.columns for column in key):
        identity = pd.util.hash_pandas_object(frame[list(key)].astype("str"), index=False)
    else:
        repetition = rows.groupby(rows).cumcount()
        identity = pd.util.hash_pandas_object(pd.DataFrame({"row": rows, "nth": repetition}), index=False)
    return pd.Series(rows.to_numpy(), index=pd.Index(identity.to_numpy()))
