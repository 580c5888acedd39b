"""The split by time: learn from the past, be judged on what came after. Never at random."""

from __future__ import annotations

import numpy as np
import pandas as pd

from workbench.errors import DataError

__all__ = ["DEVELOP", "PARTS", "cut_off", "split_by_time", "split_summary", "thinned"]

#: The last weeks before the cut-off: models are compared on them while they are developed.
DEVELOP = pd.Timedelta(days=28)
PARTS = ("too_old", "train", "develop", "unknown_then", "validate", "later")


def cut_off(as_of: str) -> pd.Timestamp:
    """The moment that a date stands for: its midnight in New York, in UTC."""
    return pd.Timestamp(as_of, tz="America/New_York").tz_convert("UTC")


def split_by_time(
    asked_at: pd.Series,
    landed_at: pd.Series,
    as_of: str,
    train_from: str | None = None,
    known_until: str | None = None,
) -> pd.Series:
    """The part that each flight falls into.

    Parameters
    ----------
    asked_at : Series of datetime64 with time zone
        When the model is asked about the flight.
    landed_at : Series of datetime64 with time zone
        When its outcome was known.
    as_of : str
        The cut-off, such as ``"2013-07-01"``: nothing known later may be learnt from.
    train_from : str, optional
        The day from which on is learnt; default: from the first flight.
    known_until : str, optional
        Today: outcomes that were not known when it began do not count; default: all are known.

    Returns
    -------
    Series of str
        ``"train"``, ``"develop"`` (the last 28 days before the cut-off), ``"unknown_then"`` (asked before it,
        landed after: its outcome was not known yet), ``"validate"`` (the month after) or ``"later"``; and
        ``"too_old"`` before ``train_from``.

    Raises
    ------
    DataError
        When no flight's outcome was known before the cut-off, or none was asked about after it.
    """
    start = cut_off(as_of)
    end = cut_off(str((pd.Timestamp(as_of) + pd.DateOffset(months=1)).date()))
    for known, when in ((landed_at < start, "known before"), (asked_at >= start, "asked about after")):
        if not known.any():
            span = f"{asked_at.min():%Y-%m-%d} to {asked_at.max():%Y-%m-%d}"
            raise DataError(f"as_of {as_of}: no flight was {when} it; the flights span {span}")
    old = asked_at < cut_off(train_from) if train_from else asked_at.isna()
    unknown = landed_at >= cut_off(known_until) if known_until else landed_at.isna()
    conditions = [
        (asked_at >= end) | ((asked_at >= start) & unknown),
        asked_at >= start,
        landed_at >= start,
        old,
        asked_at >= start - DEVELOP,
    ]
    choices = ["later", "validate", "unknown_then", "too_old", "develop"]
    parts = np.select(conditions, choices, default="train")
    return pd.Series(parts, index=asked_at.index, name="split", dtype="str")


def thinned(prepared: pd.DataFrame, flights: int | None, seed: int) -> pd.DataFrame:
    """Only so many of the flights to learn from, drawn by lot, and all others; None leaves all."""
    learnt = prepared["split"] == "train"
    if flights is None or flights >= learnt.sum():
        return prepared
    drawn = prepared[learnt].sample(flights, random_state=seed).index
    return prepared[~learnt | prepared.index.isin(drawn)]


def split_summary(prepared: pd.DataFrame) -> pd.DataFrame:
    """What each part holds: from when to when, how many flights, how many of them late."""
    parts = [part for part in PARTS if (prepared["split"] == part).any()]
    summary = prepared.groupby("split").agg(
        asked_from=("asked_at", "min"),
        asked_until=("asked_at", "max"),
        flights=("late", "size"),
        late_share=("late", "mean"),
    )
    return summary.loc[parts]
