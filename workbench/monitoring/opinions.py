"""What users think of a window's answers, by user group: ratings and remarks, never mixed with what is true.

A rating lies between 1 and 5, so its variance is at most that of a yes or no with the same mean, and Wilson's
interval for a share (Journal of the American Statistical Association 22, 1927) holds for the mean of ratings:
rather too wide than too narrow, and of some width even when all agree. Ratings are taken to be independent of
each other; whoever sends many weighs as much as many.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.monitoring.findings.documents import from_document, to_document
from workbench.monitoring.findings.signal import Signal, SignalVerdict
from workbench.registry.gates.bootstrap import Interval

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["GroupOpinion", "Opinions", "Remark", "measure_opinions"]

_LOWEST, _HIGHEST = 1.0, 5.0
_FEWEST_RATINGS = 10
_MOST_GROUPS = 50
_NEWEST = 20
_QUANTILE = 1.959964  # of the normal distribution, for 95 %


@dataclass(frozen=True)
class GroupOpinion:
    """What one user group thinks; empty is whoever named none.

    Attributes
    ----------
    count, predictions : int
        How often anything was said, and of how many predictions.
    rating : Interval
        The mean, from 1 (useless) to 5 (just right); without an interval below ten ratings.
    remarks : int
        How many said something in words.
    """

    group: str
    count: int
    predictions: int
    rating: Interval
    remarks: int


@dataclass(frozen=True)
class Remark:
    """A user's own words: data, to be escaped by whoever shows them."""

    given_at: datetime
    user_group: str
    prediction_id: str
    rating: float
    text: str


@dataclass(frozen=True)
class Opinions:
    """What was said in a window.

    Attributes
    ----------
    count, predictions, rating, remarks
        As of :class:`GroupOpinion`, of all groups together.
    groups : tuple of GroupOpinion
        Those that said most, first; at most fifty.
    newest : tuple of Remark
        The newest first; at most twenty.
    verdict : str
        ``bad`` when the rating is surely lower than in the newest window before that has opinions.
    """

    count: int
    predictions: int
    rating: Interval
    remarks: int
    groups: tuple[GroupOpinion, ...]
    newest: tuple[Remark, ...]
    verdict: SignalVerdict
    why: str

    def signals(self) -> Iterator[Signal]:
        yield Signal("opinions.rating", self.rating.value, self.verdict, self.why)
        says = f"{self.count:,} opinions on {self.predictions:,} predictions, {self.remarks:,} with a remark"
        yield Signal("opinions.count", float(self.count), "ok", says)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values; NaN is null."""
        return to_document(self)

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> Opinions:
        return from_document(cls, raw)


def measure_opinions(found: pd.DataFrame, *, before: Opinions | None = None) -> Opinions:
    """What users think.

    Parameters
    ----------
    found : DataFrame
        The feedback of the window, as :func:`workbench.serving.truth.feedback.read` gives it.
    before : Opinions, optional
        Of the newest window before of which anybody said anything.
    """
    whole = _opinion("", found)
    verdict, why = _verdict(whole, before)
    each = [_opinion(str(name), rows) for name, rows in found.groupby("user_group", sort=True)]
    return Opinions(
        count=whole.count,
        predictions=whole.predictions,
        rating=whole.rating,
        remarks=whole.remarks,
        groups=tuple(sorted(each, key=lambda group: -group.count)[:_MOST_GROUPS]),
        newest=tuple(_newest(found)),
        verdict=verdict,
        why=why,
    )


def _opinion(name: str, rows: pd.DataFrame) -> GroupOpinion:
    return GroupOpinion(
        group=name,
        count=len(rows),
        predictions=int(rows["prediction_id"].nunique()),
        rating=_mean(rows["rating"].to_numpy(float)),
        remarks=int((rows["remark"] != "").sum()),
    )


def _mean(ratings: np.ndarray[Any, Any]) -> Interval:
    given = ratings[(ratings >= _LOWEST) & (ratings <= _HIGHEST)]
    value = float(given.mean()) if len(given) else float("nan")
    if len(given) < _FEWEST_RATINGS:
        return Interval(value, float("nan"), float("nan"))
    share, count, square = (value - _LOWEST) / (_HIGHEST - _LOWEST), len(given), _QUANTILE**2
    middle = (share + square / (2 * count)) / (1 + square / count)
    reach = _QUANTILE * sqrt(share * (1 - share) / count + square / (4 * count**2)) / (1 + square / count)
    low, high = (_LOWEST + (_HIGHEST - _LOWEST) * end for end in (middle - reach, middle + reach))
    return Interval(value, low, high)


def _verdict(whole: GroupOpinion, before: Opinions | None) -> tuple[SignalVerdict, str]:
    if not whole.rating.known:
        return "inconclusive", f"fewer than {_FEWEST_RATINGS} ratings"
    why = f"rated {whole.rating} of {_HIGHEST:g}"
    if before is None or not before.rating.known:
        return "ok", why
    fell = whole.rating.high < before.rating.low
    return ("bad" if fell else "ok"), f"{why}; {before.rating} before"


def _newest(found: pd.DataFrame) -> Iterator[Remark]:
    said = found[found["remark"] != ""].sort_values("given_at", kind="stable").tail(_NEWEST)
    for row in said[::-1].to_dict("records"):
        yield Remark(
            given_at=row["given_at"].to_pydatetime(warn=False),
            user_group=row["user_group"],
            prediction_id=row["prediction_id"],
            rating=row["rating"],
            text=row["remark"],
        )
