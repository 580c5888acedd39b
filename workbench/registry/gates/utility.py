"""What a model's answers are worth, in the business's own unit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.registry.gates.bootstrap import Interval, interval, ratio_rounds
from workbench.registry.gates.holdout import Holdout
from workbench.registry.gates.validation import Gate, more_than

if TYPE_CHECKING:
    from workbench.config import UtilityConfig
    from workbench.registry.gates.bootstrap import Floats

__all__ = ["utility", "utility_gate", "worth"]

_PER = 1000  # rows, so that the numbers can be read


def worth(y: Floats, flagged: Floats, config: UtilityConfig) -> Floats:
    """What each answer is worth: a row's value by whether it was flagged and what turned out."""
    value: Floats = np.where(
        y > 0,
        np.where(flagged > 0, config.true_positive, config.false_negative),
        np.where(flagged > 0, config.false_positive, config.true_negative),
    )
    return value


def utility(holdout: Holdout, model: str, config: UtilityConfig) -> tuple[float, Floats]:
    """What a model's answers are worth for 1,000 rows: the value, and the value in each round."""
    flagged = (holdout.scores[model] >= holdout.threshold).astype(float)
    values = _PER * worth(holdout.y, flagged, config)
    return float(values.mean()), ratio_rounds(values, np.ones_like(values), holdout.days)


def utility_gate(holdout: Holdout, config: UtilityConfig) -> Gate:
    """Whether the candidate's answers are worth more than those of the champion (else the baseline)."""
    other = "champion" if "champion" in holdout.scores else "baseline"
    ours, our_rounds = utility(holdout, "candidate", config)
    theirs, their_rounds = utility(holdout, other, config)
    gain: Interval = interval(ours - theirs, our_rounds - their_rounds)
    why = (
        f"{ours:,.1f} {config.unit} for {_PER:,} rows against the {other}'s {theirs:,.1f}, a gain of "
        f"{gain.value:,.1f} [{gain.low:,.1f}, {gain.high:,.1f}]; more than {config.minimum_gain:g} is asked"
    )
    return Gate("utility", more_than(gain, config.minimum_gain), gain.value, config.minimum_gain, why, gain)
