"""Two versions asked the same rows: how often they disagree, where, and who is right.

Intervals are drawn by day, both versions on the same draws, as those of the gates are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.errors import DataError, UnknownName
from workbench.project import Project
from workbench.registry.card.rows import feature_names
from workbench.registry.deltas.result import Delta
from workbench.registry.gates.bootstrap import Days, interval, metric_rounds, ratio_rounds
from workbench.registry.gates.holdout import Holdout
from workbench.registry.gates.slices import disagreement
from workbench.registry.loading import load
from workbench.registry.versions import ModelVersion, get_version
from workbench.tracking.metrics import METRICS, improvement, metric
from workbench.tracking.models import positive_scores

if TYPE_CHECKING:
    import pandas as pd

    from workbench.registry.gates.bootstrap import Floats

__all__ = ["delta"]

_CHANGED = 20
# Ordered anew in each round, it takes as long as all others together.
_SLOW = "average_precision"


def delta(
    project: Project,
    old: ModelVersion | int | str,
    new: ModelVersion | int | str,
    frame: pd.DataFrame,
    *,
    time: str,
    target: str | None = None,
    groups: Sequence[str] = (),
    threshold: float = 0.5,
    rounds: int = 1000,
    seed: int = 0,
    hide: Sequence[str] = (),
    notes: Sequence[str] = (),
    rows_from: str = "",
) -> Delta:
    """Compare two versions on the rows of ``frame``.

    Parameters
    ----------
    old, new : ModelVersion, int or str
        By number or alias. Differences are new less old.
    frame : DataFrame
        Rows with ``time``, ``groups``, the features of both versions and, if there are labels, ``target`` (a
        missing label leaves the row out of the metrics, not out of the rest).
    threshold : float
        The score from which a row is flagged.
    hide : sequence of str
        Columns that are not shown with the rows that changed most, such as personal ones.
    notes, rows_from : str
        What is to be said of the rows.

    Raises
    ------
    UnknownName
        There is no such version, or a column is not there.
    DataError
        There are no rows, a time is missing, or a version gave no finite score.
    UnsafeModel
        A version's files are not loaded, and why.
    """
    versions = [item if isinstance(item, ModelVersion) else get_version(project, item) for item in (old, new)]
    if versions[0].version == versions[1].version:
        raise DataError(f"{versions[0]} cannot be compared with itself; name two versions")
    if frame.empty:
        raise DataError(f"there are no rows to compare {versions[0]} with {versions[1]} on")
    names = [feature_names(item, project) for item in versions]
    for column in (time, *groups, *names[0], *names[1], *([target] if target else [])):
        if column not in frame.columns:
            raise UnknownName("column", column, map(str, frame.columns), where="the rows to compare on")
    rows = frame.reset_index(drop=True)
    scores = [_scores(item, project, rows[columns]) for item, columns in zip(versions, names, strict=True)]
    primary = project.config.objective.primary_metric if project.config.objective else "roc_auc"
    truth = _truth(rows, target)
    days = Days.of(rows[time], rounds=rounds, seed=seed)
    held = Holdout(rows, truth, {"candidate": scores[1], "old": scores[0]}, days, primary, threshold)
    return Delta(
        model=versions[0].model,
        old=versions[0].version,
        new=versions[1].version,
        metric=primary,
        threshold=threshold,
        rows=len(rows),
        days=days.count,
        labelled=int(np.isfinite(truth).sum()),
        start=rows[time].min().to_pydatetime(warn=False),
        end=rows[time].max().to_pydatetime(warn=False),
        rows_from=rows_from,
        notes=tuple(notes),
        disagreement=disagreement(held, groups, other="old"),
        flags=_flags(held),
        metrics=_metrics(held),
        differences=scores[1] - scores[0],
        changed=_changed(held, [time, *groups, *([target] if target else []), *names[1], *names[0]], hide),
    )


def _scores(version: ModelVersion, project: Project, asked: pd.DataFrame) -> Floats:
    found = positive_scores(load(version, project), asked)
    if missing := int((~np.isfinite(found)).sum()):
        raise DataError(f"{version} gave no finite score for {missing:,} of {len(found):,} rows")
    return found


def _truth(rows: pd.DataFrame, target: str | None) -> Floats:
    """1 and 0, and NaN where there is no label."""
    import pandas as pd

    if target is None:
        return np.full(len(rows), np.nan)
    truth = pd.to_numeric(rows[target], errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    if not np.isin(truth[~np.isnan(truth)], (0.0, 1.0)).all():
        raise DataError(f"target {target!r} holds other values than true and false (or 1 and 0)")
    return truth


def _flags(held: Holdout) -> pd.DataFrame:
    import pandas as pd

    new, old = (held.scores[name] >= held.threshold for name in ("candidate", "old"))
    table, everything = [], np.ones(len(new))
    for who, rows in (
        ("both", new & old),
        ("new only", new & ~old),
        ("old only", old & ~new),
        ("neither", ~new & ~old),
    ):
        share = interval(float(rows.mean()), ratio_rounds(rows.astype(float), everything, held.days))
        truth = held.y[rows]
        known = truth[np.isfinite(truth)]
        table.append(
            {
                "by": who,
                "rows": int(rows.sum()),
                "share": share.value,
                "low": share.low,
                "high": share.high,
                "labelled": len(known),
                "positive": int(known.sum()),
            }
        )
    return pd.DataFrame(table)


def _metrics(held: Holdout) -> pd.DataFrame:
    import pandas as pd

    columns = ["metric", "old", "new", "difference", "low", "high", "better"]
    labelled = np.isfinite(held.y)
    if not labelled.any():
        return pd.DataFrame(columns=columns)
    y, days, table = held.y[labelled], held.days.only(labelled), []
    for name in sorted(METRICS, key=lambda name: name != held.metric):
        if name == "positive_share" or (name == _SLOW and name != held.metric):
            continue
        values, drawn = [], []
        for who in ("old", "candidate"):
            score = held.scores[who][labelled]
            values.append(metric(name, y, score, held.threshold))
            drawn.append(metric_rounds(name, y, score, days, held.threshold))
        found = interval(values[1] - values[0], drawn[1] - drawn[0])
        table.append(
            {
                "metric": name,
                "old": values[0],
                "new": values[1],
                "difference": found.value,
                "low": found.low,
                "high": found.high,
                "better": _better(name, found.low, found.high),
            }
        )
    return pd.DataFrame(table, columns=columns)


def _better(name: str, low: float, high: float) -> str:
    """Which of the two, when the whole interval lies on one side."""
    if name == "flagged_share":
        return ""  # neither more nor fewer is better by itself
    ends = sorted((improvement(name, low), improvement(name, high)))
    if ends[0] > 0:
        return "new"
    return "old" if ends[1] < 0 else ""


def _changed(held: Holdout, columns: Sequence[str], hide: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    difference = held.scores["candidate"] - held.scores["old"]
    most = np.argsort(-np.abs(difference), kind="stable")[:_CHANGED]
    told: dict[str, Any] = {
        "old_score": held.scores["old"][most],
        "new_score": held.scores["candidate"][most],
        "difference": difference[most],
    }
    shown = [name for name in dict.fromkeys(columns) if name not in hide]
    return pd.concat([pd.DataFrame(told), held.rows.iloc[most][shown].reset_index(drop=True)], axis=1)
