"""Figures as levels: how far each is on its way from the reference (0) to its line (1, or −1).

A drift score has a line of its own, the threshold. The lines of the others are where they alone would make a
window drift: a normal variable whose mean moves by δ standard deviations has a normed Wasserstein distance of
δ, one whose standard deviation grows by the share δ one of δ √(2/π); a category whose share moves from p to
p + δ a Jensen-Shannon distance of about δ / √(8 p (1 − p)); and so much more missing is drift by itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from workbench.monitoring.trend.profile import FeatureProfile

__all__ = ["DRIFT", "levels_of"]

#: The figure that only ever gets worse upwards.
DRIFT = "drift score"
# The distance that counts as drift, and the share of missing values that does.
_DISTANCE = 0.1
_MISSING = 0.1
_SPREAD = _DISTANCE / math.sqrt(2 / math.pi)
# Of a category that the reference hardly has: the share at which the distance reaches the line.
_LEAST_SHARE = 0.03
# A p-value of nothing must not stand for ever further out.
_FURTHEST = 10.0


def levels_of(
    now: FeatureProfile, reference: FeatureProfile, measured: FeatureProfile | None
) -> Iterator[tuple[str, float]]:
    """Figure and level of one feature in one window; only of those that the reference has.

    Parameters
    ----------
    measured : FeatureProfile or None
        The profile with the method by which ``now`` must have been measured for its score to be compared.
    """
    if measured is not None and measured.method:
        same = now.method == measured.method
        yield DRIFT, _drift(now) if same else math.nan
    if reference.spread > 0:
        yield "centre", (now.centre - reference.centre) / (_DISTANCE * reference.spread)
        yield "spread", (now.spread / reference.spread - 1) / _SPREAD
    if not math.isnan(reference.missing):
        yield "missing", (now.missing - reference.missing) / _MISSING
    for value, share in reference.shares.items():
        line = max(_LEAST_SHARE, _DISTANCE * math.sqrt(8 * share * (1 - share)))
        # A window without a single value has no shares at all.
        yield f"share of {value}", (now.shares.get(value, math.nan) - share) / line


def _drift(now: FeatureProfile) -> float:
    if "p_value" not in now.method:
        return now.score / now.threshold if now.threshold > 0 else math.nan
    if math.isnan(now.score) or not 0 < now.threshold < 1:
        return math.nan
    least = now.threshold**_FURTHEST
    return math.log(min(max(now.score, least), 1.0)) / math.log(now.threshold)
