"""Leakage: which raw columns say more of the outcome than can be known when the model is asked."""

from __future__ import annotations

import pandas as pd

from flights.cleaning import LATE_AFTER

__all__ = ["KNOWN_AT", "leakage_suspects", "separation"]

_SCHEDULE = "when the schedule is published, months ahead"
_ASSIGNED = "when an aircraft is assigned, usually the day before"
_DEPARTURE = "at departure: two hours too late"
_ARRIVAL = "at arrival: too late"
_UNKNOWN = "nobody has said: find out before it is used"

#: When each raw column of the flights becomes known.
KNOWN_AT: dict[str, str] = {
    "year": _SCHEDULE,
    "month": _SCHEDULE,
    "day": _SCHEDULE,
    "hour": _SCHEDULE,
    "minute": _SCHEDULE,
    "time_hour": _SCHEDULE,
    "sched_dep_time": _SCHEDULE,
    "sched_arr_time": _SCHEDULE,
    "carrier": _SCHEDULE,
    "flight": _SCHEDULE,
    "origin": _SCHEDULE,
    "dest": _SCHEDULE,
    "distance": _SCHEDULE,
    "tailnum": _ASSIGNED,
    "dep_time": _DEPARTURE,
    "dep_delay": _DEPARTURE,
    "arr_time": _ARRIVAL,
    "arr_delay": _ARRIVAL,
    "air_time": _ARRIVAL,
}
_TOO_LATE = (_DEPARTURE, _ARRIVAL, _UNKNOWN)
# A text column with more values than this separates by chance: each value has its own few flights.
_MOST_CATEGORIES = 500


def leakage_suspects(flights: pd.DataFrame, suspicious: float = 0.7) -> pd.DataFrame:
    """When each raw column becomes known, and how well it alone separates late flights from the others.

    Parameters
    ----------
    flights : DataFrame
        The raw table; flights without an arrival have no outcome and do not count.
    suspicious : float
        A column that separates at least this well (ROC AUC) is suspect, whatever is said of it.

    Returns
    -------
    DataFrame
        Indexed by column, suspects first: ``known_at``, ``too_late`` (known only after the model was
        asked, or nobody has said when), ``roc_auc`` (0.5 is chance, 1 perfect; missing for text with
        too many values) and ``suspect``.
    """
    arrived = flights[flights["arr_delay"].notna()]
    late = arrived["arr_delay"] > LATE_AFTER / pd.Timedelta(minutes=1)
    known = pd.Series({column: KNOWN_AT.get(column, _UNKNOWN) for column in flights.columns}, dtype="str")
    auc = pd.Series({column: separation(arrived[column], late) for column in flights.columns})
    table = pd.DataFrame({"known_at": known, "too_late": known.isin(_TOO_LATE), "roc_auc": auc})
    table["suspect"] = table["too_late"] | (table["roc_auc"] >= suspicious)
    return table.rename_axis("column").sort_values(["suspect", "roc_auc"], ascending=False)


def separation(column: pd.Series, late: pd.Series) -> float:
    """ROC AUC of one column as the only predictor, in the better direction; categories by their late share.

    The AUC is the Mann-Whitney statistic over the product of the group sizes (Hanley & McNeil, "The
    meaning and use of the area under a ROC curve", Radiology 143, 1982).
    """
    if not (pd.api.types.is_numeric_dtype(column) or isinstance(column.dtype, pd.DatetimeTZDtype)):
        if column.nunique() > _MOST_CATEGORIES:
            return float("nan")
        column = column.map(late.astype("float64").groupby(column).mean())
    present = column.notna()
    ranks, target = column[present].rank(), late[present]
    positive, negative = int(target.sum()), int((~target).sum())
    if not positive or not negative:
        return float("nan")
    above = float(ranks[target].sum()) - positive * (positive + 1) / 2
    area = above / (positive * negative)
    return max(area, 1 - area)
