"""The primary metric within each slice and each user group of a window.

A slice is held against its own figure at validation, whose uncertainty counts, too; one that has none (it
is new, or was too small, or is a user group) against the whole's, less what the slices gate tolerates.

Of twenty slices one seems to fall by chance alone. So a fall is believed only where it stays significant
at 5 % after Holm's correction over all slices and user groups of the window (Holm, Scandinavian Journal of
Statistics 6, 1979). Intervals are of 95 % each, uncorrected, and drawn by day as those of the whole are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from workbench.monitoring.findings.signal import Signal, SignalVerdict
from workbench.monitoring.performance.rounds import interval_of, rounds_of
from workbench.registry.gates.bootstrap import Days, Interval
from workbench.registry.gates.holdout import MISSING, MOST_SLICES
from workbench.tracking.metrics import improvement, metric

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from workbench.config import MonitoringConfig
    from workbench.monitoring.performance.answers import Answers
    from workbench.monitoring.performance.standard import Standard
    from workbench.registry.gates.bootstrap import Floats

__all__ = ["USER_GROUP", "Slice", "SliceVerdict", "columns_of", "measure_slices"]

SliceVerdict = Literal["held", "dropped", "inconclusive", "too few"]
#: The column of the log that says who asked.
USER_GROUP = "user_group"
_NO_GROUP = "(none)"
# As of the gates: a slice needs a fifth of what the whole needs.
_SLICE_SHARE = 0.2
_SURE = 0.05
_SPREADS = 2 * 1.959964  # a 95 % interval is so many standard deviations wide


@dataclass(frozen=True)
class Slice:
    """One slice of a window.

    Attributes
    ----------
    column, slice : str
        Such as ``origin`` and ``EWR``; of user groups the column is ``user_group``.
    rows, labelled : int
        Its answers, and those of them whose truth is known.
    value : Interval
        The primary metric.
    expected : float
        What it is held against: if ``own`` its figure at validation, or else the whole's, less the tolerance.
    p : float
        How likely so deep a fall is by chance, corrected for the number of slices; NaN where none was tested.
    verdict : str
        ``dropped``, ``held``, ``too few`` labels, or ``inconclusive``.
    """

    column: str
    slice: str
    rows: int
    labelled: int
    value: Interval
    expected: float
    own: bool
    p: float
    verdict: SliceVerdict
    why: str

    def signals(self) -> Iterator[Signal]:
        verdicts: dict[SliceVerdict, SignalVerdict] = {"held": "ok", "dropped": "bad"}
        name = f"group.{self.slice}" if self.column == USER_GROUP else f"slice.{self.column}={self.slice}"
        verdict = verdicts.get(self.verdict, "inconclusive")
        yield Signal(
            f"performance.{name}", self.value.value, verdict, f"{self.column} {self.slice}: {self.why}"
        )


def columns_of(answers: Answers, groups: Sequence[str]) -> dict[str, pd.Series[Any]]:
    """The values to group by, as text: from ``input.<name>``, ``feature.<name>``, or the name itself.

    User groups are among them when anybody said who asked; a column that was not logged is not.
    """
    frame, columns = answers.frame, {}
    for name in groups:
        places = (f"input.{name}", f"feature.{name}", name)
        # A column that was asked of the log and that no row has is there, and empty.
        logged = next((at for at in places if at in frame and frame[at].notna().any()), None)
        if logged is not None:
            columns[name] = _texts(frame[logged])
    if USER_GROUP in frame and len(set(asking := _texts(frame[USER_GROUP], nothing=_NO_GROUP)) - {_NO_GROUP}):
        columns[USER_GROUP] = asking
    return columns


def measure_slices(
    columns: dict[str, pd.Series[Any]],
    answers: Answers,
    days: Days,
    standard: Standard,
    config: MonitoringConfig,
    *,
    unripe: str = "",
) -> tuple[Slice, ...]:
    """Each slice of each column, the largest of a column first and at most fifty.

    Parameters
    ----------
    days : Days
        Of the labelled rows.
    unripe : str
        Why the labels are not to be judged by yet; then no slice is judged.
    """
    place = np.cumsum(answers.known) - 1  # of a labelled row among the labelled
    found: list[Slice] = []
    spreads: list[float] = []
    for column, values in columns.items():
        for name, rows in _rows_of(values):
            labelled = rows[answers.known[rows]]
            drawn = Days(days.code[place[labelled]], days.draws)
            y, score = answers.truth[labelled], answers.score[labelled]
            value = metric(standard.metric, y, score, standard.threshold)
            rounds = rounds_of(standard.metric, y, score, drawn, standard.threshold)
            own = standard.slices.get((column, name))
            found.append(
                _slice(column, name, len(rows), len(y), interval_of(value, rounds, days), own, standard)
            )
            spreads.append(_spread(rounds, own))
    return tuple(_judged(found, spreads, standard, config, unripe))


def _texts(values: pd.Series[Any], nothing: str = MISSING) -> pd.Series[Any]:
    """The values as text; ``nothing`` for those that are missing or empty."""
    import pandas as pd

    codes, kinds = pd.factorize(values)
    names = np.array([*(str(kind) or nothing for kind in kinds), nothing], dtype=object)
    return pd.Series(names[codes], dtype=object)


def _rows_of(values: pd.Series[Any]) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Each value with the positions of its rows, the most frequent first."""
    import pandas as pd

    codes, names = pd.factorize(values)
    order = np.argsort(codes, kind="stable")
    counts = np.bincount(codes, minlength=len(names))
    ends = np.cumsum(counts)
    for place in np.argsort(-counts, kind="stable")[:MOST_SLICES]:
        yield str(names[place]), order[ends[place] - counts[place] : ends[place]]


def _slice(
    column: str,
    name: str,
    rows: int,
    labelled: int,
    value: Interval,
    own: Interval | None,
    standard: Standard,
) -> Slice:
    known = own is not None and own.known
    line = (
        own.value
        if own is not None and known
        else standard.expected - improvement(standard.metric, standard.slice_tolerance)
    )
    nan = float("nan")
    return Slice(column, name, rows, labelled, value, line, known, nan, "inconclusive", "")


def _spread(rounds: Floats, own: Interval | None) -> float:
    """The standard deviation of the difference from what the slice is held against."""
    computed = rounds[np.isfinite(rounds)]
    if len(computed) < 2:
        return float("nan")
    then = (own.high - own.low) / _SPREADS if own is not None and own.known else 0.0
    return float(np.hypot(np.std(computed, ddof=1), then))


def _judged(
    found: list[Slice], spreads: list[float], standard: Standard, config: MonitoringConfig, unripe: str
) -> Iterator[Slice]:
    from scipy.stats import norm

    fewest = round(_SLICE_SHARE * config.minimum_labels)
    falls = np.array([improvement(standard.metric, item.expected - item.value.value) for item in found])
    enough = np.array([item.labelled >= fewest and item.value.known for item in found], dtype=bool)
    tested = enough & np.isfinite(falls) & (not unripe)
    chances = np.full(len(found), np.nan)
    chances[tested] = _holm(norm.sf(falls[tested] / np.maximum(np.array(spreads)[tested], 1e-12)))
    for item, fall, chance, large in zip(found, falls, chances, enough, strict=True):
        yield _verdict(replace(item, p=float(chance)), float(fall), bool(large), fewest, config, unripe)


def _verdict(
    item: Slice, fall: float, enough: bool, fewest: int, config: MonitoringConfig, unripe: str
) -> Slice:
    if not enough:
        why = f"{item.labelled:,} labels; {fewest:,} of both kinds on enough days are asked of a slice"
        return replace(item, verdict="too few", why=why)
    if unripe:
        return replace(item, why=f"{item.value}; {unripe}")
    if np.isnan(item.p):
        return replace(item, why=f"{item.value}; nothing to hold it against")
    against = "at validation" if item.own else "of the whole at validation, less the tolerance"
    why = f"{item.value} where {item.expected:.3f} was expected ({against}; p {item.p:.3f})"
    if fall < (config.performance_drop if item.own else 0.0):
        return replace(item, verdict="held", why=why)
    return replace(item, verdict="dropped" if item.p < _SURE else "inconclusive", why=why)


def _holm(p: Floats) -> Floats:
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(stepped, 1.0)
    return corrected
