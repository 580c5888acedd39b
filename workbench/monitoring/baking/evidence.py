"""What is known of a baking period: its windows, the champion before, how it fared, and what was violated."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

__all__ = ["Before", "Evidence", "Outcome", "Violation", "WindowFigures"]

_NAN = float("nan")


@dataclass(frozen=True)
class WindowFigures:
    """A version's answers in ``[start, end)``.

    Attributes
    ----------
    rows, failed : int
        Its answers, and rows that it could not answer.
    p99_ms : float
        Latency of the requests that were answered; NaN without one.
    over_limit, over_before : int
        Requests that took longer than ``p99_ms``, and than ``slower_than_before`` allows.
    from_reference, from_before : float
        How far the scores lie from those at validation, and from those of the champion before: Wasserstein
        distance in standard deviations; NaN where there are too few of either.
    requests, failed_requests : int
        How many were answered, and how many could not be.
    """

    start: datetime
    end: datetime
    rows: int
    failed: int
    p99_ms: float = _NAN
    over_limit: int = 0
    over_before: int = 0
    from_reference: float = _NAN
    from_before: float = _NAN
    requests: int = 0
    failed_requests: int = 0

    @property
    def asked(self) -> int:
        """Rows that it could have answered."""
        return self.rows + self.failed


@dataclass(frozen=True)
class Before:
    """The champion before, in as much time before the promotion as the baking period lasts.

    Attributes
    ----------
    rows, requests : int
        Its answers, and the requests for them.
    p99_ms : float
        Latency of the requests.
    """

    version: int
    rows: int
    p99_ms: float
    requests: int = 0


@dataclass(frozen=True)
class Outcome:
    """How good the answers turned out to be, as far as labels are in.

    Attributes
    ----------
    labelled : int
        Of the answers up to which the truth of nine in ten is known; those after them are left out.
    value, low, high : float
        Of ``metric``; NaN while nothing can be said.
    bar : float
        What it is held against, and ``bar_of`` whose figure that is.
    bar_low, bar_high : float
        Its interval; NaN where it is taken as it is.
    """

    metric: str
    labelled: int
    value: float = _NAN
    low: float = _NAN
    high: float = _NAN
    bar: float = _NAN
    bar_of: str = ""
    bar_low: float = _NAN
    bar_high: float = _NAN


@dataclass(frozen=True)
class Violation:
    """A guard that was violated: the decision to roll back, which stands from then on."""

    guard: str
    signal: str
    says: str
    at: datetime


@dataclass(frozen=True)
class Evidence:
    """All of it, as it is kept.

    Attributes
    ----------
    log : str
        The name of the prediction log.
    windows : tuple of WindowFigures
        Those that are over, the newest.
    running : WindowFigures or None
        The one that goes on, as it was when anybody looked last.
    refused : str
        Why the version could not be rolled back.
    ended : str
        What ended the period, in words.
    """

    log: str = ""
    windows: tuple[WindowFigures, ...] = ()
    running: WindowFigures | None = None
    before: Before | None = None
    outcome: Outcome | None = None
    violation: Violation | None = None
    refused: str = ""
    ended: str = ""

    @property
    def seen(self) -> tuple[WindowFigures, ...]:
        """All windows, with the one that goes on."""
        return (*self.windows, self.running) if self.running else self.windows
