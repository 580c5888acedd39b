"""Gates on rows: what a candidate has to show on cases that no model has seen.

Each gate answers passed, failed or inconclusive, with its evidence. Too little data is inconclusive, never
passed. A gate on rows is decided by its 95 % interval: it passes when the whole interval does, fails when the
whole interval fails, and is inconclusive when the threshold lies inside.

All are required but ``slices`` and ``fairness``, which are advisory: they fail a candidate that surely falls
short in a group, but being unsure about a small group holds nobody back. A gate that has nothing to compare
with (no champion yet, latency not measured) is left out, and the notes say so. ``minimum_effect`` below
zero asks for "not worse than" instead of "better than".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.config import GatesConfig
from workbench.errors import UnknownName
from workbench.registry.gates.bootstrap import interval, metric_rounds
from workbench.registry.gates.fairness import fairness_gate, group_gaps, group_rates
from workbench.registry.gates.holdout import Holdout
from workbench.registry.gates.slices import disagreement, slice_table, slices_gate
from workbench.registry.gates.utility import utility_gate
from workbench.registry.gates.validation import (
    Gate,
    Validation,
    Verdict,
    at_least,
    at_most,
    more_than,
)
from workbench.tracking import context as contexts
from workbench.tracking.metrics import LOWER_IS_BETTER, METRICS, binary_metrics, improvement, metric

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MINIMUM_DAYS", "MINIMUM_OF_EACH_CLASS", "Gate", "Validation", "validate"]

# With fewer days to draw from, an interval over days is too narrow to be believed.
MINIMUM_DAYS = 7
MINIMUM_OF_EACH_CLASS = 30
# A slice needs this part of the rows that the whole needs.
_SLICE_SHARE = 0.2


def validate(
    holdout: pd.DataFrame,
    *,
    target: str,
    time: str,
    scores: Mapping[str, Any],
    groups: Sequence[str] = (),
    config: GatesConfig,
    primary_metric: str = "roc_auc",
    champion_saw_holdout: bool | str = False,
    more_gates: Sequence[Gate] = (),
    threshold: float = 0.5,
    seed: int = 0,
) -> Validation:
    """Hold a candidate against thresholds, the baseline and the champion, on rows that none has seen.

    Parameters
    ----------
    holdout : DataFrame
        One row for each case, with ``target`` (a missing label leaves the row out), ``time`` and ``groups``.
    scores : mapping of str to array
        Probability of the positive class for each row of ``holdout``, by ``"candidate"``, ``"baseline"`` and,
        if there is one, ``"champion"``.
    groups : sequence of str
        Columns whose values are slices, and groups to be treated alike.
    champion_saw_holdout : bool or str
        Whether the champion was trained on these rows; as text, why that is known.
    more_gates : sequence of Gate
        Those that no score decides, such as latency; see :func:`~workbench.registry.gates.candidate.judge`.
    threshold : float
        The score from which a row is flagged (fairness, disagreement, the metrics that need one).
    seed : int
        Of the bootstrap: the same seed gives the same verdict.

    Raises
    ------
    UnknownName
        When the holdout lacks a column, ``scores`` a model, or there is no such metric.
    DataError
        When scores and rows do not match, a time is missing, or the target is not binary.
    """
    import pandas as pd

    for name in ("candidate", "baseline"):
        if name not in scores:
            raise UnknownName("model", name, scores, where="the scores to validate")
    if primary_metric not in METRICS:
        raise UnknownName("metric", primary_metric, METRICS)
    held = Holdout.of(
        holdout,
        target=target,
        time=time,
        scores=scores,
        rounds=config.bootstrap_rounds,
        seed=seed,
        metric=primary_metric,
        threshold=threshold,
    )
    contexts.note_judged(contexts.judged(holdout, "holdout", time, gates=True))
    gates, empty = [_rows_gate(held, config)], pd.DataFrame()
    tables: dict[str, Any] = {"slices": empty, "groups": empty, "fairness": empty, "disagreement": empty}
    if missing := held.unscored("candidate"):
        why = f"the candidate gave no finite score for {missing:,} of {len(held.y):,} rows"
        gates.append(Gate("scores", "failed", float(missing), 0.0, why))
    elif gates[0].verdict == "passed":
        gates += _gates_on_rows(held, config, champion_saw_holdout)
        tables.update(_tables(held, groups, config))
        if groups:
            gates.append(slices_gate(tables["slices"], primary_metric, config.slice_tolerance))
            gates.append(fairness_gate(tables["fairness"], config.fairness_gap))
    gates += more_gates
    notes = _notes(held, gates, groups, left_out=len(holdout) - len(held.y))
    return Validation(
        gates=tuple(gates),
        metric=primary_metric,
        rows=len(held.y),
        days=held.days.count,
        start=held.rows[time].min().to_pydatetime(warn=False) if len(held.y) else None,
        end=held.rows[time].max().to_pydatetime(warn=False) if len(held.y) else None,
        metrics={name: binary_metrics(held.y, score, threshold) for name, score in held.scores.items()},
        notes=tuple(notes),
        scores=dict(scores),
        **tables,
    )


def _gates_on_rows(held: Holdout, config: GatesConfig, saw: bool | str) -> Iterator[Gate]:
    yield _primary_gate(held, config)
    yield _difference_gate(held, "baseline", False, config)
    if "champion" in held.scores:
        yield _difference_gate(held, "champion", saw, config)
    yield _calibration_gate(held, config)
    if config.utility and not held.unscored("champion" if "champion" in held.scores else "baseline"):
        yield utility_gate(held, config.utility)


def _tables(held: Holdout, groups: Sequence[str], config: GatesConfig) -> dict[str, pd.DataFrame]:
    tables = {}
    other = "champion" if "champion" in held.scores else "baseline"
    if not held.unscored(other):
        tables["disagreement"] = disagreement(held, groups, other=other)
    if groups:
        smallest = round(config.minimum_rows * _SLICE_SHARE)
        tables["slices"] = slice_table(held, groups, tolerance=config.slice_tolerance, minimum_rows=smallest)
        tables["groups"] = group_rates(held, groups)
        tables["fairness"] = group_gaps(held, tables["groups"], allowed=config.fairness_gap)
    return tables


def _notes(held: Holdout, gates: list[Gate], groups: Sequence[str], *, left_out: int) -> list[str]:
    present = {gate.name for gate in gates}
    notes = [f"{left_out:,} rows without a label"] if left_out else []
    if "primary metric" not in present:
        notes.append("all other gates on these rows")
    if "champion" not in held.scores:
        notes.append("the comparison with a champion, as there is none yet")
    if not groups:
        notes.append("slices and fairness, as no groups are declared")
    costs = ("latency", "memory", "size")
    return notes + [f"{name}, which was not measured" for name in costs if name not in present]


def _rows_gate(held: Holdout, config: GatesConfig) -> Gate:
    rows, positives = len(held.y), int(held.y.sum())
    says = [f"{rows:,} labelled rows on {held.days.count} days, {positives:,} of them positive"]
    if rows < config.minimum_rows:
        says.append(f"at least {config.minimum_rows:,} rows are asked")
    if held.days.count < MINIMUM_DAYS:
        says.append(f"at least {MINIMUM_DAYS} days are needed for an interval")
    if min(positives, rows - positives) < MINIMUM_OF_EACH_CLASS:
        says.append(f"at least {MINIMUM_OF_EACH_CLASS} positive and negative rows are needed")
    verdict: Verdict = "passed" if len(says) == 1 else "inconclusive"
    return Gate("rows", verdict, float(rows), float(config.minimum_rows), "; ".join(says))


def _primary_gate(held: Holdout, config: GatesConfig) -> Gate:
    asked = config.minimum_primary
    found = interval(*held.measure("candidate"))
    if held.metric in LOWER_IS_BETTER:
        verdict, limit = at_most(found, asked), "at most"
    else:
        verdict, limit = at_least(found, asked), "at least"
    why = f"{held.metric} {found}; {limit} {asked:g} is asked"
    return Gate("primary metric", verdict, found.value, asked, why, found)


def _difference_gate(held: Holdout, other: str, saw: bool | str, config: GatesConfig) -> Gate:
    name, asked = f"beats {other}", config.minimum_effect
    if missing := held.unscored(other):
        why = f"the {other} gave no finite score for {missing:,} of {len(held.y):,} rows"
        return Gate(name, "inconclusive", np.nan, asked, why)
    ours, our_rounds = held.measure("candidate")
    theirs, their_rounds = held.measure(other)
    more = improvement(held.metric, 1.0)
    gain = interval(more * (ours - theirs), more * (our_rounds - their_rounds))
    verdict = more_than(gain, asked)
    why = (
        f"{held.metric} {ours:.3f} against the {other}'s {theirs:.3f}, a gain of {gain}; "
        f"more than {asked:g} is asked"
    )
    if saw:
        reason = saw if isinstance(saw, str) else f"the {other} was trained on these rows"
        verdict, why = "inconclusive", f"{reason}, so that the comparison favours it; {why}"
    return Gate(name, verdict, gain.value, asked, why, gain)


def _calibration_gate(held: Holdout, config: GatesConfig) -> Gate:
    name, allowed, score = "calibration_error", config.calibration_error, held.scores["candidate"]
    found = interval(metric(name, held.y, score), metric_rounds(name, held.y, score, held.days))
    why = (
        f"predicted and observed shares differ by {found} on average (mean score {score.mean():.3f}, "
        f"{held.y.mean():.3f} turned out positive); {allowed:g} is allowed"
    )
    return Gate("calibration", at_most(found, allowed), found.value, allowed, why, found)
