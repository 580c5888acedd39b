"""The answers of one version in one window as arrays: each once, with what is known to be true by now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.errors import UnknownName

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from workbench.registry.gates.bootstrap import Floats

__all__ = ["Answers"]


@dataclass(frozen=True, eq=False)
class Answers:
    """Answers that count, in any order.

    Attributes
    ----------
    frame : DataFrame
        The rows, with whatever other columns they have.
    asked_at : Series of datetime
        In the column's own time zone, in which days begin.
    score : ndarray of float
        Finite.
    truth : ndarray of float
        1, 0, or NaN where it is not known yet.
    known_at : ndarray of datetime64[us]
        In UTC; NaT where it is not known, or nobody said when it became so.
    failed : int
        Answers without a finite score, which do not count.
    repeated : int
        Answers that were there twice; the last one counts.
    undated : int
        Answers without a time, which lie in no window.
    odd : int
        Labels other than 0 and 1, which do not count; ``odd_example`` is one of them.
    ahead : int
        Labels that become known only after now: they are not known yet.
    """

    frame: pd.DataFrame
    asked_at: pd.Series[Any]
    score: Floats
    truth: Floats
    known_at: NDArray[np.datetime64]
    failed: int = 0
    repeated: int = 0
    undated: int = 0
    odd: int = 0
    odd_example: str = ""
    ahead: int = 0

    @classmethod
    def of(cls, frame: pd.DataFrame, *, time: str, label: str, now: datetime | None = None) -> Answers:
        """Take the answers that count.

        Parameters
        ----------
        frame : DataFrame
            ``prediction_id``, ``score``, ``time`` and ``label``; if they are there, ``known_at`` and
            ``truth_label`` (as of :func:`workbench.serving.labelled`).
        now : datetime, optional
            What becomes known later is not known.

        Raises
        ------
        UnknownName
            When a column is not there.
        """
        import pandas as pd

        for column in ("prediction_id", "score", time, label):
            if column not in frame.columns:
                raise UnknownName("column", column, map(str, frame.columns), where="the answers")
        ids = frame["prediction_id"]
        once = frame[~ids.duplicated(keep="last") | ids.isna()]
        asked_at = once[time]
        if asked_at.dtype.kind != "M":
            asked_at = pd.to_datetime(asked_at, utc=True, errors="coerce", format="ISO8601")
        score = _numbers(once["score"])
        dated, scored = asked_at.notna().to_numpy(), np.isfinite(score)
        kept = once[dated & scored].reset_index(drop=True)
        truth, odd = _truth(kept, label)
        known_at = _known_at(kept, ~np.isnan(truth))
        ahead = np.zeros(len(kept), dtype=bool)
        if now is not None:
            ahead = known_at > np.datetime64(pd.Timestamp(now).tz_convert("UTC").tz_localize(None), "us")
        return cls(
            frame=kept,
            asked_at=asked_at[dated & scored].reset_index(drop=True),
            score=score[dated & scored],
            truth=np.where(ahead, np.nan, truth),
            known_at=np.where(ahead, np.datetime64("NaT"), known_at),
            failed=int((dated & ~scored).sum()),
            repeated=len(frame) - len(once),
            undated=int((~dated).sum()),
            odd=len(odd),
            odd_example=str(odd[0])[:40] if len(odd) else "",
            ahead=int(ahead.sum()),
        )

    def __len__(self) -> int:
        return len(self.score)

    @property
    def known(self) -> NDArray[np.bool_]:
        """Where the truth is known."""
        return ~np.isnan(self.truth)

    def only(self, rows: NDArray[np.bool_]) -> Answers:
        """Some of the rows; what did not count stays as it was counted."""
        return replace(
            self,
            frame=self.frame[rows].reset_index(drop=True),
            asked_at=self.asked_at[rows].reset_index(drop=True),
            score=self.score[rows],
            truth=self.truth[rows],
            known_at=self.known_at[rows],
        )

    def notes(self) -> Iterator[str]:
        """What was left out, and why."""
        if self.failed:
            yield f"{self.failed:,} answers without a score do not count"
        if self.repeated:
            yield f"{self.repeated:,} answers that are there twice count once"
        if self.undated:
            yield f"{self.undated:,} answers without a time are left out"
        if self.odd:
            yield f"{self.odd:,} labels are neither 0 nor 1 (such as {self.odd_example}) and do not count"
        if self.ahead:
            yield f"{self.ahead:,} labels become known only later, by their own time, and do not count yet"


def _numbers(column: pd.Series[Any]) -> Floats:
    """Whatever kind of column as float64; NaN for what is no number."""
    import pandas as pd

    plain = column.astype(object) if isinstance(column.dtype, pd.CategoricalDtype) else column
    numbers: Floats = pd.to_numeric(plain, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    return numbers


def _truth(kept: pd.DataFrame, label: str) -> tuple[Floats, NDArray[np.object_]]:
    """1, 0 and NaN; and the labels that are none of these."""
    truth, given = _numbers(kept[label]), kept[label].notna().to_numpy()
    binary = np.isin(truth, (0.0, 1.0))
    odd = kept[label].to_numpy(dtype=object)[given & ~binary]
    if "truth_label" in kept:
        # Where a class is named there is no number.
        odd = np.concatenate(
            (odd, kept.loc[~given & kept["truth_label"].notna(), "truth_label"].to_numpy(object))
        )
    return np.where(binary, truth, np.nan), odd


def _known_at(kept: pd.DataFrame, known: NDArray[np.bool_]) -> NDArray[np.datetime64]:
    import pandas as pd

    if "known_at" not in kept:
        return np.full(len(kept), np.datetime64("NaT", "us"))
    moments = pd.to_datetime(kept["known_at"], utc=True, errors="coerce", cache=False).dt.tz_localize(None)
    return np.where(known, moments.to_numpy("datetime64[us]"), np.datetime64("NaT", "us"))
