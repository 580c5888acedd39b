"""A champion beside a shadow: the same questions answered by both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.monitoring.findings.documents import from_document, to_document
from workbench.monitoring.findings.signal import Signal, SignalVerdict
from workbench.monitoring.performance.answers import Answers
from workbench.monitoring.performance.labels import measure_labels
from workbench.monitoring.performance.rounds import blocks_of, interval_of, rounds_of
from workbench.registry.gates.bootstrap import Interval, ratio_rounds
from workbench.tracking.metrics import improvement, metric

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd

    from workbench.config import MonitoringConfig
    from workbench.monitoring.performance.labels import UsualLabels
    from workbench.monitoring.performance.standard import Standard
    from workbench.registry.gates.bootstrap import Floats

__all__ = ["ShadowDelta", "measure_delta", "pooled"]

_BOTH = ("champion_value", "shadow_value")
_EXACT = 1e-9  # an interval without length has a weight that is finite


@dataclass(frozen=True)
class ShadowDelta:
    """How a shadow's answers differ from the champion's, on the predictions that both answered.

    Attributes
    ----------
    champion, shadow : int
        The versions. Differences are shadow less champion.
    rows, labelled : int
        Predictions that both answered, and those of them whose truth is known.
    champion_only, shadow_only : int
        What only one of them answered, as where the shadow is asked a sample; it does not count.
    disagreement : Interval
        The share of rows that they flag differently.
    distance : float
        How far apart they score on average.
    metric : str
        The primary metric, with ``champion_value`` and ``shadow_value``.
    difference : Interval
        Of the metric, both on the same draws of days.
    verdict : str
        ``bad`` when the shadow is surely worse, ``ok`` when it is surely better or surely not worse by more
        than the allowed drop, ``inconclusive`` otherwise.
    """

    champion: int
    shadow: int
    rows: int
    labelled: int
    champion_only: int
    shadow_only: int
    disagreement: Interval
    distance: float
    metric: str
    champion_value: float
    shadow_value: float
    difference: Interval
    verdict: SignalVerdict
    why: str

    def signals(self) -> Iterator[Signal]:
        yield Signal("shadow.delta", self.difference.value, self.verdict, self.why)
        told: SignalVerdict = "ok" if self.disagreement.known else "inconclusive"
        says = (
            f"v{self.shadow} and v{self.champion} flag {self.disagreement} of {self.rows:,} rows differently"
        )
        yield Signal("shadow.disagreement", self.disagreement.value, told, says)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values; NaN is null."""
        return to_document(self)

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> ShadowDelta:
        return from_document(cls, raw)


def measure_delta(
    champion: pd.DataFrame,
    shadow: pd.DataFrame,
    *,
    versions: tuple[int, int],
    config: MonitoringConfig,
    standard: Standard,
    time: str = "asked_at",
    label: str = "truth",
    now: datetime | None = None,
    usual: UsualLabels | None = None,
    seed: int = 0,
) -> ShadowDelta:
    """Compare the champion's answers of a window with a shadow's to the same predictions.

    Parameters
    ----------
    champion, shadow : DataFrame
        As :func:`~workbench.monitoring.performance.measuring.measure_performance` takes them. The truth is
        taken from the champion's.
    versions : tuple of int
        Of the champion and of the shadow.
    """
    ours = Answers.of(champion, time=time, label=label, now=now)
    theirs = Answers.of(shadow, time=time, label=label, now=now)
    both, place = _paired(ours, theirs)
    paired = ours.only(both)
    scores = (paired.score, theirs.score[place])
    disagreement, distance = _apart(paired, scores, standard.threshold, seed)
    known = paired.known
    days = blocks_of(paired.asked_at[known], seed=seed)
    y = paired.truth[known]
    values, rounds = [], []
    for score in scores:
        values.append(metric(standard.metric, y, score[known], standard.threshold))
        rounds.append(rounds_of(standard.metric, y, score[known], days, standard.threshold))
    difference = interval_of(values[1] - values[0], rounds[1] - rounds[0], days)
    labels = measure_labels(paired, now=now, usual=usual)
    unsure = "" if labels.judged else labels.why
    if len(y) < config.minimum_labels:
        unsure = f"{len(y):,} labels, {config.minimum_labels:,} are asked"
    verdict, why = _verdict(versions, standard.metric, values, difference, unsure, config.performance_drop)
    return ShadowDelta(
        champion=versions[0],
        shadow=versions[1],
        rows=len(paired),
        labelled=len(y),
        champion_only=len(ours) - len(paired),
        shadow_only=len(theirs) - len(paired),
        disagreement=disagreement,
        distance=distance,
        metric=standard.metric,
        champion_value=values[0],
        shadow_value=values[1],
        difference=difference,
        verdict=verdict,
        why=why,
    )


def pooled(deltas: Sequence[ShadowDelta], config: MonitoringConfig) -> tuple[SignalVerdict, str]:
    """What several windows say together of the same two versions: the verdict, and the figures.

    Each counts by how precisely it was measured (fixed effect; Hedges and Olkin, 1985, chapter 6): weights
    are the inverse squares of half an interval's length, and so is the square of their sum's error.
    """
    halves = np.array([max((each.difference.high - each.difference.low) / 2, _EXACT) for each in deltas])
    weights = halves**-2
    values = [float(np.average([getattr(each, name) for each in deltas], weights=weights)) for name in _BOTH]
    difference = float(np.average([each.difference.value for each in deltas], weights=weights))
    half = float(weights.sum() ** -0.5)
    labelled = sum(each.labelled for each in deltas)
    few = labelled < config.minimum_labels
    unsure = f"{labelled:,} labels, {config.minimum_labels:,} are asked" if few else ""
    first = deltas[0]
    found = Interval(difference, difference - half, difference + half)
    return _verdict(
        (first.champion, first.shadow), first.metric, values, found, unsure, config.performance_drop
    )


def _paired(ours: Answers, theirs: Answers) -> tuple[Any, Any]:
    """Where the champion's rows have a partner, and the positions of these partners."""
    import pandas as pd

    place = pd.Index(theirs.frame["prediction_id"]).get_indexer(pd.Index(ours.frame["prediction_id"]))
    return place >= 0, place[place >= 0]


def _apart(
    paired: Answers, scores: tuple[Floats, Floats], threshold: float, seed: int
) -> tuple[Interval, float]:
    if not len(paired):
        nan = float("nan")
        return Interval(nan, nan, nan), nan
    days = blocks_of(paired.asked_at, seed=seed)
    differs = ((scores[0] >= threshold) != (scores[1] >= threshold)).astype(float)
    share = interval_of(float(differs.mean()), ratio_rounds(differs, np.ones_like(differs), days), days)
    return share, float(np.abs(scores[0] - scores[1]).mean())


def _verdict(
    versions: tuple[int, int],
    name: str,
    values: list[float],
    difference: Interval,
    unsure: str,
    allowed: float,
) -> tuple[SignalVerdict, str]:
    champion, shadow = versions
    if unsure or not difference.known:
        return "inconclusive", unsure or f"the difference in {name} has no interval here"
    why = (
        f"{name} of shadow v{shadow} {values[1]:.3f} against {values[0]:.3f} of v{champion}, a difference of "
        f"{difference}"
    )
    worst, best = sorted(improvement(name, end) for end in (difference.low, difference.high))
    if best < 0:
        return "bad", why
    return ("ok" if worst > -allowed else "inconclusive"), why
