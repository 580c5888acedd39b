"""The verdict on each feature: by its structure where that decides, else by measure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from workbench.data.summary import (
    CategorySummary,
    ColumnSummary,
    Counting,
    EmptySummary,
    NumberSummary,
    Summary,
    summarize,
)
from workbench.errors import DataError
from workbench.monitoring.drift.bars import distribution, plain
from workbench.monitoring.drift.methods import Measured, measure_categories, measure_numbers
from workbench.monitoring.drift.result import MISSING_MOVED, DriftResult, DriftVerdict, FeatureDrift

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FEWEST_ROWS", "judge_drift", "measure_drift"]

#: A distance between fewer rows measures chance more than change.
FEWEST_ROWS = 200
# A category is gone when so many of its rows would be expected: by chance that happens once in 22,000.
_EXPECTED = 10
_NAMED = 3
_WORDS = {"number": "a number", "time": "a time", "category": "text"}


def judge_drift(reference: Summary, window: Summary, *, columns: Sequence[str] | None = None) -> DriftResult:
    """Compare a window with a reference, feature by feature.

    Parameters
    ----------
    reference, window : Summary
        The window was counted against the reference (:class:`~workbench.data.summary.Counting`).
    columns : sequence of str, optional
        What to compare; default: the reference's columns.

    Raises
    ------
    DataError
        The window was not counted against the reference.
    """
    names = list(reference.columns) if columns is None else list(columns)
    judged = [_judged(name, reference, window) for name in names]
    bars = {
        name: distribution(reference.columns[name], window.columns.get(name))
        for name in names
        if name in reference.columns
    }
    return DriftResult.of(judged, window.rows, reference.rows, bars)


def measure_drift(
    reference: pd.DataFrame, window: pd.DataFrame, *, columns: Sequence[str] | None = None
) -> DriftResult:
    """Compare two frames: :func:`judge_drift` of their summaries.

    Parameters
    ----------
    reference, window : DataFrame
        Features as the model saw them; a column :data:`~workbench.data.summary.PREDICTION` holds the scores.
    columns : sequence of str, optional
        What to compare; default: the reference's columns.
    """
    there = None if columns is None else [name for name in columns if name in reference.columns]
    known = summarize(reference, there)
    counting = Counting(known)
    counting.add(window)
    return judge_drift(known, counting.summary(), columns=columns)


def _judged(name: str, reference: Summary, window: Summary) -> FeatureDrift:
    nothing = FeatureDrift(name)
    before, now = reference.columns.get(name), window.columns.get(name)
    if before is None:
        return replace(nothing, note="the reference has no such column")
    if not window.rows:
        return replace(nothing, note="there is nothing in this window", reference_missing=_absent(before))
    if now is None:
        gone = replace(nothing, missing=1.0, reference_missing=_absent(before))
        return replace(
            gone, verdict="drifted", method="column", note="the column is gone: no row has a value"
        )
    if not before.alike(now):
        raise DataError(f"column {name!r} of the window was not counted against this reference: use Counting")
    found = replace(nothing, missing=_absent(now), reference_missing=_absent(before))
    found = _by_kind(found, before, now) or _by_amount(found, before, now) or _measured(found, before, now)
    if isinstance(now, NumberSummary) and now.infinite:
        note = f"{now.infinite} infinite values count as missing"
        found = replace(found, note=f"{found.note}; {note}" if found.note else note)
    return found


def _by_kind(found: FeatureDrift, before: ColumnSummary, now: ColumnSummary) -> FeatureDrift | None:
    """The judgement on a column that has become another, which any number of rows can tell."""
    if isinstance(before, EmptySummary):
        if now.foreign:
            return _missing(found, "drifted", "has values; in the reference all are missing")
        return replace(found, note="all values are missing, as in the reference")
    if now.foreign:
        others = " and ".join(_WORDS[kind] for kind in now.foreign)
        share = sum(now.foreign.values()) / (now.rows - now.missing)
        part = f" in {share:.2%} of the values" if share < 1 else ""
        note = f"was {_WORDS[before.kind]}, is {others}{part}"
        return replace(found, verdict="drifted", method="type", note=note)
    return None


def _by_amount(found: FeatureDrift, before: ColumnSummary, now: ColumnSummary) -> FeatureDrift | None:
    """The judgement where too much is missing, or there is too little to measure."""
    if (few := min(before.rows, now.rows)) < FEWEST_ROWS:
        return replace(found, note=f"{few} rows are too few (of {FEWEST_ROWS})")
    if not _values(before):
        return _missing(found, "inconclusive", "no finite value in the reference")
    if not _values(now):
        all_missing = now.missing == now.rows
        return _missing(found, "drifted", "all values are missing" if all_missing else "no finite value here")
    if abs(moved := found.missing - found.reference_missing) > MISSING_MOVED:
        note = f"missing: {found.reference_missing:.0%} in the reference, {found.missing:.0%} here"
        found = replace(found, score=abs(moved), threshold=MISSING_MOVED)
        return _missing(found, "drifted", note)
    if (few := min(_values(before), _values(now))) < FEWEST_ROWS:
        return replace(found, note=f"{few} values are too few (of {FEWEST_ROWS}); the others are missing")
    if before.kind == "time":
        return replace(found, note="times are not compared: they move on by themselves")
    return None


def _measured(found: FeatureDrift, before: ColumnSummary, now: ColumnSummary) -> FeatureDrift:
    if isinstance(before, CategorySummary) and isinstance(now, CategorySummary):
        return _with_categories(_with(found, measure_categories(before, now)), before, now)
    assert isinstance(before, NumberSummary)
    assert isinstance(now, NumberSummary)
    return _with_range(_with(found, measure_numbers(before, now)), before, now)


def _with(found: FeatureDrift, measured: Measured) -> FeatureDrift:
    verdict: DriftVerdict = "drifted" if measured.drifted else "stable"
    return replace(
        found,
        method=measured.method,
        score=measured.score,
        threshold=measured.threshold,
        verdict=verdict if np.isfinite(measured.score) else "inconclusive",
    )


def _with_categories(found: FeatureDrift, before: CategorySummary, now: CategorySummary) -> FeatureDrift:
    notes = []
    unknown = int(now.new_counts.sum()) + now.rest
    if unknown:
        # Of a reference with more values than were told apart, the rare ones are not known.
        since = "new since the reference" if before.whole else "new, or rare in the reference"
        notes.append(f"{since}: {_names(now.new)} ({unknown / now.present:.2%} of rows)")
    expected = before.counts * (now.present / before.present)
    gone = (expected >= _EXPECTED) & (now.counts == 0)
    vanished = float(before.counts[gone].sum() / before.present)
    if gone.any():
        names = before.values.take(np.flatnonzero(gone))
        notes.append(f"not seen here: {_names(names)} ({vanished:.2%} of the reference's rows)")
    return replace(found, new=unknown / now.rows, vanished=vanished, note="; ".join(notes))


def _with_range(found: FeatureDrift, before: NumberSummary, now: NumberSummary) -> FeatureDrift:
    below, above = (int(now.between[end]) / now.finite for end in (0, -1))
    notes = []
    if below:
        notes.append(
            f"{below:.2%} below the reference's smallest, {before.minimum:.6g}: to {now.minimum:.6g}"
        )
    if above:
        notes.append(f"{above:.2%} above the reference's largest, {before.maximum:.6g}: to {now.maximum:.6g}")
    return replace(found, outside=below + above, note="; ".join(notes))


def _names(values: object) -> str:
    """The first few of an Arrow array of categories."""
    listed = list(values[:_NAMED])  # type: ignore[index]
    more = " …" if len(values) > _NAMED else ""  # type: ignore[arg-type]
    return ", ".join(plain(str(name)) for name in listed) + more


def _missing(found: FeatureDrift, verdict: DriftVerdict, note: str) -> FeatureDrift:
    return replace(found, verdict=verdict, method="missing", note=note)


def _values(column: ColumnSummary) -> int:
    return column.finite if isinstance(column, NumberSummary) else column.present


def _absent(column: ColumnSummary) -> float:
    """The share of rows without a finite value."""
    if not column.rows:
        return float("nan")
    infinite = column.infinite if isinstance(column, NumberSummary) else 0
    return (column.missing + infinite) / column.rows
