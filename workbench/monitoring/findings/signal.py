"""A figure of a window that a rule for alerts may look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Signal", "SignalVerdict"]

SignalVerdict = Literal["ok", "bad", "inconclusive"]


@dataclass(frozen=True)
class Signal:
    """One figure, and what it is held to be.

    Attributes
    ----------
    name : str
        Such as ``drift.share`` or ``health.p99_ms``; rules in ``workbench.toml`` refer to it.
    value : float
        NaN when there is none.
    verdict : str
        ``ok``, ``bad``, or ``inconclusive`` when too little is known.
    says : str
        The same in words, with its evidence: what an alert shows.
    """

    name: str
    value: float
    verdict: SignalVerdict
    says: str
