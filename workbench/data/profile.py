"""The profile of a table: one row a column, and what moved between two profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["compare_profiles", "profile"]


def profile(frame: pd.DataFrame) -> pd.DataFrame:
    """Describe each column.

    Returns
    -------
    DataFrame
        Indexed by column: ``type``, ``missing`` (share, 0 to 1), ``distinct`` (count), ``mean``,
        ``std``, ``min``, ``median``, ``max`` for numbers and times, ``top`` and ``top_share`` (the most
        frequent value) for everything else.
    """
    import pandas as pd

    rows = {str(name): _describe(frame[name]) for name in frame.columns}
    order = ["type", "missing", "distinct", "mean", "std", "min", "median", "max", "top", "top_share"]
    return pd.DataFrame.from_dict(rows, orient="index").reindex(columns=order).rename_axis("column")


def _describe(column: pd.Series) -> dict[str, Any]:
    import pandas as pd

    told: dict[str, Any] = {
        "type": str(column.dtype),
        "missing": float(column.isna().mean()) if len(column) else 0.0,
        "distinct": int(column.nunique()),
    }
    present = column.dropna()
    if present.empty:
        return told
    if pd.api.types.is_bool_dtype(present) or not (
        pd.api.types.is_numeric_dtype(present) or pd.api.types.is_datetime64_any_dtype(present)
    ):
        counts = present.value_counts()
        return told | {"top": str(counts.index[0]), "top_share": float(counts.iloc[0] / len(present))}
    told |= {"min": present.min(), "median": present.median(), "max": present.max()}
    if pd.api.types.is_numeric_dtype(present):
        told |= {"mean": float(present.mean()), "std": float(present.std())}
    return told


def compare_profiles(old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """What moved from one profile to another, the largest shift first.

    Returns
    -------
    DataFrame
        Indexed by column: ``change`` (added, removed, retyped or empty), ``missing_before``,
        ``missing_after``, ``mean_before``, ``mean_after`` and ``shift`` (difference of the means in
        standard deviations of the older version).
    """
    import pandas as pd

    rows: dict[str, dict[str, Any]] = {}
    for name in [*new.index, *(column for column in old.index if column not in new.index)]:
        if name not in old.index or name not in new.index:
            rows[name] = {"change": "added" if name in new.index else "removed"}
            continue
        before, after = old.loc[name], new.loc[name]
        spread = before["std"] if pd.notna(before["std"]) and before["std"] else float("nan")
        rows[name] = {
            "change": "retyped" if before["type"] != after["type"] else "",
            "missing_before": before["missing"],
            "missing_after": after["missing"],
            "mean_before": before["mean"],
            "mean_after": after["mean"],
            "shift": (after["mean"] - before["mean"]) / spread,
        }
    columns = ["change", "missing_before", "missing_after", "mean_before", "mean_after", "shift"]
    table = pd.DataFrame.from_dict(rows, orient="index").reindex(columns=columns).rename_axis("column")
    return table.sort_values(
        "shift", key=lambda shift: shift.astype(float).abs(), ascending=False, kind="stable"
    )
