"""Data drift of a window of predictions against a reference, measured by Evidently.

Evidently chooses method and threshold by kind and size: p-values for a reference of at most 1,000 rows,
distances for larger ones. It raises on shapes of data that are everyday here (nothing in the window, a column
gone or all missing, a number turned text), so those are judged before it is asked. A judgement is always
a row of a table, never an exception.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PREDICTION", "DriftResult", "measure_drift"]

#: The name under which the drift of the scores themselves stands among the features.
PREDICTION = "(score)"
DriftVerdict = Literal["drifted", "stable", "inconclusive"]
_COLUMNS = ("feature", "method", "score", "threshold", "verdict", "drifted", "note")

# A distance between fewer rows measures chance more than change.
_FEWEST_ROWS = 200
# So much more or less missing is drift, whatever the values that are left say.
_MISSING_MOVED = 0.1
# Evidently takes minutes over thousands of categories; what is rare in both goes into one.
_MOST_CATEGORIES = 100
_REST = "(other)"
_NEW_SHOWN = 3


@dataclass(frozen=True, eq=False)
class DriftResult:
    """Which features drifted.

    Attributes
    ----------
    features : DataFrame
        One row for each feature: ``feature``, ``method``, ``score``, ``threshold``, ``verdict`` (``drifted``,
        ``stable``, ``inconclusive``), ``drifted``, ``note``. The scores' own drift is :data:`PREDICTION`.
    rows, reference_rows : int
        How many rows there were, before any sample was taken.
    html : bytes or None
        Evidently's own page on the features that it judged.
    """

    features: pd.DataFrame
    rows: int
    reference_rows: int
    html: bytes | None = None

    @property
    def judged(self) -> pd.DataFrame:
        """The features (not the score) about which something can be said."""
        table = self.features
        return table[(table["feature"] != PREDICTION) & (table["verdict"] != "inconclusive")]

    @property
    def share(self) -> float:
        """The share of judged features that drifted; NaN when none could be judged."""
        judged = self.judged
        return float(judged["drifted"].mean()) if len(judged) else float("nan")

    @property
    def drifted(self) -> tuple[str, ...]:
        """Names of the features that drifted."""
        judged = self.judged
        return tuple(judged.loc[judged["drifted"], "feature"])

    @property
    def prediction(self) -> DriftVerdict | None:
        """The verdict on the scores; None when the reference has none."""
        found = self.features.loc[self.features["feature"] == PREDICTION, "verdict"]
        return found.iloc[0] if len(found) else None

    def to_json(self) -> str:
        """All but Evidently's page, as text."""
        table = json.loads(self.features.to_json(orient="records"))
        return json.dumps({"rows": self.rows, "reference_rows": self.reference_rows, "features": table})

    @classmethod
    def from_json(cls, text: str) -> DriftResult:
        import pandas as pd

        raw = json.loads(text)
        table = pd.DataFrame(raw["features"], columns=list(_COLUMNS))
        table = table.astype({"score": float, "threshold": float, "drifted": bool})
        return cls(table, raw["rows"], raw["reference_rows"])


def measure_drift(
    reference: pd.DataFrame,
    window: pd.DataFrame,
    *,
    columns: Sequence[str] | None = None,
    sample: int = 10_000,
    seed: int = 0,
    html: bool = True,
) -> DriftResult:
    """Compare a window with a reference, column by column.

    Parameters
    ----------
    reference, window : DataFrame
        Features as the model saw them; a column :data:`PREDICTION` holds the scores.
    columns : sequence of str, optional
        What to compare; default: the reference's columns.
    sample : int
        At most so many rows of each are handed to Evidently, drawn with ``seed``.
    html : bool
        Whether to keep Evidently's page (about 4.5 MB).
    """
    import pandas as pd

    names = list(reference.columns) if columns is None else list(columns)
    before, now = _sampled(reference, sample, seed), _sampled(window, sample, seed)
    found: dict[str, dict[str, Any]] = {}
    left: dict[str, tuple[pd.Series[Any], pd.Series[Any], str]] = {}
    for name in names:
        judged = _structure(name, before, now, reference)
        if isinstance(judged, dict):
            found[name] = judged
        elif len(window) < _FEWEST_ROWS or len(reference) < _FEWEST_ROWS:
            few = min(len(window), len(reference))
            found[name] = _row(name, "inconclusive", note=f"{few} rows are too few (of {_FEWEST_ROWS})")
        else:
            left[name] = judged
    measured, page = _evidently(left, html)
    found.update(measured)
    table = pd.DataFrame([found[name] for name in names], columns=list(_COLUMNS))
    table = table.astype({"score": float, "threshold": float, "drifted": bool})
    return DriftResult(table, len(window), len(reference), page)


def _sampled(frame: pd.DataFrame, sample: int, seed: int) -> pd.DataFrame:
    return frame.sample(sample, random_state=seed) if len(frame) > sample else frame


def _row(
    name: str,
    verdict: DriftVerdict,
    *,
    method: str = "",
    score: float = float("nan"),
    threshold: float = float("nan"),
    note: str = "",
) -> dict[str, Any]:
    values = (name, method, score, threshold, verdict, verdict == "drifted", note)
    return dict(zip(_COLUMNS, values, strict=True))


def _structure(
    name: str, before: pd.DataFrame, now: pd.DataFrame, reference: pd.DataFrame
) -> dict[str, Any] | tuple[pd.Series[Any], pd.Series[Any], str]:
    """The judgement on a column whose structure decides it, else both columns ready to be measured."""
    if name not in before.columns:
        return _row(name, "inconclusive", note="the reference has no such column")
    if not len(now):
        return _row(name, "inconclusive", note="there is nothing in this window")
    if name not in now.columns:
        return _row(name, "drifted", method="column", note="the column is gone")
    was, is_now = _kind(before[name]), _kind(now[name])
    if was == "missing":
        if is_now == "missing":
            return _row(name, "inconclusive", note="all values are missing, as in the reference")
        return _row(name, "drifted", method="missing", note="has values; in the reference all are missing")
    if is_now == "missing":
        return _row(name, "drifted", method="missing", note="all values are missing")
    if was != is_now:
        return _row(name, "drifted", method="type", note=f"was {was}, is {is_now}")
    if was == "text":
        first, second, note = _texts(before[name], now[name], reference[name])
    else:
        first, second = _numbers(before[name]), _numbers(now[name])
        infinite = int(second.isna().sum() - now[name].isna().sum())
        note = f"{infinite} infinite values count as missing" if infinite else ""
    if first.isna().all() or second.isna().all():
        verdict: DriftVerdict = "inconclusive" if first.isna().all() else "drifted"
        where = "in the reference" if first.isna().all() else "here"
        return _row(name, verdict, method="missing", note=f"no finite value {where}")
    moved = float(second.isna().mean() - first.isna().mean())
    if abs(moved) > _MISSING_MOVED:
        note = f"missing: {first.isna().mean():.0%} in the reference, {second.isna().mean():.0%} here"
        return _row(name, "drifted", method="missing", score=abs(moved), threshold=_MISSING_MOVED, note=note)
    return first, second, note


def _kind(column: pd.Series[Any]) -> str:
    import pandas as pd

    if column.isna().all():
        return "missing"
    if pd.api.types.is_bool_dtype(column.dtype):
        return "text"
    if pd.api.types.is_numeric_dtype(column.dtype):
        return "a number"
    inferred = pd.api.types.infer_dtype(column, skipna=True)
    return "a number" if inferred in {"floating", "integer", "mixed-integer-float", "decimal"} else "text"


def _numbers(column: pd.Series[Any]) -> pd.Series[Any]:
    import pandas as pd

    values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    return pd.Series(np.where(np.isfinite(values), values, np.nan))


def _texts(
    before: pd.Series[Any], now: pd.Series[Any], reference: pd.Series[Any]
) -> tuple[pd.Series[Any], pd.Series[Any], str]:
    first, second = _harmless(before), _harmless(now)
    counts = first.value_counts().add(second.value_counts(), fill_value=0)
    common = set(counts.nlargest(_MOST_CATEGORIES).index)
    # Against the whole reference: a sample lacks what is rare in it.
    known = set(_harmless(reference.drop_duplicates()).dropna())
    new = second[~second.isin(known) & second.notna()].value_counts()
    note = ""
    if len(new):
        shown = ", ".join(map(str, new.index[:_NEW_SHOWN])) + (" …" if len(new) > _NEW_SHOWN else "")
        note = f"new since the reference: {shown} ({new.sum() / len(second):.2%} of rows)"
    kept = [column.where(column.isin(common) | column.isna(), _REST) for column in (first, second)]
    return kept[0], kept[1], note


def _harmless(column: pd.Series[Any]) -> pd.Series[Any]:
    """Values as text that cannot close the script in which Evidently's page carries them."""
    values = column.astype(object)
    text = values.where(values.isna(), values.astype(str))
    return text.map(_plain, na_action="ignore").reset_index(drop=True)


def _plain(text: str) -> str:
    return text.translate({ord("<"): "‹", ord(">"): "›", ord("&"): "+"})


def _evidently(
    left: dict[str, tuple[pd.Series[Any], pd.Series[Any], str]], html: bool
) -> tuple[dict[str, dict[str, Any]], bytes | None]:
    if not left:
        return {}, None
    try:
        return _run(left, html)
    except Exception:  # one column that it cannot take must not cost the verdict on the others
        found = {}
        for name, columns in left.items():
            try:
                found.update(_run({name: columns}, False)[0])
            except Exception as error:
                found[name] = _row(name, "inconclusive", note=f"Evidently could not judge it: {error}")
        return found, None


def _run(
    left: dict[str, tuple[pd.Series[Any], pd.Series[Any], str]], html: bool
) -> tuple[dict[str, dict[str, Any]], bytes | None]:
    import pandas as pd

    os.environ.setdefault("DO_NOT_TRACK", "1")
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    called = {_plain(name): name for name in left}
    before = pd.DataFrame({_plain(name): columns[0] for name, columns in left.items()})
    now = pd.DataFrame({_plain(name): columns[1] for name, columns in left.items()})
    numeric = [name for name in before if pd.api.types.is_numeric_dtype(before[name].dtype)]
    definition = DataDefinition(
        numerical_columns=numeric, categorical_columns=[name for name in before if name not in numeric]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SciPy's remarks on constant columns; the verdict says it
        snapshot = Report([DataDriftPreset()]).run(
            Dataset.from_pandas(now, definition), Dataset.from_pandas(before, definition)
        )
        page = snapshot.get_html_str(as_iframe=False).encode() if html else None
    found = {}
    for item in snapshot.dict()["metrics"]:
        config = item["config"]
        if "column" not in config:
            continue
        name = called[config["column"]]
        score, threshold = float(item["value"]), float(config["threshold"])
        # A small p-value speaks for a change, a large distance does.
        changed = score < threshold if "p_value" in config["method"] else score >= threshold
        verdict: DriftVerdict = "inconclusive"
        if np.isfinite(score):
            verdict = "drifted" if changed else "stable"
        found[name] = _row(
            name, verdict, method=config["method"], score=score, threshold=threshold, note=left[name][2]
        )
    return found, page
