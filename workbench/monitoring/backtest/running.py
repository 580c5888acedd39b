"""Several policies over the same history, each in a world and a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from workbench.monitoring.backtest.outcome import Backtest
from workbench.monitoring.backtest.policies import USUAL, Policy
from workbench.project import Project

__all__ = ["OnProgress", "Progress", "run"]


@dataclass(frozen=True)
class Progress:
    """How far a backtest is.

    Attributes
    ----------
    policy : str
        The one that this is about.
    day : date
        Where its world is.
    done, of : int
        Its steps.
    event : str
        What happened there last, in a line; empty when nothing did yet.
    share : float
        How much of the whole backtest is done, from 0 to 1.
    left : timedelta or None
        What it will still take, as far as that can be told.
    """

    policy: str
    day: date
    done: int
    of: int
    event: str
    share: float
    left: timedelta | None


OnProgress = Callable[[Progress], None]


def run(
    project: Project,
    policies: Sequence[Policy | str] = USUAL,
    *,
    name: str = "",
    since: date | None = None,
    until: date | None = None,
    step: str = "",
    jobs: int | None = None,
    again: bool = False,
    on_progress: OnProgress | None = None,
) -> Backtest:
    """Try policies on the project's history, each in a world of its own, below ``.workbench/backtests/``.

    Killed at any moment and called again, it goes on: policies that are finished are kept, trainings are
    not repeated, and the days of an unfinished policy are stepped through again. The project's own stores
    are only read.

    Parameters
    ----------
    policies : sequence of Policy or str
        Names are looked up by :func:`~workbench.monitoring.backtest.policies.find`.
    name : str, optional
        Tells backtests of one project apart.
    since, until : date, optional
        The first day and the one after the last, where the project is; by default as ``[backtest]`` says.
    step : str, optional
        ``day``, ``hour``, or a length such as ``7d``; by default as ``[backtest]`` says.
    jobs : int, optional
        How many worlds at once; by default one a core.
    again : bool
        Begin anew, whatever is there.

    Raises
    ------
    UsageError
        There is no such policy or setting, or the history cannot be replayed; the message says why.
    """
    raise NotImplementedError
